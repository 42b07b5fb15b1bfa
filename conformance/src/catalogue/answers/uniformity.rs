//! SEC-1, TOK-1: responses to invalid tokens are indistinguishable.
//!
//! Each comparison sends both kinds of token twice. Values that vary between requests of the same kind (a date, a
//! request id) are ignored; a value that is constant within each kind and differs between the two is a difference.
//! Before a difference counts, both kinds are sent again in turn, over several seconds.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::case::{Accept, Case};
use crate::catalogue::sources;
use crate::judge::{self, Finding};
use crate::run::session::{Session, Stop};
use crate::transport::{RequestOutcome, Response};

/// How often both kinds are sent again before a difference counts, and the delay before the last time.
const ROUNDS: usize = 2;
const PAUSE: std::time::Duration = std::time::Duration::from_millis(1_100);

/// The compared part of a response.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Body,
    /// Every header field except the challenge.
    Fields,
    Challenge,
}

macro_rules! alike {
    ($name:ident, $title:literal, $what:literal, part: $part:ident, level: $level:ident, needs: [$($need:ident),+],
     |$session:ident| $token:expr) => {
        case! {
            $name,
            title: $title,
            clauses: [Sec1, Tok1],
            level: $level,
            sends: concat!("Sends GET to the protected endpoint twice with a forged token and twice with ", $what, "."),
            requirement: concat!("The deployment ", $crate::catalogue::modal!($level), " answer all alike: only the operator may learn why a token is not valid."),
            source: sources::NOT_VALID,
            needs: [$($need),+],
            accept: [Accept::Other("the same 401 as for a forged token")],
            requests: 0,
            shares: [
                "a forged token" => 1, "a forged token, again" => 1, $what => 1, concat!($what, ", again") => 1
            ],
            run: |session| {
                for name in ["a forged token", "a forged token, again"] {
                    session.send_shared(name, |s| Ok(s.protected().bearer(s.forged()?.text()))).await?;
                }
                for name in [$what, concat!($what, ", again")] {
                    session.send_shared(name, |$session| Ok($session.protected().bearer($token))).await?;
                }
                let finding = judged(session, Part::$part)?;
                if finding.kept || !all_refused(session) {
                    return Ok(finding);
                }
                // Values that change with time are ignored: both kinds are sent again, in turn and over several
                // seconds.
                for round in 0..ROUNDS {
                    tokio::time::sleep(PAUSE).await;
                    for turn in 0..2 {
                        // Cases that compare other parts of the same responses share these requests.
                        let name = format!("{}, round {round}, turn {turn}", $what);
                        match (round + turn) % 2 {
                            0 => session.send_shared(&name, |s| Ok(s.protected().bearer(s.forged()?.text()))),
                            _ => session.send_shared(&name, |$session| Ok($session.protected().bearer($token))),
                        }
                        .await?;
                    }
                }
                judged(session, Part::$part)
            },
        }
    };
}

pub(in crate::catalogue) static CASES: &[Case] = &[
    alike!(expired, "An expired token's answer does not say that it has expired", "an expired one",
        part: Body, level: Must, needs: [Valid, Expired], |s| s.expired()?.text()),
    alike!(revoked, "A revoked token's answer does not say that it was revoked", "a revoked one",
        part: Body, level: Must, needs: [Valid, Revoked], |s| s.revoked()?.text()),
    alike!(other_environment, "Another environment's token is answered like a forged one", "another environment's",
        part: Body, level: Must, needs: [Valid, OtherEnvironment], |s| s.other_environment()?.text()),
    alike!(two_segments, "A malformed token's answer does not say what is wrong with it", "one without its third segment",
        part: Body, level: Must, needs: [Valid], |s| s.valid()?.signed_part()),
    alike!(no_algorithm, "A token under `none` is answered like a forged one", "one under `alg` `none`",
        part: Body, level: Must, needs: [Valid],
        |s| s.valid()?.with_header(r#"{"alg":"none","typ":"JWT"}"#).with_signature(&[]).text()),
    alike!(unknown_key, "A token under an unknown key is answered like a forged one", "one under an unknown `kid`",
        part: Body, level: Must, needs: [Valid],
        |s| s.base()?.header("kid", "\"unknown\"").sign(&s.impostor()?).text()),
    alike!(expired_fields, "An expired token's header fields do not say that it has expired", "an expired one",
        part: Fields, level: Must, needs: [Valid, Expired], |s| s.expired()?.text()),
    alike!(expired_challenge, "An expired token's challenge does not say that it has expired", "an expired one",
        part: Challenge, level: Should, needs: [Valid, Expired], |s| s.expired()?.text()),
    alike!(revoked_challenge, "A revoked token's challenge does not say that it was revoked", "a revoked one",
        part: Challenge, level: Should, needs: [Valid, Revoked], |s| s.revoked()?.text()),
    alike!(malformed_challenge, "A malformed token's challenge does not say what is wrong with it",
        "one without its third segment",
        part: Challenge, level: Should, needs: [Valid], |s| s.valid()?.signed_part()),
];

/// Whether every response so far is a 401; otherwise there is nothing to compare.
fn all_refused(session: &Session) -> bool {
    session.exchanges().len() >= 4
        && session
            .exchanges()
            .iter()
            .all(|exchange| matches!(&exchange.answer, RequestOutcome::Response(response) if response.status == 401))
}

fn judged(session: &Session, part: Part) -> Result<Finding, Stop> {
    let mut responses = Vec::new();
    for (index, exchange) in session.exchanges().iter().enumerate() {
        let observed = judge::describe(&exchange.answer, session.known());
        match &exchange.answer {
            RequestOutcome::Response(response) if response.status == 401 => responses.push(response),
            RequestOutcome::Response(response) if judge::says_nothing(response) => {
                return Ok(Finding::broken(observed).at(index).refused_otherwise());
            }
            _ => return Ok(Finding::broken(observed).at(index)),
        }
    }
    if responses.len() < 4 {
        return Ok(Finding::broken("nothing was sent"));
    }
    let (mut one, mut other) = (Vec::new(), Vec::new());
    for (index, response) in responses.iter().enumerate() {
        // First two of each kind, then both in turn, in an order that changes from round to round.
        let forged = match index {
            0..4 => index < 2,
            _ => (index / 2 + index) % 2 == 0,
        };
        if forged { &mut one } else { &mut other }.push(parts(response, part));
    }
    let differing = differences(&constants(&one), &constants(&other));
    Ok(if differing.is_empty() {
        Finding::kept("the same 401")
    } else {
        let what = differing.join(", ");
        Finding::broken(format!("a 401 that differs in {what}")).at(3)
    })
}

/// The parts of a response, by name.
fn parts(response: &Response, part: Part) -> BTreeMap<String, String> {
    let mut parts = BTreeMap::new();
    match part {
        Part::Challenge => {
            let values: Vec<String> = response.values("www-authenticate").collect();
            parts.insert("the challenge".to_owned(), values.join(", "));
        }
        Part::Fields => {
            for (name, value) in &response.fields {
                let name = name.to_ascii_lowercase();
                if !matches!(name.as_str(), "www-authenticate" | "date" | "age") {
                    parts.insert(format!("the field `{name}`"), String::from_utf8_lossy(value).into_owned());
                }
            }
        }
        Part::Body => match response.json() {
            Some(json) => flatten("", &json, &mut parts),
            None => {
                parts.insert("the body".to_owned(), String::from_utf8_lossy(&response.body).into_owned());
            }
        },
    }
    parts
}

fn flatten(name: &str, value: &Value, parts: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(members) => {
            for (member, value) in members {
                flatten(
                    &if name.is_empty() { member.clone() } else { format!("{name}.{member}") },
                    value,
                    parts,
                );
            }
        }
        other => {
            parts.insert(format!("`{name}`"), other.to_string());
        }
    }
}

/// The constant parts of the responses to one kind: `None` marks a name whose value changes.
fn constants(answers: &[BTreeMap<String, String>]) -> BTreeMap<String, Option<String>> {
    let names: BTreeSet<&String> = answers.iter().flat_map(BTreeMap::keys).collect();
    let constant = |name: &String| {
        let value = answers.first()?.get(name)?;
        answers.iter().all(|answer| answer.get(name) == Some(value)).then(|| value.clone())
    };
    names.into_iter().map(|name| (name.clone(), constant(name))).collect()
}

fn differences(
    one: &BTreeMap<String, Option<String>>,
    other: &BTreeMap<String, Option<String>>,
) -> Vec<String> {
    let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    names
        .into_iter()
        .filter(|name| match (one.get(*name), other.get(*name)) {
            (Some(Some(one)), Some(Some(other))) => one != other,
            (Some(_), Some(_)) => false,
            _ => true,
        })
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(body: &str) -> BTreeMap<String, String> {
        parts(&Response { status: 401, fields: Vec::new(), body: body.into() }, Part::Body)
    }

    fn compared(bodies: [&str; 4]) -> Vec<String> {
        let [one, two, three, four] = bodies.map(answer);
        differences(&constants(&[one, two]), &constants(&[three, four]))
    }

    #[test]
    fn values_that_change_with_every_request_are_ignored() {
        let bodies = [1, 2, 3, 4].map(|id| format!(r#"{{"detail": "x", "request": {{"id": {id}}}}}"#));
        assert!(compared([&bodies[0], &bodies[1], &bodies[2], &bodies[3]]).is_empty());
    }

    #[test]
    fn values_that_change_with_the_kind_are_a_difference() {
        let (one, other) = (r#"{"detail": "x", "code": "a"}"#, r#"{"detail": "x", "code": "b"}"#);
        assert_eq!(compared([one, one, other, other]), ["`code`"]);
        let without = r#"{"detail": "x"}"#;
        assert_eq!(compared([one, one, without, without]), ["`code`"]);
        assert_eq!(compared(["one", "one", "two", "two"]), ["the body"]);
    }
}
