//! The decision engine for JavaScript, behind `core.mjs`, which has the types and the checks of arguments.
//!
//! Everything crosses the boundary as JSON text: a request is small, and one format serves Node, Deno, Bun, browsers and
//! edge workers.

use std::time::{Duration, SystemTime};

use artos_auth_engine::{
    Account, Check, Context, Decision, Engine, Explanation, KeySet, LoadError, Organizations, Policy,
    PolicySpec, Reason, Request, ResourceOrg, Revocations, TenantScope, UnixTime, Verdict,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use wasm_bindgen::prelude::*;

// What the operator's command line says about a reason; one text for both.
#[path = "../../server/src/commands/explain/reasons.rs"]
mod reasons;

/// A policy, keys and revocations, loaded.
#[wasm_bindgen(js_name = NativeEngine)]
#[derive(Debug)]
pub struct NativeEngine(Engine);

/// A key set that is trusted for an issuer and some organizations alone.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BoundKeys {
    jwks: Box<RawValue>,
    issuer: Option<String>,
    organizations: Option<Vec<String>>,
}

/// One JWK Set, or a list of them with what each is trusted for.
fn key_set(text: &str) -> Result<KeySet, LoadError> {
    let Ok(sets) = serde_json::from_str::<Vec<BoundKeys>>(text) else {
        return KeySet::from_jwks(text.as_bytes());
    };
    let mut all = KeySet::builder();
    for BoundKeys { jwks, issuer, organizations } in sets {
        let set = KeySet::from_jwks(jwks.get().as_bytes())?;
        let organizations = organizations.map(|all| all.iter().map(String::as_str).collect());
        all = match (&issuer, &organizations) {
            (None, None) => all.add(set),
            _ => all.add_bound(set, issuer, organizations),
        };
    }
    all.build()
}

/// What is asked, as `core.mjs` writes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    method: String,
    path: String,
    /// Each value as text in which a character stands for a byte (Latin-1).
    authorization: Vec<String>,
    realm: Option<Vec<String>>,
    owner: Owner,
    account: AccountState,
    now: u64,
    /// Whether `now` is what the clock says, which may be wrong, or what the caller says.
    from_clock: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Owner {
    Owned(String),
    Unowned,
    Unresolved,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum AccountState {
    Unknown,
    Active,
    NotAMember,
    NotConfigured,
}

#[wasm_bindgen(js_class = NativeEngine)]
impl NativeEngine {
    /// Loads the three documents, each as JSON text.
    ///
    /// # Errors
    ///
    /// Names the document and the key that is wrong; never shows key material.
    #[wasm_bindgen(constructor)]
    pub fn new(policy: &str, keys: &str, revocations: &str) -> Result<NativeEngine, JsError> {
        let policy: PolicySpec =
            serde_json::from_str(policy).map_err(|error| JsError::new(&format!("policy: {error}")))?;
        let problem = |document: &str| {
            let document = document.to_owned();
            move |error: LoadError| JsError::new(&format!("{document}: {error}"))
        };
        let policy = Policy::new(&policy).map_err(problem("policy"))?;
        let keys = key_set(keys).map_err(problem("keys"))?;
        let revocations = Revocations::from_json(revocations.as_bytes()).map_err(problem("revocations"))?;
        Ok(Self(Engine::new(policy, keys, revocations)))
    }

    /// What was ignored in the key set, or is worth knowing about it.
    #[must_use]
    pub fn notices(&self) -> Vec<String> {
        self.0.keys().notices().iter().map(ToString::to_string).collect()
    }

    /// The decision about a question, as JSON text.
    ///
    /// # Errors
    ///
    /// The question is not what `core.mjs` writes.
    pub fn decide(&self, question: &str) -> Result<String, JsError> {
        ask(question, |request, context, now| match now {
            Some(now) => text(&Answer::of(&self.0.decide(request, context, now))),
            None => text(&self.without_clock(request)),
        })
    }

    /// The decision with every check that was made, as JSON text.
    ///
    /// # Errors
    ///
    /// The question is not what `core.mjs` writes.
    pub fn explain(&self, question: &str) -> Result<String, JsError> {
        ask(question, |request, context, now| match now {
            Some(now) => text(&explanation(&self.0.explain(request, context, now))),
            None => text(&json!({"decision": self.without_clock(request), "steps": []})),
        })
    }

    /// Without a usable clock only public paths are decided.
    fn without_clock(&self, request: &Request<'_>) -> Answer<'static> {
        let decided = self.0.decide(request, &Context::unresolved(), UnixTime::from_seconds(0));
        // An unresolved owner lets nobody in, so what is allowed here is public.
        if !decided.is_allow() {
            return UNAVAILABLE;
        }
        Answer {
            allowed: true,
            status: decided.status(),
            detail: None,
            reason: decided.reason_code(),
            clause: Some(decided.clause()),
            ..UNAVAILABLE
        }
    }
}

/// The policy of a configuration file, as JSON text: its `[policy]`, or the whole text if it has none.
///
/// # Errors
///
/// The text is not TOML; the message has line and column.
#[wasm_bindgen(js_name = policyFromToml)]
pub fn policy_from_toml(text: &str) -> Result<String, JsError> {
    let mut file: toml::Table = text.parse().map_err(|error| JsError::new(&format!("policy: {error}")))?;
    let policy = match file.remove("policy") {
        Some(policy) => policy,
        None => toml::Value::Table(file),
    };
    serde_json::to_string(&policy).map_err(|error| JsError::new(&format!("policy: {error}")))
}

/// Every reason for a denial, with its clause, status, detail and what helps, as JSON text.
#[wasm_bindgen(js_name = reasonsAsJson)]
#[must_use]
pub fn reasons_as_json() -> String {
    let reasons = Reason::ALL.iter().map(|reason| {
        json!({
            "code": reason.code(), "clause": reason.clause(), "status": reason.answer().status(),
            "detail": reason.answer().detail(), "advice": reasons::advice(*reason),
        })
    });
    Value::Array(reasons.collect()).to_string()
}

/// Reads a question and gives it to `answer` in the engine's types; without a time if the clock is unusable.
fn ask(
    question: &str,
    answer: impl FnOnce(&Request<'_>, &Context<'_>, Option<UnixTime>) -> Result<String, JsError>,
) -> Result<String, JsError> {
    let question: Question =
        serde_json::from_str(question).map_err(|error| JsError::new(&error.to_string()))?;
    let values: Option<Vec<Vec<u8>>> = question.authorization.iter().map(|value| latin_1(value)).collect();
    let values = values.ok_or_else(|| JsError::new("authorization: a character is not Latin-1"))?;
    let lines: Vec<&[u8]> = values.iter().map(Vec::as_slice).collect();
    let request = Request::new(&question.method, &question.path, &lines);
    let organizations: Option<Organizations> =
        question.realm.as_ref().map(|realm| realm.iter().map(String::as_str).collect());
    let owner = match question.owner {
        Owner::Owned(organization) => ResourceOrg::Owned(organization.into()),
        Owner::Unowned => ResourceOrg::Unowned,
        Owner::Unresolved => ResourceOrg::Unresolved,
    };
    let account = match question.account {
        AccountState::Unknown => Account::Unknown,
        AccountState::Active => Account::Active,
        AccountState::NotAMember => Account::NotAMember,
        AccountState::NotConfigured => Account::NotConfigured,
    };
    let realm = organizations.as_ref().map_or(TenantScope::Any, TenantScope::Among);
    let context = Context::of(owner).realm(realm).account(account);
    let now = if question.from_clock {
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(question.now)).and_then(UnixTime::from_system)
    } else {
        Some(UnixTime::from_seconds(question.now))
    };
    answer(&request, &context, now)
}

fn text(answer: &impl Serialize) -> Result<String, JsError> {
    serde_json::to_string(answer).map_err(|error| JsError::new(&error.to_string()))
}

fn latin_1(value: &str) -> Option<Vec<u8>> {
    value.chars().map(|character| u8::try_from(character).ok()).collect()
}

/// A decision as JavaScript gets it. Written straight from what the engine holds: a decision takes microseconds, and a
/// tree of values in between would cost as much again.
#[derive(Serialize)]
struct Answer<'d> {
    allowed: bool,
    status: u16,
    detail: Option<&'d str>,
    www_authenticate: Option<&'d str>,
    reason: &'d str,
    clause: Option<&'d str>,
    principal: Option<Who<'d>>,
}

#[derive(Serialize)]
struct Who<'d> {
    user_id: &'d str,
    org_id: &'d str,
    permissions: Vec<&'d str>,
    token_id: Option<&'d str>,
    issued_at: Option<f64>,
    expires_at: f64,
}

/// The answer where the clock is not usable.
const UNAVAILABLE: Answer<'static> = Answer {
    allowed: false,
    status: 503,
    detail: Some("Service unavailable"),
    www_authenticate: None,
    reason: "clock_unusable",
    clause: None,
    principal: None,
};

impl<'d> Answer<'d> {
    fn of(decision: &'d Decision<'_>) -> Self {
        let denial = decision.denial();
        Self {
            allowed: decision.is_allow(),
            status: decision.status(),
            detail: denial.map(|denial| denial.detail()),
            www_authenticate: denial.map(|denial| denial.www_authenticate()),
            reason: decision.reason_code(),
            clause: Some(decision.clause()),
            principal: decision.principal().map(|principal| Who {
                user_id: principal.user_id(),
                org_id: principal.org_id(),
                permissions: principal.permissions().collect(),
                token_id: principal.token_id(),
                issued_at: principal.issued_at().map(|date| date.seconds()),
                expires_at: principal.expires_at().seconds(),
            }),
        }
    }
}

fn explanation(explanation: &Explanation<'_>) -> Value {
    let steps: Vec<Value> = explanation
        .steps
        .iter()
        .map(|step| {
            let verdict = match step.verdict {
                Verdict::Passed => "passed",
                Verdict::Decided => "decided",
                Verdict::NotReached => "not reached",
            };
            json!({
                "check": step.check.title(), "clauses": clauses(step.check), "verdict": verdict, "note": step.note,
            })
        })
        .collect();
    json!({"decision": Answer::of(&explanation.decision), "steps": steps})
}

fn clauses(check: Check) -> Vec<&'static str> {
    reasons::clauses(check).split(' ').collect()
}
