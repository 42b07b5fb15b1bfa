//! What is served, and what a refusal looks like.

use serde_json::{Map, Value, json};

use crate::authority::{ORG, OTHER_ORG};
use crate::claims::Caller;
use crate::fault::Fault;
use crate::guard::Route;
use crate::judge::{Judge, allow, detail, not_allowed};
use crate::message::{Answer, Request, latin1};
use crate::path::Place;
use crate::reason::{Reason, Told};
use crate::variation::Variation;

const NOT_AUTHENTICATED: &str = "Not authenticated";
const INVALID: &str = "Invalid authentication credentials";
const FORBIDDEN: &str = "User has no organization or not authorized";

impl Judge<'_> {
    /// What was asked for. A request that came in by a fault gets the content by any method.
    pub(crate) fn serve(&self, request: &Request, route: Route, caller: &Caller) -> Answer {
        let by_fault = route.open && route.place != Place::Public;
        let method = if by_fault { "GET" } else { request.method.as_str() };
        if method == "OPTIONS" && !self.has(Fault::OwnershipIgnoredOnOptions) {
            return Answer::empty(204).with("Allow", allow(route.place));
        }
        let known = route.place.methods().contains(&method) || by_fault || method == "OPTIONS";
        match route.place {
            Place::Unknown if self.has(Fault::UnknownPathsPublic) => content(&json!({"page": "welcome"})),
            Place::Unknown => detail(404, "Not Found"),
            place if !known => not_allowed(place),
            Place::Public => content(&json!({"status": "ok", "indexed_documents": 2})),
            Place::Document(_) if method == "DELETE" => Answer::empty(204),
            Place::Document(owner) => content(&document(owner)),
            Place::Collection => content(&self.collection(caller, request)),
            Place::Generate => {
                let body = json!({"document_id": "doc-new", "organization": caller.organizations.first()});
                Answer { status: 202, ..content(&body) }
            }
        }
    }

    fn collection(&self, caller: &Caller, request: &Request) -> Value {
        let all = self.has(Fault::CollectionUnfiltered);
        let own = |name: &&str| all || caller.organizations.iter().any(|organization| organization == name);
        let templates: Vec<Value> = [ORG, OTHER_ORG]
            .into_iter()
            .filter(own)
            .map(|name| json!({"id": format!("template-of-{name}"), "organization": name, "title": "Letter"}))
            .collect();
        let mut body = json!({"templates": templates});
        if self.has(Fault::TokenEchoedOnSuccess) {
            body["token"] = json!(request.field("authorization"));
        }
        body
    }

    /// The refusal of a request.
    pub(crate) fn refusal(&self, reason: Reason, request: &Request, place: Place) -> Answer {
        let (status, text) = match reason.told() {
            Told::NotAuthenticated => (401, NOT_AUTHENTICATED),
            Told::Invalid => (401, INVALID),
            Told::Forbidden => (403, FORBIDDEN),
        };
        if reason == Reason::Foreign && self.varies(Variation::ForeignNotFound) {
            return detail(404, "Not Found");
        }
        if reason == Reason::HeaderMissing && place == Place::Unknown && self.answers_unknown() {
            return detail(404, "Not Found");
        }
        if let Some(fault) = self.behaviour.fault
            && let Some(answer) = other_refusal(fault, reason, place)
        {
            return self.challenged(answer, reason, request);
        }
        let mut body = Map::new();
        body.insert("detail".into(), json!(self.told(reason, text)));
        self.add_members(&mut body, reason, status, request);
        let mut answer =
            self.challenged(Answer::json(status, Value::Object(body).to_string()), reason, request);
        if self.has(Fault::HeadTellsContent) && request.method == "HEAD" && reason == Reason::HeaderMissing {
            let route = Route { open: true, place };
            let content = self.serve(request, route, &Caller::anonymous());
            answer = Answer { status, ..content };
        }
        answer
    }

    fn answers_unknown(&self) -> bool {
        self.has(Fault::UnknownPathsNotFound) || self.varies(Variation::UnknownNotFound)
    }

    /// The detail, with what a fault adds to it.
    fn told(&self, reason: Reason, text: &str) -> String {
        let invalid = reason.told() == Told::Invalid;
        match self.behaviour.fault {
            Some(Fault::DetailTellsReason) if invalid => format!("{text}: {}", reason.secret()),
            Some(Fault::DetailTellsExpiry) if reason == Reason::Expired => "Token has expired".into(),
            Some(Fault::DetailTellsRevocation) if reason == Reason::Revoked => {
                "Token has been revoked".into()
            }
            _ => text.to_owned(),
        }
    }

    fn add_members(&self, body: &mut Map<String, Value>, reason: Reason, status: u16, request: &Request) {
        let token = request.field("authorization").unwrap_or_default();
        let invalid = reason.told() == Told::Invalid;
        match self.behaviour.fault {
            Some(Fault::MemberTellsReason) if invalid => {
                body.insert("reason".into(), json!(reason.secret()));
            }
            Some(Fault::TokenEchoedInBody) if invalid => {
                body.insert("received".into(), json!(token));
            }
            Some(Fault::SignatureEchoed) if invalid => {
                let start = token.len().saturating_sub(12);
                body.insert("signature".into(), json!(token.get(start..)));
            }
            Some(Fault::InvalidDetailObject) if invalid => {
                body.insert("detail".into(), json!({ "message": INVALID }));
            }
            Some(Fault::InvalidDetailMissing) if invalid => {
                body.clear();
                body.insert("error".into(), json!(INVALID));
            }
            _ => {}
        }
        match self.behaviour.variation {
            Some(Variation::ExtraMembers) => {
                body.insert("code".into(), json!(status));
                body.insert("documentation".into(), json!("https://docs.test.example/authentication"));
            }
            Some(Variation::ProblemJson) => {
                body.insert("type".into(), json!("about:blank"));
                body.insert("status".into(), json!(status));
            }
            _ => {}
        }
    }

    /// The answer with the challenge that goes with the reason.
    fn challenged(&self, answer: Answer, reason: Reason, request: &Request) -> Answer {
        let error = match reason.told() {
            Told::NotAuthenticated => "",
            Told::Invalid => ", error=\"invalid_token\"",
            Told::Forbidden => ", error=\"insufficient_scope\"",
        };
        let forbidden = reason.told() == Told::Forbidden;
        let invalid = reason.told() == Told::Invalid;
        let token = || request.field("authorization").unwrap_or_default();
        match self.behaviour.fault {
            Some(Fault::ChallengeMissing) if !forbidden => return answer,
            Some(Fault::ForbiddenChallengeMissing) if forbidden => return answer,
            Some(Fault::ChallengeOfOtherScheme) if !forbidden => {
                return answer.with("WWW-Authenticate", "Basic realm=\"artos\"");
            }
            Some(Fault::ChallengeWithoutError) if invalid => {
                return answer.with("WWW-Authenticate", "Bearer realm=\"artos\"");
            }
            Some(Fault::ChallengeTellsReason) if invalid => {
                let challenge =
                    format!("Bearer realm=\"artos\"{error}, error_description=\"{}\"", reason.secret());
                return answer.with("WWW-Authenticate", challenge);
            }
            Some(Fault::TokenEchoedInChallenge) if invalid => {
                let told = visible(&token());
                return answer
                    .with("WWW-Authenticate", format!("Bearer realm=\"artos\"{error}, received=\"{told}\""));
            }
            Some(Fault::FieldTellsReason) if invalid => {
                return answer
                    .with("WWW-Authenticate", format!("Bearer realm=\"artos\"{error}"))
                    .with("X-Auth-Error", reason.secret());
            }
            Some(Fault::TokenEchoedInField) if invalid => {
                return answer
                    .with("WWW-Authenticate", format!("Bearer realm=\"artos\"{error}"))
                    .with("X-Received-Token", visible(&token()));
            }
            _ => {}
        }
        match self.behaviour.variation {
            Some(Variation::NoChallenge) => answer,
            Some(Variation::OtherChallenge) => answer.with("WWW-Authenticate", "Negotiate").with(
                "WWW-Authenticate",
                format!("bearer realm=\"tenants, \\\"all\\\"\", scope=\"api\"{error}"),
            ),
            _ => answer.with("WWW-Authenticate", format!("Bearer realm=\"artos\"{error}")),
        }
    }

    /// Caching, media types and other dress.
    pub(crate) fn finish(&self, mut answer: Answer, request: &Request) -> Answer {
        let ok = (200..300).contains(&answer.status);
        let refused = matches!(answer.status, 401 | 403);
        let quiet = self.varies(Variation::NoCacheFields);
        if self.has(Fault::ContentStoreAllowed) && ok {
            answer = answer.with("Cache-Control", "public, max-age=60");
        } else if !(quiet || self.has(Fault::StoreAllowed) && refused) {
            answer = answer.with("Cache-Control", "no-store");
        }
        if !quiet && !self.has(Fault::VaryMissing) {
            answer = answer.with("Vary", "Authorization");
        }
        match self.behaviour.fault {
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
        match self.behaviour.variation {
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

/// The refusals that are other than the contract's in status or shape.
fn other_refusal(fault: Fault, reason: Reason, place: Place) -> Option<Answer> {
    use Reason::{
        Algorithm, Critical, ExtraCharacters, HeaderEmpty, HeaderMember, HeaderMissing, KeyUnknown,
        NotAMember, NotConfigured, NotJson, NotYetValid, OrganizationMissing, OtherScheme, PermissionMissing,
        Revoked, Segments, TokenMissing, TooLong, UserMissing,
    };
    let invalid = reason.told() == Told::Invalid;
    let at = |status: u16, text: &str, applies: bool| applies.then(|| detail(status, text));
    match fault {
        Fault::MissingHeader403 => at(403, FORBIDDEN, reason == HeaderMissing),
        Fault::MissingHeader400 => at(400, NOT_AUTHENTICATED, reason == HeaderMissing),
        Fault::MissingHeader500 => at(500, "Internal Server Error", reason == HeaderMissing),
        Fault::MissingHeaderDetail => at(401, INVALID, reason == HeaderMissing),
        Fault::MissingHeaderOtherDetail => at(401, "Unauthorized", reason == HeaderMissing),
        Fault::MissingHeaderRedirects => {
            (reason == HeaderMissing).then(|| Answer::empty(302).with("Location", "/login"))
        }
        Fault::EmptyHeaderDetail => at(401, INVALID, reason == HeaderEmpty),
        Fault::OtherSchemeDetail => at(401, INVALID, reason == OtherScheme),
        Fault::OtherScheme403 => at(403, FORBIDDEN, reason == OtherScheme),
        Fault::TokenMissingDetail => at(401, INVALID, reason == TokenMissing),
        Fault::TokenMissing500 => at(500, "Internal Server Error", reason == TokenMissing),
        Fault::NonAscii500 => at(500, "Internal Server Error", reason == ExtraCharacters),
        Fault::Malformed400 => at(400, INVALID, reason.is_malformed()),
        Fault::Malformed403 => at(403, FORBIDDEN, reason.is_malformed()),
        Fault::Malformed422 => at(422, INVALID, reason.is_malformed()),
        Fault::Malformed500 => at(500, "Internal Server Error", reason == Segments),
        Fault::MalformedDetail => at(401, NOT_AUTHENTICATED, reason.is_malformed()),
        Fault::BadJson500 => at(500, "Internal Server Error", reason == NotJson),
        Fault::BadHeader500 => at(500, "Internal Server Error", reason == HeaderMember),
        Fault::BadClaims500 => at(500, "Internal Server Error", reason == Reason::ClaimMember),
        Fault::MissingClaim500 => {
            let missing = matches!(reason, Reason::ClaimMissing | OrganizationMissing | UserMissing);
            at(500, "Internal Server Error", missing)
        }
        Fault::FutureToken500 => at(500, "Internal Server Error", reason == NotYetValid),
        Fault::LongToken500 => at(500, "Internal Server Error", reason == TooLong),
        Fault::UnknownAlg500 => at(500, "Internal Server Error", reason == Algorithm),
        Fault::UnknownKid500 => at(500, "Internal Server Error", reason == KeyUnknown),
        Fault::Crit500 => at(500, "Internal Server Error", reason == Critical),
        Fault::PublicServerErrorOnBadToken => at(500, "Internal Server Error", place == Place::Public),
        Fault::InvalidDetailOther => at(401, "Invalid token", invalid),
        Fault::InvalidEmptyBody => invalid.then(|| Answer::empty(401)),
        Fault::InvalidHtml => invalid.then(|| Answer {
            body: "<!doctype html><title>401</title><h1>Unauthorized</h1>".into(),
            ..Answer::empty(401).with("Content-Type", "text/html")
        }),
        Fault::Invalid403 => at(403, FORBIDDEN, invalid),
        Fault::Invalid200 => at(200, INVALID, invalid),
        Fault::InvalidRedirects => invalid.then(|| Answer::empty(302).with("Location", "/login")),
        Fault::Expired403 => at(403, FORBIDDEN, reason == Reason::Expired),
        Fault::Expired419 => at(419, INVALID, reason == Reason::Expired),
        Fault::Realm403 => at(403, FORBIDDEN, reason == Reason::Realm),
        Fault::Revoked403 => at(403, FORBIDDEN, reason == Revoked),
        Fault::Environment403 => {
            at(403, FORBIDDEN, matches!(reason, Reason::Issuer | Reason::Audience | KeyUnknown))
        }
        Fault::Foreign401 => at(401, INVALID, reason == Reason::Foreign),
        Fault::Foreign404 => at(404, "Not Found", reason == Reason::Foreign),
        Fault::Foreign500 => at(500, "Internal Server Error", reason == Reason::Foreign),
        Fault::ForeignDetailOther => at(403, "Forbidden", reason == Reason::Foreign),
        Fault::ForeignContentIn403 => foreign_content(403, reason, place),
        Fault::ForeignContentIn404 => foreign_content(404, reason, place),
        Fault::OrgMissing401 => at(401, INVALID, reason == OrganizationMissing),
        Fault::OrgMissingDetail => at(403, "No organization", reason == OrganizationMissing),
        Fault::UserMissing401 => at(401, INVALID, reason == UserMissing),
        Fault::Account401 => at(401, INVALID, reason == NotConfigured),
        Fault::Membership401 => at(401, INVALID, reason == NotAMember),
        Fault::Membership404 => at(404, "Not Found", reason == NotAMember),
        Fault::PermissionMissing401 => at(401, INVALID, reason == PermissionMissing),
        Fault::PermissionMissing404 => at(404, "Not Found", reason == PermissionMissing),
        Fault::PermissionMissingDetail => at(403, "Forbidden", reason == PermissionMissing),
        _ => None,
    }
}

fn foreign_content(status: u16, reason: Reason, place: Place) -> Option<Answer> {
    let Place::Document(owner) = place else { return None };
    let mut body = document(owner);
    body["detail"] = json!(if status == 403 { FORBIDDEN } else { "Not Found" });
    (reason == Reason::Foreign).then(|| Answer::json(status, body.to_string()))
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
fn visible(text: &str) -> String {
    latin1(text.as_bytes()).chars().filter(|letter| (' '..='~').contains(letter)).collect()
}
