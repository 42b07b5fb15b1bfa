//! Expected against observed, as a pure function.

use std::fmt;

use crate::judge::{self as common, strings};
use crate::report::Outcome;
use crate::transport::Response;

/// The documented answer to a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Anything but 401, 403 and 5xx: the operation is public.
    Public,
    /// 401.
    Unauthenticated,
    /// 403, or 404 without the resource: another organization's.
    Foreign,
    /// 403.
    Forbidden,
    /// Anything but 401, 403 and 5xx: the control.
    Through,
}

impl Expect {
    fn refuses(self) -> bool {
        matches!(self, Self::Unauthenticated | Self::Foreign | Self::Forbidden)
    }

    fn documents(self, status: u16) -> bool {
        match self {
            Self::Unauthenticated => status == 401,
            Self::Foreign => matches!(status, 403 | 404),
            Self::Forbidden => status == 403,
            Self::Public | Self::Through => !matches!(status, 401 | 403 | 500..),
        }
    }
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Public => "public: neither 401, 403 nor 5xx",
            Self::Unauthenticated => "401",
            Self::Foreign => "403 or 404",
            Self::Forbidden => "403",
            Self::Through => "neither 401, 403 nor 5xx",
        })
    }
}

/// What a judgement is made from.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The documented answer.
    pub expect: Expect,
    /// The answer; `Err` describes a missing one.
    pub answer: Result<&'a Response, &'a str>,
    /// The method is GET or HEAD: the control's answer is one to the same request.
    pub safe: bool,
    /// The answer to HEAD has no body.
    pub head: bool,
    /// The control's answer.
    pub control: Option<&'a Response>,
    /// The strings of the request.
    pub asked: &'a [String],
    /// The values that name another organization's resources, from the caller's point of view.
    pub foreign: &'a [String],
    /// Media types that the document describes for the answer's status.
    pub media_types: &'a [String],
}

/// The result of a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The outcome.
    pub outcome: Outcome,
    /// The answer in words that are the same in every run.
    pub observed: String,
    /// A caller who should be refused was let in.
    pub wrongly_allowed: bool,
    /// The control did not get as far as the operation.
    pub not_exercised: bool,
}

/// Minimum length of a string that counts as content of a resource.
const TELLING: usize = 8;

/// Judges an answer.
pub fn judge(facts: &Facts<'_>) -> Judgement {
    let response = match facts.answer {
        Ok(response) => response,
        Err(why) => return verdict(Outcome::Failed, why.to_owned(), false),
    };
    let status = response.status;
    let json = response.json();
    let shown: Vec<&str> = json.as_ref().map(strings).unwrap_or_default();
    let unasked =
        facts.foreign.iter().find(|value| shown.contains(&value.as_str()) && !facts.asked.contains(value));
    if !facts.expect.refuses() {
        if let Some(value) = unasked {
            return verdict(
                Outcome::Failed,
                format!("{status} with `{value}` of another organization"),
                false,
            );
        }
        return match facts.expect.documents(status) {
            true => Judgement {
                not_exercised: matches!(status, 400 | 404 | 405 | 409 | 415 | 422),
                ..verdict(Outcome::Passed, describe(response), false)
            },
            false => verdict(Outcome::Failed, describe(response), false),
        };
    }
    if response.is_success() || status == 101 {
        let what = unasked.map(|value| format!(" with `{value}` of another organization"));
        return verdict(Outcome::Failed, format!("{status}{}", what.unwrap_or_default()), true);
    }
    let content = facts.control.filter(|control| control.is_success()).and_then(|control| control.json());
    let holds = content.as_ref().is_some_and(|content| {
        strings(content).iter().any(|text| {
            text.chars().count() >= TELLING
                && shown.contains(text)
                && !facts.asked.iter().any(|asked| asked == text)
        })
    });
    if holds {
        return verdict(Outcome::Failed, format!("{status} with content of the resource"), true);
    }
    if let Some(value) = unasked {
        return verdict(Outcome::Failed, format!("{status} with `{value}` of another organization"), false);
    }
    if facts.expect.documents(status) {
        let documented = status == 404 || facts.head || as_documented(response, facts.media_types);
        return match documented {
            true => verdict(Outcome::Passed, describe(response), false),
            false => verdict(
                Outcome::Warned,
                format!("{}, another body than the documented one", describe(response)),
                false,
            ),
        };
    }
    match status {
        400 | 404 | 405 | 415 | 422 => {
            let same = facts.safe && facts.control.is_some_and(Response::is_success);
            match same {
                true => verdict(Outcome::Failed, refused_otherwise(response), false),
                false => {
                    verdict(Outcome::Passed, format!("{}, which opens nothing", describe(response)), false)
                }
            }
        }
        300..400 => verdict(Outcome::Failed, format!("{status}, a redirect instead of a refusal"), false),
        401..=499 => verdict(Outcome::Failed, refused_otherwise(response), false),
        _ => verdict(Outcome::Failed, describe(response), false),
    }
}

fn refused_otherwise(response: &Response) -> String {
    format!("{}: refused, but not as documented", describe(response))
}

/// The body of the API's documentation, or a media type of its own that the document describes for this status.
fn as_documented(response: &Response, media_types: &[String]) -> bool {
    let detail = response.detail();
    let details: &[&str] = match response.status {
        401 => &[common::NOT_AUTHENTICATED, common::INVALID_CREDENTIALS],
        _ => &[common::NOT_AUTHORIZED],
    };
    let media = response.value("content-type").unwrap_or_default();
    let essence = media.split(';').next().unwrap_or_default().trim();
    let own_form = essence != "application/json" && media_types.iter().any(|known| known == essence);
    own_form || detail.is_some_and(|detail| details.contains(&detail.as_str()))
}

fn describe(response: &Response) -> String {
    match response.detail() {
        Some(detail) => {
            let detail: String = detail.chars().filter(|letter| !letter.is_control()).take(80).collect();
            format!("{} `{detail}`", response.status)
        }
        None => response.status.to_string(),
    }
}

fn verdict(outcome: Outcome, observed: String, wrongly_allowed: bool) -> Judgement {
    Judgement { outcome, observed, wrongly_allowed, not_exercised: false }
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
