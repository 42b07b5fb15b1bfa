//! The decision engine for JavaScript, wrapped by `core.mjs`, which has the types and checks arguments.
//!
//! A request is passed as bytes in a buffer of the module's memory, because converting text with
//! `wasm-bindgen` and JSON would take longer than the decision. Rare calls pass JSON.

use std::time::{Duration, SystemTime};

use artos_auth_engine::{
    Account, Context, Decision, Engine, Explanation, KeySet, LoadError, Organizations, Policy, PolicySpec,
    PrincipalRef, Reason, Request, ResourceOrg, Revocations, TenantScope, UnixTime,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use wasm_bindgen::prelude::*;

/// A loaded policy, keys and revocations, and the buffers of one decision.
#[wasm_bindgen(js_name = NativeEngine)]
#[derive(Debug)]
pub struct NativeEngine {
    engine: Engine,
    /// Where JavaScript writes the strings of a request.
    input: Vec<u8>,
    /// Where a principal is written, as JSON.
    output: Vec<u8>,
    realm: Option<Organizations>,
}

/// Return values of `decide` for a public path and for an unusable clock. A denial returns its index in `Reason::ALL`,
/// and an allow the negative length of its principal.
const PUBLIC: i32 = 1000;
const CLOCK_UNUSABLE: i32 = 1001;

/// A key set that is trusted only for an issuer and some organizations.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BoundKeys {
    jwks: Box<RawValue>,
    issuer: Option<String>,
    organizations: Option<Vec<String>>,
}

/// One JWK Set, or a list of them with their bindings.
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

/// A request, as `core.mjs` writes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    method: String,
    path: String,
    /// Each value as text with one character for each byte (Latin-1).
    authorization: Vec<String>,
    realm: Option<Vec<String>>,
    owner: Owner,
    account: AccountState,
    now: u64,
    /// Whether `now` comes from the clock, which may be wrong, or from the caller.
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
    /// Names the invalid document and key; never shows key material.
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
        let engine = Engine::new(policy, keys, revocations);
        Ok(Self { engine, input: Vec::new(), output: Vec::new(), realm: None })
    }

    /// Reserves space for a request's strings, and returns its address.
    pub fn input(&mut self, bytes: usize) -> *const u8 {
        self.input.resize(bytes, 0);
        self.input.as_ptr()
    }

    /// The address of the principal of the last decision.
    #[must_use]
    pub fn output(&self) -> *const u8 {
        self.output.as_ptr()
    }

    /// Sets the organizations whose tokens authenticate; `None`: tokens of every organization.
    #[wasm_bindgen(js_name = setRealm)]
    pub fn set_realm(&mut self, ids: Option<Vec<String>>) {
        self.realm = ids.map(|ids| ids.iter().map(String::as_str).collect());
    }

    /// Decides the request in the input: method, path, owner and, if present, the `Authorization` value, one after
    /// another with these end offsets. All of it is ASCII.
    ///
    /// # Errors
    ///
    /// The arguments are not in the form that `core.mjs` writes.
    #[expect(
        clippy::too_many_arguments,
        reason = "numbers cross the boundary at no cost, and a structure does not"
    )]
    pub fn decide(
        &mut self,
        method: usize,
        path: usize,
        owner: usize,
        authorization: Option<usize>,
        owner_kind: u8,
        account: u8,
        now: f64,
        from_clock: bool,
    ) -> Result<i32, JsError> {
        let wrong = || JsError::new("the arguments of a decision are not as core.mjs writes them");
        let part = |from, to| self.input.get(from..to).and_then(|bytes| std::str::from_utf8(bytes).ok());
        let line;
        let lines: &[&[u8]] = match authorization {
            Some(end) => {
                line = [part(owner, end).ok_or_else(wrong)?.as_bytes()];
                &line
            }
            None => &[],
        };
        let owner = match owner_kind {
            0 => ResourceOrg::Owned(part(path, owner).ok_or_else(wrong)?.into()),
            1 => ResourceOrg::Unowned,
            2 => ResourceOrg::Unresolved,
            _ => return Err(wrong()),
        };
        let account = match account {
            0 => Account::Unknown,
            1 => Account::Active,
            2 => Account::NotAMember,
            3 => Account::NotConfigured,
            _ => return Err(wrong()),
        };
        let path = part(method, path).ok_or_else(wrong)?;
        let request = Request::new(part(0, method).ok_or_else(wrong)?, path, lines);
        let realm = self.realm.as_ref().map_or(TenantScope::Any, TenantScope::Among);
        let context = Context::of(owner).realm(realm).account(account);
        // `core.mjs` passes non-negative whole seconds.
        let Some(now) = time(now as u64, from_clock) else {
            let is_public = self.engine.public_access(&request).is_some();
            return Ok(if is_public { PUBLIC } else { CLOCK_UNUSABLE });
        };
        let decision = self.engine.decide(&request, &context, now);
        if let Some(denial) = decision.denial() {
            let place = Reason::ALL.iter().position(|reason| *reason == denial.reason());
            return place.and_then(|place| i32::try_from(place).ok()).ok_or_else(wrong);
        }
        let Some(principal) = decision.principal() else { return Ok(PUBLIC) };
        self.output.clear();
        serde_json::to_writer(&mut self.output, &Who::of(principal))?;
        i32::try_from(self.output.len()).map(|length| -length).map_err(|_| wrong())
    }

    /// Warnings about the policy, the keys and the revocations.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let (policy, keys) = (self.engine.policy().warnings(), self.engine.keys().warnings());
        let warnings = [policy, keys, self.engine.revocations().warnings()];
        warnings.into_iter().flatten().map(ToString::to_string).collect()
    }

    /// The decision on a request, as JSON text.
    ///
    /// # Errors
    ///
    /// The request is not in the form that `core.mjs` writes.
    #[wasm_bindgen(js_name = decideJson)]
    pub fn decide_json(&self, question: &str) -> Result<String, JsError> {
        ask(question, |request, context, now| match now {
            Some(now) => text(&Answer::of(&self.engine.decide(request, context, now))),
            None => text(&self.without_clock(request)),
        })
    }

    /// The decision with every check, as JSON text.
    ///
    /// # Errors
    ///
    /// The request is not in the form that `core.mjs` writes.
    pub fn explain(&self, question: &str) -> Result<String, JsError> {
        ask(question, |request, context, now| match now {
            Some(now) => text(&explanation(&self.engine.explain(request, context, now))),
            None => text(&json!({"decision": self.without_clock(request), "steps": []})),
        })
    }

    /// Without a usable clock only public paths are decided.
    fn without_clock(&self, request: &Request<'_>) -> Answer<'static> {
        let decided = self.engine.decide(request, &Context::unresolved(), UnixTime::from_seconds(0));
        // An unresolved owner is never allowed, so an allow here is a public path.
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

/// The module's memory, which contains the buffers.
#[wasm_bindgen(js_name = moduleMemory)]
#[must_use]
pub fn module_memory() -> JsValue {
    wasm_bindgen::memory()
}

/// Every reason for a denial, with its clause, status, detail and fix, as JSON text.
#[wasm_bindgen(js_name = reasonsAsJson)]
#[must_use]
pub fn reasons_as_json() -> String {
    let reasons = Reason::ALL.iter().map(|reason| {
        json!({
            "code": reason.code(), "clause": reason.clause(), "status": reason.answer().status(),
            "detail": reason.answer().detail(), "advice": reason.advice(),
        })
    });
    Value::Array(reasons.collect()).to_string()
}

/// Parses a request and passes it to `answer` in the engine's types; without a time if the clock is unusable.
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
    answer(&request, &context, time(question.now, question.from_clock))
}

/// A time from the caller is used unchanged; a time from the clock must be from 2025 on.
fn time(seconds: u64, from_clock: bool) -> Option<UnixTime> {
    if from_clock {
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).and_then(UnixTime::from_system)
    } else {
        Some(UnixTime::from_seconds(seconds))
    }
}

fn text(answer: &impl Serialize) -> Result<String, JsError> {
    serde_json::to_string(answer).map_err(|error| JsError::new(&error.to_string()))
}

fn latin_1(value: &str) -> Option<Vec<u8>> {
    value.chars().map(|character| u8::try_from(character).ok()).collect()
}

/// A decision for JavaScript, written directly from the engine's data.
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

/// The response if the clock is unusable.
const UNAVAILABLE: Answer<'static> = Answer {
    allowed: false,
    status: 503,
    detail: Some("Service unavailable"),
    www_authenticate: None,
    reason: "clock_unusable",
    clause: Some("TOK-3"),
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
            principal: decision.principal().map(Who::of),
        }
    }
}

impl<'d> Who<'d> {
    fn of(principal: &'d PrincipalRef<'_>) -> Self {
        Self {
            user_id: principal.user_id(),
            org_id: principal.org_id(),
            permissions: principal.permissions().collect(),
            token_id: principal.token_id(),
            issued_at: principal.issued_at().map(|date| date.seconds()),
            expires_at: principal.expires_at().seconds(),
        }
    }
}

fn explanation(explanation: &Explanation<'_>) -> Value {
    let steps: Vec<Value> = explanation
        .steps
        .iter()
        .map(|step| {
            json!({
                "check": step.check.title(), "clauses": step.check.clauses(), "result": step.result.name(),
                "note": step.note,
            })
        })
        .collect();
    json!({"decision": Answer::of(&explanation.decision), "steps": steps})
}
