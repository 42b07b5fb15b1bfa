//! Answers a request, with the checks in the order of the contract.
//!
//! Public path, header lines, token, signature, claims, revocation, realm; then account, membership, resource, path,
//! permissions; and last the requested content.

use std::sync::atomic::Ordering;

use crate::Behavior;
use crate::claims::Caller;
use crate::fault::Fault;
use crate::guard::Route;
use crate::memory::{Connection, Memory};
use crate::message::{Answer, Request, Wire};
use crate::path::{Place, ambiguous};
use crate::reason::{Reason, Told};
use crate::variation::Variation;

/// The behavior of one deployment.
pub(crate) struct Judge<'a> {
    pub(crate) behavior: Behavior,
    pub(crate) memory: &'a Memory,
}

impl Judge<'_> {
    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.behavior.fault == Some(fault)
    }

    pub(crate) fn varies(&self, variation: Variation) -> bool {
        self.behavior.variation == Some(variation)
    }

    /// The response to a request.
    pub(crate) fn answer(&self, request: &Request, connection: &Connection) -> Answer {
        if let Some((judge, request)) = self.narrowed(request) {
            return judge.answer(&request, connection);
        }
        let answer = self.refused_early(request).unwrap_or_else(|| {
            let mut route = self.route(request);
            let began = *connection.history().began_in_public.get_or_insert(route.place == Place::Public);
            route.open |= began && self.has(Fault::ConnectionOpenedByPublic);
            match self.judge(request, route, connection) {
                Ok(answer) => answer,
                Err(reason) => self.refusal(reason, request, route.place),
            }
        });
        self.finish(answer, request)
    }

    fn judge(&self, request: &Request, route: Route, connection: &Connection) -> Result<Answer, Reason> {
        if self.has(Fault::ResponseCachedForAll)
            && let Some(answer) = self.cached(request)
        {
            return Ok(answer);
        }
        if route.open {
            return match self.public_token_trouble(request, route) {
                Some(reason) => Err(reason),
                None => Ok(self.serve(request, route, &Caller::anonymous())),
            };
        }
        if self.has(Fault::AuthorizationFirst) {
            for overlooked in [Fault::SignatureIgnored, Fault::ExpiredAccepted] {
                if let Ok(caller) = self.with(Some(overlooked)).identify(request, false) {
                    self.authorize(caller, request, route)?;
                }
            }
        }
        let caller = self.authenticate(request, connection)?;
        let document = matches!(route.place, Place::Document(_));
        if (self.has(Fault::ResponseCachedForTokens) || (self.has(Fault::ForeignReadable) && document))
            && let Some(answer) = self.cached(request)
        {
            return Ok(answer);
        }
        let caller = self.authorize(caller, request, route)?;
        let answer = self.serve(request, route, &caller);
        if request.method == "GET" && answer.status == 200 {
            self.memory.shared().responses.insert(request.path().to_owned(), answer.clone());
        }
        Ok(answer)
    }

    /// Requests that some deployments refuse, or fail at, before the checks.
    fn refused_early(&self, request: &Request) -> Option<Answer> {
        if let Some(answer) = self.busy() {
            return Some(answer);
        }
        if self.has(Fault::UnguardedConditional) && request.field("if-none-match").is_some() {
            return Some(Answer::empty(304).with("ETag", "\"content\""));
        }
        let token_of = |line: &[u8]| line.strip_prefix(b"Bearer ").map(<[u8]>::to_vec);
        let token = request.lines("authorization").find_map(token_of).unwrap_or_default();
        match self.behavior.fault {
            Some(Fault::ManyDotsHang) if token.iter().filter(|byte| **byte == b'.').count() > 100 => {
                return Some(Answer::none(Wire::Silence));
            }
            Some(Fault::LongTokenReset) if token.len() > 8000 => return Some(Answer::none(Wire::Reset)),
            Some(Fault::DeepNestingReset) if self.nests_deeply(&token) => {
                return Some(Answer::none(Wire::Reset));
            }
            _ => {}
        }
        if let Some(answer) = self.before_all(request) {
            return Some(answer);
        }
        let plain = |value: &[u8]| value.iter().all(|byte| *byte == b'\t' || (b' '..=b'~').contains(byte));
        match self.behavior.variation? {
            Variation::LongFieldsRefused if request.fields.iter().any(|(_, value)| value.len() > 8000) => {
                Some(detail(431, "Request Header Fields Too Large"))
            }
            Variation::IllegalBytesRefused if !request.fields.iter().all(|(_, value)| plain(value)) => {
                Some(detail(400, "Bad Request"))
            }
            Variation::RepeatedLinesRefused if request.lines("authorization").count() > 1 => {
                Some(detail(400, "Bad Request"))
            }
            Variation::PathRefused if ambiguous(request.path()) => Some(detail(400, "Bad Request")),
            Variation::CanonicalSlash if request.path() == "/api/v1/templates" => {
                let location = request.target.replacen("/templates", "/templates/", 1);
                Some(Answer::empty(307).with("Location", location))
            }
            Variation::EmptyOptions if request.method == "OPTIONS" => {
                Some(Answer::empty(204).with("Allow", "GET, HEAD, OPTIONS"))
            }
            Variation::MethodsFirst => {
                let place = Place::of(request.path());
                let known = place.methods().contains(&request.method.as_str()) || request.method == "OPTIONS";
                (place != Place::Unknown && !known).then(|| not_allowed(place))
            }
            _ => None,
        }
    }

    /// The response of a fault, or of a server in front of the application, whatever the token.
    fn before_all(&self, request: &Request) -> Option<Answer> {
        let place = Place::of(request.path());
        let page = |status| Some(html(status, "<!doctype html><title>Request blocked</title>"));
        let rewriting = || FIREWALLED.iter().any(|name| request.field(name).is_some());
        match self.behavior.fault {
            Some(Fault::PreflightServesContent)
                if request.method == "OPTIONS"
                    && request.field("access-control-request-method").is_some() =>
            {
                let get = Request { method: "GET".into(), ..request.clone() };
                return Some(self.serve(&get, Route { open: true, place }, &Caller::anonymous()));
            }
            Some(Fault::TraversalToLookAlike) if request.target.contains("..") => {
                return Some(Answer::json(
                    200,
                    r#"{"status":"secret of org-a","indexed_documents":2}"#.into(),
                ));
            }
            Some(Fault::OtherDocumentsPublic) if DOCUMENTS.contains(&request.path()) => {
                return Some(Answer::json(200, r#"{"document":"anyone may read this"}"#.into()));
            }
            _ => {}
        }
        match self.behavior.variation? {
            Variation::UpgradeRefused403 if request.field("upgrade").is_some() => Some(Answer::empty(403)),
            Variation::UpgradeRefused400 if request.field("upgrade").is_some() => Some(Answer::empty(400)),
            Variation::FirewallPage403 if rewriting() => page(403),
            Variation::FirewallPage400 if rewriting() => page(400),
            Variation::MethodOverrideHonoured
                if FIREWALLED.iter().any(|name| request.field(name).as_deref() == Some("OPTIONS")) =>
            {
                Some(not_allowed(place))
            }
            Variation::UnknownMethodNotImplemented if !METHODS.contains(&request.method.as_str()) => {
                Some(detail(501, "Not Implemented"))
            }
            Variation::OptionsListsMethods if request.method == "OPTIONS" && place != Place::Unknown => {
                Some(Answer {
                    body: "GET, HEAD".into(),
                    ..Answer::empty(200).with("Content-Type", "text/plain")
                })
            }
            Variation::ApplicationShell
                if request.target.starts_with('/') && !request.path().starts_with("/api/") =>
            {
                Some(html(200, "<!doctype html><div id=app></div>"))
            }
            _ => None,
        }
    }

    /// 429 or 503 for some requests.
    fn busy(&self) -> Option<Answer> {
        let count = self.memory.requests.fetch_add(1, Ordering::Relaxed);
        match self.behavior.variation? {
            Variation::TooManyRequests if count % 60 == 59 => {
                Some(detail(429, "Too Many Requests").with("Retry-After", "1"))
            }
            Variation::Unavailable if count % 60 == 59 => {
                Some(detail(503, "Service Unavailable").with("Retry-After", "1"))
            }
            _ => None,
        }
    }

    fn nests_deeply(&self, token: &[u8]) -> bool {
        self.split(token)
            .is_ok_and(|token| token.claims.iter().filter(|byte| matches!(byte, b'[' | b'{')).count() > 60)
    }

    fn cached(&self, request: &Request) -> Option<Answer> {
        let readable = matches!(request.method.as_str(), "GET" | "HEAD");
        self.memory.shared().responses.get(request.path()).filter(|_| readable).cloned()
    }

    /// Why a fault refuses a public request because of its token.
    fn public_token_trouble(&self, request: &Request, route: Route) -> Option<Reason> {
        if route.place != Place::Public || request.field("authorization").is_none() {
            return None;
        }
        match self.behavior.fault? {
            Fault::PublicRefusesBadToken | Fault::PublicServerErrorOnBadToken => {
                self.identify(request, false).err().filter(|reason| reason.told() == Told::Invalid)
            }
            Fault::PublicRefusesTokens => Some(Reason::Signature),
            Fault::PublicRefusesOtherSchemes => {
                self.identify(request, false).err().filter(|reason| reason.told() == Told::NotAuthenticated)
            }
            _ => None,
        }
    }

    /// The caller: the token's, or another one that a fault has stored.
    fn authenticate(&self, request: &Request, connection: &Connection) -> Result<Caller, Reason> {
        let (first, refused) = {
            let history = connection.history();
            (history.first_caller.clone(), history.refused)
        };
        if self.has(Fault::ConnectionRefusesAfterBad) && refused {
            return Err(Reason::Signature);
        }
        if self.has(Fault::ConnectionKeepsFirstCaller)
            && let Some(first) = first
        {
            return Ok(first);
        }
        let trusted = self.has(Fault::ConnectionAuthenticatedOnce) && first.is_some();
        let result = self.identify(request, trusted);
        match (&result, self.behavior.fault) {
            (Ok(caller), fault) => {
                if fault == Some(Fault::CallersMixedUp)
                    && self.memory.is_crowded()
                    && let Some(last) = self.memory.shared().last_caller.replace(caller.clone())
                {
                    return Ok(last);
                }
                connection.history().first_caller.get_or_insert_with(|| caller.clone());
                self.memory.shared().last_caller = Some(caller.clone());
            }
            (Err(Reason::HeaderMissing), Some(Fault::ConnectionRemembersCaller)) => {
                return first.ok_or(Reason::HeaderMissing);
            }
            (Err(Reason::HeaderMissing), Some(Fault::CallerRemembered)) => {
                return self.memory.shared().last_caller.clone().ok_or(Reason::HeaderMissing);
            }
            (Err(Reason::HeaderMissing), Some(Fault::MissingHeaderAllowed))
            | (Err(Reason::HeaderEmpty), Some(Fault::EmptyHeaderAllowed)) => return Ok(Caller::anonymous()),
            (Err(reason), fault) => {
                connection.history().refused |= reason.told() == Told::Invalid;
                if fault == Some(Fault::AddressRemembered) && reason.told() == Told::Invalid {
                    return self.memory.shared().last_caller.clone().ok_or(*reason);
                }
            }
        }
        result
    }

    /// The caller of the request's token.
    fn identify(&self, request: &Request, trusted: bool) -> Result<Caller, Reason> {
        let lines: Vec<&[u8]> = request.lines("authorization").collect();
        if self.has(Fault::AnyLineWins) && lines.len() > 1 {
            let admitted = |line: &&[u8]| self.admit(&self.token_of_line(line).ok()?, request, trusted).ok();
            return lines.iter().find_map(admitted).ok_or(Reason::HeaderRepeated);
        }
        let token = self.token(request)?;
        let mut caller = self.admit(&token, request, trusted)?;
        if self.has(Fault::LinesMixed)
            && let [_, .., last] = lines.as_slice()
            && let Ok(other) = self.token_of_line(last).and_then(|token| self.admit(&token, request, true))
        {
            caller.organizations = other.organizations;
        }
        Ok(caller)
    }

    /// The caller of a token; `trusted` is a fault's reason to skip verification.
    fn admit(&self, bytes: &[u8], request: &Request, trusted: bool) -> Result<Caller, Reason> {
        let placeholder: &[u8] = match self.behavior.fault {
            Some(Fault::PlaceholderAccepted) => b"None",
            Some(Fault::PlaceholderVariableAccepted) => b"undefined",
            _ => b"",
        };
        if !placeholder.is_empty() && bytes == placeholder {
            return Ok(Caller::anonymous());
        }
        let prefix = match self.has(Fault::AcceptedAfterUse) {
            true => bytes,
            false => bytes.get(..200).unwrap_or(bytes),
        };
        if (self.has(Fault::SignatureSeenForPrefix) || self.has(Fault::AcceptedAfterUse))
            && let Some(caller) = self.memory.shared().prefixes.get(prefix)
        {
            return Ok(caller.clone());
        }
        let token = self.split(bytes)?;
        if !trusted {
            match self.verify(&token) {
                Err(Reason::Signature) if self.overlooks(bytes, &token.claims, &token.signature) => {}
                Err(reason) => return Err(reason),
                Ok(()) => {
                    let mut shared = self.memory.shared();
                    shared.signatures.insert(token.signature.clone());
                    shared.claims.insert(token.claims.clone());
                }
            }
        }
        let caller = self.caller(&token.claims, request)?;
        self.revocations(&caller, bytes, request)?;
        self.realm(&caller)?;
        self.memory.shared().prefixes.insert(prefix.to_vec(), caller.clone());
        Ok(caller)
    }

    /// Whether a fault accepts an invalid signature because of an earlier token.
    fn overlooks(&self, bytes: &[u8], claims: &[u8], signature: &[u8]) -> bool {
        let mut shared = self.memory.shared();
        match self.behavior.fault {
            Some(Fault::SignatureOverClaimsOnly) => shared.signatures.contains(signature),
            Some(Fault::SignatureSeenForClaims) => shared.claims.contains(claims),
            Some(Fault::ForgeryAcceptedOnRepeat) => {
                let attempts = shared.attempts.entry(bytes.to_vec()).or_default();
                *attempts += 1;
                *attempts >= 3
            }
            Some(Fault::ForgeryAcceptedInParallel) => self.memory.is_crowded(),
            _ => false,
        }
    }
}

/// A response of the application outside the contract.
pub(crate) fn detail(status: u16, text: &str) -> Answer {
    Answer::json(status, serde_json::json!({ "detail": text }).to_string())
}

/// 405, with the available methods.
pub(crate) fn not_allowed(place: Place) -> Answer {
    detail(405, "Method Not Allowed").with("Allow", allow(place))
}

/// The methods of a resource, for `Allow`.
pub(crate) fn allow(place: Place) -> String {
    format!("{}, OPTIONS", place.methods().join(", "))
}

/// A page.
fn html(status: u16, text: &str) -> Answer {
    Answer { body: text.into(), ..Answer::empty(status).with("Content-Type", "text/html") }
}

/// Fields that a firewall blocks.
const FIREWALLED: [&str; 12] = [
    "x-original-url",
    "x-rewrite-url",
    "x-original-uri",
    "x-forwarded-uri",
    "x-http-method-override",
    "x-method-override",
    "x-http-method",
    "x-original-method",
    "x-forwarded-method",
    "x-forwarded-path",
    "x-forwarded-prefix",
    "x-envoy-original-path",
];
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
/// Documents that frameworks serve next to an API.
const DOCUMENTS: [&str; 5] = ["/openapi.json", "/docs", "/redoc", "/metrics", "/actuator"];
