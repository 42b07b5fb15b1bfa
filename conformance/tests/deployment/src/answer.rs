//! The content of responses, and their header fields.

use serde_json::{Value, json};

use crate::authority::{ORG, OTHER_ORG};
use crate::claims::Caller;
use crate::fault::Fault;
use crate::guard::Route;
use crate::judge::{Judge, allow, detail, not_allowed};
use crate::message::{Answer, Request, latin1};
use crate::path::Place;
use crate::variation::Variation;

impl Judge<'_> {
    /// The requested content. A request that a fault allowed gets the content with any method.
    pub(crate) fn serve(&self, request: &Request, route: Route, caller: &Caller) -> Answer {
        let by_fault = (route.open && route.place != Place::Public) || self.has(Fault::FormTokenAccepted);
        if route.place == Place::Collection && request.method == "HEAD" && self.has(Fault::HeadServerError) {
            return detail(500, "Internal Server Error");
        }
        if request.method == "TRACE" && self.has(Fault::TokenEchoedByTrace) {
            let lines: Vec<String> =
                request.fields.iter().map(|(name, value)| format!("{name}: {}", latin1(value))).collect();
            return Answer { status: 200, ..detail(200, &lines.join("\n")) };
        }
        let method = if by_fault { "GET" } else { request.method.as_str() };
        if method == "OPTIONS" {
            return Answer::empty(204).with("Allow", allow(route.place));
        }
        let known = route.place.methods().contains(&method) || by_fault;
        match route.place {
            Place::Unknown if self.has(Fault::UnknownPathsPublic) => content(&json!({"page": "welcome"})),
            Place::Unknown => detail(404, "Not Found"),
            place if !known => not_allowed(place),
            Place::Public => content(&self.status(request)),
            Place::Document(_) if method == "DELETE" => Answer::empty(204),
            Place::Document(owner) => content(&document(owner)),
            Place::Collection => content(&self.collection(caller, request)),
            Place::Generate if self.varies(Variation::ValidationFirst) => crate::refusal::unprocessable(),
            Place::Generate => {
                let body = json!({"document_id": "doc-new", "organization": caller.organizations.first()});
                Answer { status: 202, ..content(&body) }
            }
        }
    }

    fn status(&self, request: &Request) -> Value {
        let mut body = json!({"status": "ok", "indexed_documents": 2});
        let token = request.field("authorization");
        if self.has(Fault::TokenEchoedByPublic) && token.is_some() {
            body["authorization"] = json!(token);
        }
        body
    }

    fn collection(&self, caller: &Caller, request: &Request) -> Value {
        let own = |name: &&str| {
            self.has(Fault::ListUnfiltered)
                || caller.organizations.iter().any(|organization| organization == name)
        };
        let templates: Vec<Value> = [ORG, OTHER_ORG]
            .into_iter()
            .filter(own)
            .map(|name| json!({"id": format!("template-of-{name}"), "organization": name, "title": "Letter"}))
            .collect();
        let mut body = json!({"templates": templates});
        if self.has(Fault::ListNamesOtherDocuments) {
            body["documents"] = json!(["doc-a", "doc-b"]);
        }
        if self.varies(Variation::ProtectedLooksLikePublic) {
            body =
                json!({"status": format!("content of {:?}", caller.organizations), "indexed_documents": 2});
        }
        if self.has(Fault::TokenEchoedOnSuccess) {
            body["token"] = json!(request.field("authorization"));
        }
        body
    }

    /// Caching, media types and other header fields.
    pub(crate) fn finish(&self, mut answer: Answer, request: &Request) -> Answer {
        let ok = (200..300).contains(&answer.status);
        let refused = matches!(answer.status, 401 | 403);
        let quiet = self.varies(Variation::NoCacheFields);
        if self.has(Fault::ContentStoreAllowed) && ok {
            answer = answer.with("Cache-Control", "public, max-age=60");
        } else if !(quiet || self.has(Fault::StoreAllowed) && refused || self.has(Fault::VaryMissing) && ok) {
            answer = answer.with("Cache-Control", "no-store");
        }
        if !quiet && !self.has(Fault::VaryMissing) {
            answer = answer.with("Vary", "Authorization");
        }
        match self.behavior.fault {
            Some(Fault::MediaTypeText) if refused => {
                answer = answer.without("Content-Type").with("Content-Type", "text/plain");
            }
            Some(Fault::MediaTypeMissing) if refused => answer = answer.without("Content-Type"),
            Some(Fault::TokenEchoedInCookie) => {
                if let Some(token) = request.field("authorization") {
                    answer =
                        answer.with("Set-Cookie", format!("session={}", visible(&token).replace(' ', "_")));
                }
            }
            _ => {}
        }
        let count = self.memory.requests.load(std::sync::atomic::Ordering::Relaxed);
        match self.behavior.variation {
            Some(Variation::Timed) => answer.with("X-Response-Time", format!("{}ms", count * 7 % 5 % 3)),
            Some(Variation::Replicated) => answer.with("X-Served-By", format!("replica-{}", count % 2)),
            Some(Variation::Charset) if !answer.body.is_empty() => {
                answer.without("Content-Type").with("Content-Type", "application/json; charset=utf-8")
            }
            Some(Variation::ProblemJson) if refused => {
                answer.without("Content-Type").with("Content-Type", "application/problem+json")
            }
            Some(Variation::PrettyPrinted) => Answer { body: pretty(&answer.body), ..answer },
            Some(Variation::EscapedDetail) => Answer { body: answer.body.replace(' ', "\\u0020"), ..answer },
            _ => answer,
        }
    }
}

fn content(body: &Value) -> Answer {
    Answer::json(200, body.to_string())
}

fn document(owner: &str) -> Value {
    json!({
        "id": format!("doc-{}", owner.trim_start_matches("org-")),
        "organization": owner,
        "title": format!("Report of {owner}"),
        "stored_as": format!("{owner}/documents/input.docx"),
    })
}

fn pretty(body: &str) -> String {
    let parsed: Result<Value, _> = serde_json::from_str(body);
    parsed.ok().and_then(|value| serde_json::to_string_pretty(&value).ok()).unwrap_or_else(|| body.to_owned())
}

/// What may stand in a header field.
pub(crate) fn visible(text: &str) -> String {
    latin1(text.as_bytes()).chars().filter(|letter| (' '..='~').contains(letter)).collect()
}
