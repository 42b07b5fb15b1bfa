//! Evaluates responses: each rule for access, refusal and silence is defined here once.

mod accept;

use std::collections::BTreeSet;

use serde_json::Value;

pub use accept::Accept;

use crate::transport::{Request, RequestOutcome, Response};

/// `detail` of a 401 for a request without a token.
pub const NOT_AUTHENTICATED: &str = "Not authenticated";
/// `detail` of a 401 for an invalid token.
pub const INVALID_CREDENTIALS: &str = "Invalid authentication credentials";
/// `detail` of a 403.
pub const NOT_AUTHORIZED: &str = "User has no organization or not authorized";

/// A longer header line, in bytes, may be refused before the application sees it.
const LONG_LINE: usize = 8_000;

/// The responses of the preflight, for comparison.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The public endpoint, without a token.
    pub public: Option<Response>,
    /// The protected endpoint, with a valid token.
    pub protected: Option<Response>,
    /// The owned resource, with its organization's token.
    pub owned: Option<Response>,
    /// The public endpoint a second time: values that differ between the two vary between requests.
    pub public_again: Option<Response>,
    /// An unknown path, without a token, if the response is a page: the shell of an application.
    pub shell: Option<Response>,
    /// The endpoints of the profile: each path with its method.
    pub endpoints: Vec<(String, String)>,
}

/// The result of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The deployment meets the requirement.
    pub kept: bool,
    /// What was observed, in words that are the same in every run.
    pub observed: String,
    /// The index of the deciding exchange; `None` if no single one decided.
    pub deciding: Option<usize>,
    /// The deployment allowed a request that it must refuse.
    pub wrongly_allowed: bool,
    /// It refused, but not as documented: a warning, whatever the level of the case.
    pub refused_otherwise: bool,
    /// Additional remarks.
    pub remarks: Vec<String>,
}

impl Finding {
    /// The requirement is met.
    pub fn kept(observed: impl Into<String>) -> Self {
        Self {
            kept: true,
            observed: observed.into(),
            deciding: None,
            wrongly_allowed: false,
            refused_otherwise: false,
            remarks: Vec::new(),
        }
    }

    /// The requirement is not met.
    pub fn broken(observed: impl Into<String>) -> Self {
        Self { kept: false, ..Self::kept(observed) }
    }

    /// Sets the deciding exchange.
    #[must_use]
    pub fn at(mut self, exchange: usize) -> Self {
        self.deciding = Some(exchange);
        self
    }

    /// Marks that the deployment allowed a request that it must refuse.
    #[must_use]
    pub fn allowed(mut self) -> Self {
        self.wrongly_allowed = true;
        self
    }

    /// Marks that the deployment refused, but not as documented.
    #[must_use]
    pub fn refused_otherwise(mut self) -> Self {
        self.refused_otherwise = true;
        self
    }

    /// Adds a remark.
    #[must_use]
    pub fn remark(mut self, remark: impl Into<String>) -> Self {
        self.remarks.push(remark.into());
        self
    }
}

/// Whether the response is one of the acceptable ones.
pub fn accepts(accept: &[Accept], request: &Request, answer: &RequestOutcome, known: &Known) -> bool {
    let RequestOutcome::Response(response) = answer else { return false };
    accept.iter().any(|accept| fits(*accept, request, response, known))
}

fn fits(accept: Accept, request: &Request, response: &Response, known: &Known) -> bool {
    let documented = |status, detail| is_refusal(request, response, status, detail);
    if is_refusing(accept) {
        if shows_endpoint(request, response, known) {
            return accept == Accept::PublicContent && response.is_success() && is_public(response, known);
        }
        if refused_early(request, response)
            || lacks_method(request, response, known)
            || accept != Accept::NotAuthenticated
                && (is_shell(request, response, known) || lists_methods(request, response))
        {
            return true;
        }
    }
    match accept {
        Accept::Success => response.is_success(),
        Accept::LetThrough => is_let_through(response),
        Accept::NotAuthenticated => documented(401, NOT_AUTHENTICATED),
        Accept::InvalidCredentials => documented(401, INVALID_CREDENTIALS),
        Accept::Forbidden => documented(403, NOT_AUTHORIZED) && !shows_owned(response, known),
        Accept::Hidden => response.status == 404 && !shows_owned(response, known),
        Accept::Closed => is_closed(response),
        Accept::Contentless => response.is_success() && !has_content(response),
        Accept::PublicContent => response.is_success() && is_public(response, known),
        Accept::NotTheResource => {
            is_closed(response)
                || response.is_success()
                    && known.owned.as_ref().is_some_and(|owned| !same_content(owned, response))
        }
        Accept::Other(_) => false,
    }
}

/// A response without access: no upgrade, no 2xx, no server error. 501 means that the server does not support the
/// method (RFC 9110 §15.6.2).
fn is_closed(response: &Response) -> bool {
    (200..500).contains(&response.status) && !response.is_success() || response.status == 501
}

/// Whether the response has the content of the protected endpoint or of the owned resource, under any status. Content
/// that the public endpoint could also return is not counted.
fn shows_endpoint(request: &Request, response: &Response, known: &Known) -> bool {
    if response.body.is_empty() || is_public(response, known) {
        return false;
    }
    let own = |reference: &Option<Response>| {
        reference.as_ref().is_some_and(|reference| {
            !reference.body.is_empty()
                && (reference.body == response.body
                    || is_telling(reference) && same_values(reference, response))
        })
    };
    // The protected endpoint returns other content to a caller of another organization.
    request.method != "HEAD" && (own(&known.protected) || own(&known.owned))
}

/// Whether a body is distinctive enough to be recognized: JSON that contains a string.
fn is_telling(response: &Response) -> bool {
    response.json().is_some_and(|json| !strings(&json).is_empty())
}

/// Whether the method does not exist there: 405 and 501 are valid for any method but the endpoint's own (RFC 9110 §9.1,
/// §15.5.6).
pub fn lacks_method(request: &Request, response: &Response, known: &Known) -> bool {
    let path = request.target.bytes();
    let path = path.split(|byte| *byte == b'?').next().unwrap_or_default();
    let own = |endpoint: &&(String, String)| endpoint.0.as_bytes() == path;
    let mut endpoints = known.endpoints.iter().filter(own).peekable();
    matches!(response.status, 405 | 501)
        && match endpoints.peek() {
            None => request.method != "GET",
            Some(_) => endpoints.all(|(_, method)| *method != request.method),
        }
}

/// Whether this is the page that an application returns for every path, and the path is not in the profile.
fn is_shell(request: &Request, response: &Response, known: &Known) -> bool {
    let path = request.target.bytes();
    response.is_success()
        && known.shell.as_ref().is_some_and(|shell| shell.body == response.body)
        && !known.endpoints.iter().any(|(endpoint, _)| endpoint.as_bytes() == path)
}

/// A response to OPTIONS that is empty or lists methods is not content. Some frameworks answer a preflight with `OK`.
fn lists_methods(request: &Request, response: &Response) -> bool {
    const WORDS: [&str; 14] = [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "QUERY", "ALLOW",
        "METHODS", "OK", "ALLOWED",
    ];
    let text = String::from_utf8_lossy(&response.body).to_ascii_uppercase();
    let mut words =
        text.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    request.method == "OPTIONS" && response.is_success() && words.all(|word| WORDS.contains(&word))
}

/// Whether the response has the content of the public endpoint: the same members, and the same values except those that
/// vary between requests.
pub(crate) fn is_public(response: &Response, known: &Known) -> bool {
    let Some(public) = &known.public else { return false };
    if public.body == response.body {
        return true;
    }
    same_content(public, response) && {
        let again = known.public_again.as_ref().and_then(Response::json);
        match (public.json(), response.json()) {
            (Some(public), Some(json)) => same_constants(&public, again.as_ref(), &json),
            _ => false,
        }
    }
}

/// Whether the significant strings are equal. Strings that differ between the two reference responses vary between
/// requests, as do strings with a digit: dates, ids, counters.
fn same_constants(reference: &Value, again: Option<&Value>, other: &Value) -> bool {
    match (reference, other) {
        (Value::String(one), Value::String(two)) => {
            let changes = |text: &str| text.bytes().any(|byte| byte.is_ascii_digit());
            one == two || again.is_some_and(|again| again != reference) || changes(one) && changes(two)
        }
        (Value::Object(one), Value::Object(two)) => one.iter().all(|(name, value)| {
            two.get(name)
                .is_some_and(|other| same_constants(value, again.and_then(|again| again.get(name)), other))
        }),
        (Value::Array(one), Value::Array(two)) => one
            .iter()
            .zip(two)
            .enumerate()
            .all(|(at, (one, two))| same_constants(one, again.and_then(|again| again.get(at)), two)),
        _ => true,
    }
}

/// Whether two JSON bodies have the same shape and the same strings.
fn same_values(one: &Response, other: &Response) -> bool {
    same_content(one, other)
        && match (one.json(), other.json()) {
            (Some(one), Some(other)) => strings(&one) == strings(&other),
            _ => true,
        }
}

/// The strings of a JSON text, without member names.
pub(crate) fn strings(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(strings).collect(),
        Value::Object(members) => members.values().flat_map(strings).collect(),
        _ => Vec::new(),
    }
}

/// Whether the response gives no access whatever the request: a form of request that the endpoint refuses to everyone,
/// or the page of a firewall in front of it.
pub fn says_nothing(response: &Response) -> bool {
    let html = response.value("content-type").is_some_and(|media| media.contains("text/html"));
    match response.status {
        400 | 404 | 405 | 406 | 413 | 414 | 415 | 421 | 422 | 426 | 429 | 431 | 501 => true,
        402..=499 => html,
        _ => false,
    }
}

/// Whether the request was allowed or had an effect: an upgrade, a 2xx with content or to a method that writes, or the
/// content of an endpoint under any status.
pub fn is_allowed(request: &Request, response: &Response, known: &Known) -> bool {
    let writes = !matches!(request.method.as_str(), "GET" | "HEAD" | "OPTIONS" | "TRACE");
    response.status == 101
        || response.is_success() && (has_content(response) || writes)
        || shows_endpoint(request, response, known)
}

/// Whether a refusal contains the owned resource's content, as a whole or as a member: a JSON body is searched member
/// by member, because a server may wrap it.
fn shows_owned(response: &Response, known: &Known) -> bool {
    let Some(owned) = known.owned.as_ref().filter(|owned| !owned.body.is_empty()) else { return false };
    match (response.json(), owned.json()) {
        (Some(json), Some(resource)) => holds(&json, &resource),
        _ => response.body == owned.body,
    }
}

fn holds(json: &Value, wanted: &Value) -> bool {
    json == wanted
        || match (json, wanted) {
            (Value::Object(members), Value::Object(resource)) => {
                !resource.is_empty() && resource.iter().all(|(name, value)| members.get(name) == Some(value))
                    || members.values().any(|value| holds(value, wanted))
            }
            (Value::Object(members), _) => members.values().any(|value| holds(value, wanted)),
            (Value::Array(items), _) => items.iter().any(|item| holds(item, wanted)),
            _ => false,
        }
}

/// Neither 401, 403 nor 5xx.
pub fn is_let_through(response: &Response) -> bool {
    !matches!(response.status, 401 | 403 | 500..)
}

/// The documented status and detail. A response to HEAD has no body to check.
fn is_refusal(request: &Request, response: &Response, status: u16, detail: &str) -> bool {
    response.status == status && (request.method == "HEAD" || response.detail().as_deref() == Some(detail))
}

/// Whether an acceptable response denies access.
pub fn is_refusing(accept: Accept) -> bool {
    match accept {
        Accept::NotAuthenticated
        | Accept::InvalidCredentials
        | Accept::Forbidden
        | Accept::Hidden
        | Accept::Closed
        | Accept::Contentless
        | Accept::PublicContent
        | Accept::NotTheResource => true,
        Accept::Success | Accept::LetThrough | Accept::Other(_) => false,
    }
}

/// A server may refuse these before the application sees them: a very long header line, control or non-ASCII bytes, a
/// repeated `Authorization` line, an invalid request line. The content of that refusal is not specified.
fn refused_early(request: &Request, response: &Response) -> bool {
    matches!(response.status, 400 | 413 | 414 | 431) && invites_early_refusal(request)
}

fn invites_early_refusal(request: &Request) -> bool {
    let odd = |byte: &u8| (*byte < 0x20 && *byte != b'\t') || *byte >= 0x7f;
    let fields = request.fields.iter().map(|field| (field.name.as_str(), field.value.bytes()));
    let odd_field = fields
        .into_iter()
        .any(|(name, value)| name.len() + 2 + value.len() > LONG_LINE || value.iter().any(odd));
    odd_field || request.authorizations().count() > 1 || illegal_request_line(request)
}

/// RFC 9112 §3: a method is a token, a target is origin-form, absolute-form or `*`, made of RFC 3986's
/// characters, without a fragment.
fn illegal_request_line(request: &Request) -> bool {
    let target = request.target.bytes();
    let legal = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~:/?[]@!$&'()*+,;=%".contains(byte);
    let escapes = target.iter().enumerate().filter(|(_, byte)| **byte == b'%').all(|(at, _)| {
        target.get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    let form = target.starts_with(b"/") || target.starts_with(b"http") || target == b"*";
    let method =
        request.method.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte));
    !(target.iter().all(legal) && escapes && form && method)
}

/// Content, or the header fields that describe content (RFC 9110 §8).
fn has_content(response: &Response) -> bool {
    let described =
        ["content-type", "content-encoding", "content-language", "content-range", "etag", "last-modified"]
            .iter()
            .any(|name| response.value(name).is_some());
    let length = response.value("content-length").is_some_and(|length| length.trim() != "0");
    !response.body.is_empty() || described || length
}

/// Whether two responses show the same content: equal bodies, or JSON with the same members and types, because dates
/// and counters vary between requests.
pub fn same_content(one: &Response, other: &Response) -> bool {
    if one.body == other.body {
        return true;
    }
    match (one.json(), other.json()) {
        (Some(one), Some(other)) => shape(&one) == shape(&other),
        _ => false,
    }
}

/// Whether two responses have the same status and content, or are pages of the same kind.
pub fn same_answer(one: &Response, other: &Response) -> bool {
    let html =
        |response: &Response| response.value("content-type").is_some_and(|media| media.contains("text/html"));
    one.status == other.status && (same_content(one, other) || html(one) && html(other))
}

/// The members and types of a JSON text, without its values.
fn shape(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(_) => "bool".into(),
        Value::Number(_) => "number".into(),
        Value::String(_) => "string".into(),
        Value::Array(items) => {
            let shapes: BTreeSet<String> = items.iter().map(shape).collect();
            format!("{shapes:?}")
        }
        Value::Object(members) => {
            let shapes: BTreeSet<String> =
                members.iter().map(|(name, value)| format!("{name}: {}", shape(value))).collect();
            format!("{{{shapes:?}}}")
        }
    }
}

const PUBLIC_CONTENT: &str = "the public endpoint's content";

/// A response in words that are the same in every run.
pub fn describe(answer: &RequestOutcome, known: &Known) -> String {
    match answer {
        RequestOutcome::Response(response) => describe_response(response, known),
        RequestOutcome::Unreachable(error) => error.kind.to_owned(),
        RequestOutcome::Closed => "connection closed without an answer".into(),
        RequestOutcome::TimedOut => "no answer in time".into(),
        RequestOutcome::Garbled(how) => how.clone(),
        RequestOutcome::NotCarried(why) => why.clone(),
    }
}

fn describe_response(response: &Response, known: &Known) -> String {
    let status = response.status;
    if let Some(detail) = response.detail() {
        let detail: String = detail.chars().filter(|character| !character.is_control()).take(80).collect();
        return format!("{status} `{detail}`");
    }
    if response.is_success() && !response.body.is_empty() {
        let whose = [
            (&known.owned, "the owned resource's content"),
            (&known.protected, "the protected endpoint's content"),
            (&known.public, PUBLIC_CONTENT),
        ];
        for (reference, words) in whose {
            let same = |reference: &Response| match words == PUBLIC_CONTENT {
                true => is_public(response, known),
                false => same_content(reference, response),
            };
            if reference.as_ref().is_some_and(same) {
                return format!("{status} with {words}");
            }
        }
    }
    let html = response.value("content-type").is_some_and(|media| media.contains("text/html"));
    match (html, status) {
        (true, _) => format!("{status} with an HTML page"),
        (false, 401 | 403) => format!("{status} without the documented detail"),
        (false, _) => status.to_string(),
    }
}

#[cfg(test)]
mod tests;
