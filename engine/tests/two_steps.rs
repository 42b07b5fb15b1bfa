//! Authentication followed by authorization gives the same result as one combined decision.

#![cfg(test)]

#[expect(dead_code, reason = "other tests ask more of it")]
mod generated;

use std::collections::BTreeSet;

use artos_auth_engine::{
    Account, Admission, CacheBytes, Caller, Context, Decision, Denial, Engine, HashKey, Principal, Reason,
    Request, ResourceOrg, TenantScope, UnixTime,
};
use artos_auth_fixtures::engine::{EngineDecider, with_engine_types};
use artos_auth_fixtures::{Decider, Question, case};
use proptest::prelude::*;

/// The response to the client, and what is known of the caller.
#[derive(Debug, PartialEq)]
struct Outcome {
    /// Status, detail and challenge; `None` for an allow.
    answer: Option<(u16, &'static str, String)>,
    /// User, organization, token id.
    audit: [Option<String>; 3],
    permissions: Vec<String>,
    reason: Option<Reason>,
}

fn allowed(principal: Option<&Principal>) -> Outcome {
    let Some(principal) = principal else {
        return Outcome { answer: None, audit: [None, None, None], permissions: vec![], reason: None };
    };
    let token_id = principal.token_id().filter(|id| !id.is_empty());
    let audit = [Some(principal.user_id()), Some(principal.org_id()), token_id];
    Outcome {
        answer: None,
        audit: audit.map(|id| id.map(str::to_owned)),
        permissions: principal.permissions().map(str::to_owned).collect(),
        reason: None,
    }
}

fn denied(denial: &Denial<'_>) -> Outcome {
    let audit = denial.audit();
    Outcome {
        answer: Some((denial.status(), denial.detail(), denial.www_authenticate().to_owned())),
        audit: [audit.user_id, audit.org_id, audit.token_id].map(|id| id.map(str::to_owned)),
        permissions: vec![],
        reason: Some(denial.reason()),
    }
}

fn at_once(engine: &Engine, request: &Request<'_>, context: &Context<'_>, now: UnixTime) -> Outcome {
    match engine.decide(request, context, now) {
        Decision::Allow(access) => match access {
            artos_auth_engine::Access::Public(_) => allowed(None),
            artos_auth_engine::Access::Principal(principal) => allowed(Some(&principal.to_owned())),
        },
        Decision::Deny(denial) => denied(&denial),
    }
}

fn in_two_steps(engine: &Engine, request: &Request<'_>, context: &Context<'_>, now: UnixTime) -> Outcome {
    match engine.authenticate(request, context.realm, now) {
        Ok(Admission::Public(_)) => allowed(None),
        Ok(Admission::Caller(caller)) => {
            match caller.authorize(context.resource_org.clone(), context.account) {
                Ok(principal) => allowed(Some(&principal)),
                Err(denial) => denied(&denial),
            }
        }
        Err(denial) => denied(&denial),
    }
}

const OF_OWNER_OR_ACCOUNT: [Reason; 4] = [
    Reason::AccountNotConfigured,
    Reason::NotAMember,
    Reason::ResourceOfOtherOrganization,
    Reason::ResourceUnresolved,
];
const OF_PATH_OR_PERMISSION: [Reason; 2] = [Reason::PathAmbiguous, Reason::PermissionMissing];

/// The reasons of one step and of two steps, if both deny.
fn compare(engine: &Engine, question: &Question) -> Option<(Reason, Reason)> {
    let now = UnixTime::from_seconds(question.now);
    with_engine_types(question, |request, context| {
        let mut one = at_once(engine, request, context, now);
        let mut two = in_two_steps(engine, request, context, now);
        let reasons = one.reason.take().zip(two.reason.take());
        assert_eq!(one, two, "{question:?}");
        if let Some((one, two)) = reasons.filter(|(one, two)| one != two) {
            assert!(OF_OWNER_OR_ACCOUNT.contains(&one), "{one} at once, {two} in two steps: {question:?}");
            assert!(OF_PATH_OR_PERMISSION.contains(&two), "{one} at once, {two} in two steps: {question:?}");
            // The reason of the first step is the one that the most permissive owner and account would give.
            let best = Context::unowned().realm(context.realm);
            assert_eq!(at_once(engine, request, &best, now).reason, Some(two), "{question:?}");
        }
        reasons
    })
}

proptest! {
    #[test]
    fn two_steps_decide_as_one(case in generated::generated_request()) {
        let engine = case.engine().engine();
        let cached = engine.clone().with_cache(CacheBytes(1 << 20), HashKey(7));
        let reasons = compare(engine, &case.question());
        for _ in 0..2 {
            prop_assert_eq!(compare(&cached, &case.question()), reasons);
        }
    }

    #[test]
    fn a_caller_is_authorized_only_for_its_own_organization(case in generated::allowed(), other in "[a-z-]{0,8}") {
        let question = case.question();
        with_engine_types(&question, |request, context| {
            let now = UnixTime::from_seconds(question.now);
            let Ok(Admission::Caller(caller)) = case.engine().engine().authenticate(request, context.realm, now) else {
                return;
            };
            let own = caller.org_id().to_owned();
            for owner in [own.as_str(), other.as_str()] {
                let answer = caller.authorize(ResourceOrg::Owned(owner.into()), Account::Unknown);
                assert_eq!(answer.is_ok(), owner == own, "{owner}");
                assert!(answer.is_err() || answer.is_ok_and(|principal| principal.org_id() == own));
            }
            assert!(caller.authorize(ResourceOrg::Unresolved, Account::Active).is_err());
        });
    }
}

#[test]
fn two_steps_decide_every_fixture_as_one() {
    let mut differing = BTreeSet::new();
    for case in case::load().expect("the cases") {
        let decider = EngineDecider::new(&case.setup).unwrap_or_else(|error| panic!("{}: {error}", case.id));
        if let Some((one, two)) = compare(decider.engine(), &case.question).filter(|(one, two)| one != two) {
            differing.insert((one.code(), two.code()));
        }
        assert_eq!(decider.decide(&case.question), case.expected, "{}", case.id);
    }
    // The fixtures show the difference that the contract allows.
    assert!(!differing.is_empty());
}

#[test]
fn owned_values_outlive_the_engine() {
    fn kept<T: Clone + Send + Sync + 'static>(value: T) -> T {
        value
    }
    fn returned<T: Send + Sync + 'static>(value: T) -> T {
        value
    }
    let line = {
        let token = artos_auth_fixtures::TokenSpec::default().mint().expect("a token");
        [b"Bearer ".to_vec(), token].concat()
    };
    let engine = generated::ENGINES[0].engine().clone().with_cache(CacheBytes(1 << 20), HashKey(7));
    let now = UnixTime::from_seconds(generated::NOW);
    let authenticate = |path: &str, lines: &[&[u8]]| {
        engine.authenticate(&Request::new("GET", path, lines), TenantScope::Any, now)
    };
    let admission: Admission = kept(authenticate("/other", &[&line]).expect("a caller"));
    let Admission::Caller(caller) = admission else { panic!("the path is not public") };
    let caller: Caller = kept(caller);
    let principal = kept(caller.authorize(ResourceOrg::Unowned, Account::Unknown).expect("a principal"));
    let denial = returned(caller.authorize(ResourceOrg::Unresolved, Account::Unknown).expect_err("a denial"));
    let missing = returned(caller.require("documents:delete").expect_err("a denial"));
    let nobody = returned(authenticate("/other", &[]).expect_err("a denial"));
    drop((engine, caller));
    let elsewhere = std::thread::spawn(move || {
        assert_eq!((principal.user_id(), principal.org_id()), ("u1", "org-a"));
        assert_eq!((denial.status(), denial.audit().user_id), (403, Some("u1")));
        assert_eq!(missing.cause().unwrap().to_string(), "missing permission `documents:delete`");
        assert_eq!((nobody.status(), nobody.www_authenticate()), (401, "Bearer realm=\"artos\""));
    });
    elsewhere.join().expect("the assertions hold");
}
