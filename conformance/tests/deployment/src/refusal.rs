//! The responses of refusals.

use serde_json::{Map, Value, json};

use crate::answer::visible;
use crate::claims::Caller;
use crate::fault::Fault;
use crate::guard::Route;
use crate::judge::{Judge, detail};
use crate::message::{Answer, Request};
use crate::path::Place;
use crate::reason::{Reason, Told};
use crate::variation::Variation;

const NOT_AUTHENTICATED: &str = "Not authenticated";
const INVALID: &str = "Invalid authentication credentials";
const FORBIDDEN: &str = "User has no organization or not authorized";

impl Judge<'_> {
    /// The refusal of a request.
    pub(crate) fn refusal(&self, reason: Reason, request: &Request, place: Place) -> Answer {
        let (status, text) = match reason.told() {
            Told::NotAuthenticated => (401, NOT_AUTHENTICATED),
            Told::Invalid => (401, INVALID),
            Told::Forbidden => (403, FORBIDDEN),
        };
        if reason == Reason::UserMissing && self.varies(Variation::UserMissingUnauthorized) {
            return self.challenged(detail(401, INVALID), Reason::ClaimMissing, request);
        }
        if reason == Reason::PermissionMissing && self.varies(Variation::ValidationFirst) {
            return unprocessable();
        }
        if reason == Reason::Foreign && self.varies(Variation::ForeignNotFound) {
            return detail(404, "Not Found");
        }
        if reason == Reason::HeaderMissing && place == Place::Unknown && self.answers_unknown() {
            return detail(404, "Not Found");
        }
        if let Some(fault) = self.behavior.fault
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

    /// The detail, with a fault's additions.
    fn told(&self, reason: Reason, text: &str) -> String {
        let invalid = reason.told() == Told::Invalid;
        match self.behavior.fault {
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
        match self.behavior.fault {
            Some(Fault::MemberTellsReason) if invalid => {
                body.insert("reason".into(), json!(reason.secret()));
            }
            Some(Fault::TokenEchoedInBody) if invalid => {
                body.insert("received".into(), json!(token));
            }
            Some(Fault::TokenEchoedInForbidden) if status == 403 => {
                body.insert("received".into(), json!(token));
            }
            Some(Fault::HeaderEchoed) if reason == Reason::OtherScheme => {
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
        match self.behavior.variation {
            Some(Variation::ExtraMembers) => {
                body.insert("code".into(), json!(status));
                body.insert("documentation".into(), json!("https://docs.test.example/authentication"));
            }
            Some(Variation::Timestamped) => {
                body.insert("timestamp".into(), json!(crate::clock::seconds()));
            }
            Some(Variation::ProblemJson) => {
                body.insert("type".into(), json!("about:blank"));
                body.insert("status".into(), json!(status));
            }
            _ => {}
        }
    }

    /// The response with the challenge for the reason.
    fn challenged(&self, answer: Answer, reason: Reason, request: &Request) -> Answer {
        let error = match reason.told() {
            Told::NotAuthenticated => "",
            Told::Invalid => ", error=\"invalid_token\"",
            Told::Forbidden => ", error=\"insufficient_scope\"",
        };
        let forbidden = reason.told() == Told::Forbidden;
        let invalid = reason.told() == Told::Invalid;
        let token = || request.field("authorization").unwrap_or_default();
        match self.behavior.fault {
            Some(Fault::ChallengeMissing) if !forbidden => return answer,
            Some(Fault::ForbiddenChallengeMissing) if forbidden => return answer,
            Some(Fault::ChallengeOfOtherScheme) if !forbidden => {
                return answer.with("WWW-Authenticate", "Basic realm=\"artos\"");
            }
            Some(Fault::ChallengeErrorTooEarly) if error.is_empty() => {
                return answer.with("WWW-Authenticate", "Bearer realm=\"artos\", error=\"invalid_request\"");
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
        match self.behavior.variation {
            Some(Variation::NoChallenge) => answer,
            Some(Variation::OtherChallenge) => answer.with("WWW-Authenticate", "Negotiate").with(
                "WWW-Authenticate",
                format!("bearer realm=\"tenants, \\\"all\\\"\", scope=\"api\"{error}"),
            ),
            _ => answer.with("WWW-Authenticate", format!("Bearer realm=\"artos\"{error}")),
        }
    }
}

/// Refusals whose status or form differs from the contract.
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
        Fault::ForeignForgery403 => {
            at(403, FORBIDDEN, reason == Reason::Signature && matches!(place, Place::Document(_)))
        }
        Fault::Foreign401 => at(401, INVALID, reason == Reason::Foreign),
        Fault::Foreign404 => at(404, "Not Found", reason == Reason::Foreign),
        Fault::Foreign500 => at(500, "Internal Server Error", reason == Reason::Foreign),
        Fault::ForeignDetailOther => at(403, "Forbidden", reason == Reason::Foreign),
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

/// 422, the response of frameworks to a body without a required member.
pub(crate) fn unprocessable() -> Answer {
    Answer::json(422, json!({"detail": [{"loc": ["body", "title"], "msg": "Field required"}]}).to_string())
}
