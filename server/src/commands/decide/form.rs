//! A decision as `decide` prints it.

use artos_auth_engine::{Decision, Denial, NumericDate, PrincipalRef};
use serde::Serialize;

/// The members of a decision, in the order in which they are printed.
#[derive(Serialize)]
pub(super) struct Form<'d> {
    outcome: &'static str,
    status: u16,
    detail: Option<&'static str>,
    www_authenticate: Option<&'d str>,
    reason: &'static str,
    clause: &'static str,
    principal: Option<Principal<'d>>,
    audit: Audit<'d>,
}

/// The allowed caller.
#[derive(Serialize)]
struct Principal<'d> {
    user_id: &'d str,
    org_id: &'d str,
    permissions: Vec<&'d str>,
    token_id: Option<&'d str>,
    issued_at: Option<NumericDate>,
    expires_at: NumericDate,
}

/// The known identity of the caller.
#[derive(Serialize)]
struct Audit<'d> {
    user_id: Option<&'d str>,
    org_id: Option<&'d str>,
    token_id: Option<&'d str>,
}

impl<'d> Form<'d> {
    pub(super) fn of(decision: &'d Decision<'_>) -> Self {
        let denial = decision.denial();
        let audit = decision.audit();
        Self {
            outcome: decision.outcome(),
            status: decision.status(),
            detail: denial.map(Denial::detail),
            www_authenticate: denial.map(Denial::www_authenticate),
            reason: decision.reason_code(),
            clause: decision.clause(),
            principal: decision.principal().map(Principal::of),
            audit: Audit { user_id: audit.user_id, org_id: audit.org_id, token_id: audit.token_id },
        }
    }
}

impl<'d> Principal<'d> {
    fn of(principal: &'d PrincipalRef<'_>) -> Self {
        Self {
            user_id: principal.user_id(),
            org_id: principal.org_id(),
            permissions: principal.permissions().collect(),
            token_id: principal.token_id(),
            issued_at: principal.issued_at(),
            expires_at: principal.expires_at(),
        }
    }
}
