//! The outcome of a request: the engine's decision, or an answer of the server itself.

use artos_auth_engine::{Access, Answer, Decision, Identity, Reason};

use crate::http::forward::Unclear;

/// The outcome of a valid request.
#[derive(Debug)]
#[must_use = "an unused outcome protects nothing"]
pub enum Outcome<'e> {
    /// The engine decided.
    Decided(Decision<'e>),
    /// Forwarded fields that do not describe a request clearly: 403, before the token is read (PUB-2).
    ForwardedRequestUnclear(Unclear),
    /// No decision is possible now: 503. It is never an allow, and implies nothing about the token.
    Unavailable(Unavailable),
}

/// Why only public paths can be decided. If several reasons apply, the first in this order is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Unavailable {
    /// The clock shows a time before 2025, so no expiry can be checked (TOK-3).
    ClockUnusable,
    /// No key set is usable (ROT-1).
    KeysUnavailable,
    /// The revocations are older than allowed (REV-1).
    RevocationsStale,
}

impl Unavailable {
    /// Every reason, in their order.
    pub const ALL: [Self; 3] = [Self::ClockUnusable, Self::KeysUnavailable, Self::RevocationsStale];

    /// The stable code, as in logs and metrics.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::ClockUnusable => "clock_unusable",
            Self::KeysUnavailable => "keys_unavailable",
            Self::RevocationsStale => "revocations_stale",
        }
    }

    /// The clause of the contract for the reason.
    #[must_use]
    pub const fn clause(self) -> &'static str {
        match self {
            Self::ClockUnusable => "TOK-3",
            Self::KeysUnavailable => "ROT-1",
            Self::RevocationsStale => "REV-1",
        }
    }
}

/// Code, clause and public answer of an unclear forwarded request.
const FORWARDED_REQUEST_UNCLEAR: (&str, &str, Answer) =
    ("forwarded_request_unclear", "PUB-2", Answer::NotAuthorized);

impl Outcome<'_> {
    /// `allow`, `deny` or `unavailable`, as in logs and metrics.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Decided(decision) => decision.outcome(),
            Self::ForwardedRequestUnclear(_) => "deny",
            Self::Unavailable(_) => "unavailable",
        }
    }

    /// The status code of the answer: 200, 401, 403 or 503.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Decided(decision) => decision.status(),
            Self::ForwardedRequestUnclear(_) => FORWARDED_REQUEST_UNCLEAR.2.status(),
            Self::Unavailable(_) => 503,
        }
    }

    /// The stable code of the reason.
    #[must_use]
    pub fn reason_code(&self) -> &'static str {
        match self {
            Self::Decided(decision) => decision.reason_code(),
            Self::ForwardedRequestUnclear(_) => FORWARDED_REQUEST_UNCLEAR.0,
            Self::Unavailable(why) => why.code(),
        }
    }

    /// The cause as a sentence, if there is more to say than the reason.
    #[must_use]
    pub fn cause(&self) -> Option<String> {
        match self {
            Self::Decided(decision) => decision.denial()?.cause().map(|cause| cause.to_string()),
            Self::ForwardedRequestUnclear(unclear) => Some(unclear.to_string()),
            Self::Unavailable(_) => None,
        }
    }

    /// The clause of the contract that decided.
    #[must_use]
    pub fn clause(&self) -> &'static str {
        match self {
            Self::Decided(decision) => decision.clause(),
            Self::ForwardedRequestUnclear(_) => FORWARDED_REQUEST_UNCLEAR.1,
            Self::Unavailable(why) => why.clause(),
        }
    }

    /// The engine's decision, if it made one.
    #[must_use]
    pub fn decision(&self) -> Option<&Decision<'_>> {
        match self {
            Self::Decided(decision) => Some(decision),
            Self::ForwardedRequestUnclear(_) | Self::Unavailable(_) => None,
        }
    }

    /// The known identity of the caller (AUD-1).
    #[must_use]
    pub fn identity(&self) -> Option<Identity<'_>> {
        self.decision().and_then(Decision::identity)
    }
}

impl<'e> From<Decision<'e>> for Outcome<'e> {
    fn from(decision: Decision<'e>) -> Self {
        Self::Decided(decision)
    }
}

/// One preallocated `T` per outcome, found without a lock or a hash.
#[derive(Debug)]
pub(crate) struct ByOutcome<T> {
    public: T,
    authorized: T,
    denied: [T; Reason::ALL.len()],
    forwarded_request_unclear: T,
    unavailable: [T; Unavailable::ALL.len()],
}

impl<T: Default> Default for ByOutcome<T> {
    fn default() -> Self {
        Self {
            public: T::default(),
            authorized: T::default(),
            denied: std::array::from_fn(|_| T::default()),
            forwarded_request_unclear: T::default(),
            unavailable: std::array::from_fn(|_| T::default()),
        }
    }
}

impl<T> ByOutcome<T> {
    /// The `T` of this outcome; every outcome has one.
    pub(crate) fn of(&self, outcome: &Outcome<'_>) -> Option<&T> {
        match outcome {
            Outcome::Decided(Decision::Allow(Access::Public(_))) => Some(&self.public),
            Outcome::Decided(Decision::Allow(Access::Principal(_))) => Some(&self.authorized),
            // The reasons are declared in the order of `ALL`, which a test checks.
            Outcome::Decided(Decision::Deny(denial)) => self.denied.get(denial.reason() as usize),
            Outcome::ForwardedRequestUnclear(_) => Some(&self.forwarded_request_unclear),
            Outcome::Unavailable(why) => {
                let [clock, keys, revocations] = &self.unavailable;
                Some(match why {
                    Unavailable::ClockUnusable => clock,
                    Unavailable::KeysUnavailable => keys,
                    Unavailable::RevocationsStale => revocations,
                })
            }
        }
    }

    /// All values, each with its outcome and reason code.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static str, &'static str, &T)> {
        let allowed = [("allow", "public_path", &self.public), ("allow", "authorized", &self.authorized)];
        let denied = Reason::ALL.iter().map(|reason| reason.code()).zip(&self.denied);
        let unclear = (FORWARDED_REQUEST_UNCLEAR.0, &self.forwarded_request_unclear);
        let unavailable = Unavailable::ALL.iter().map(|why| why.code()).zip(&self.unavailable);
        allowed
            .into_iter()
            .chain(denied.chain([unclear]).map(|(reason, its)| ("deny", reason, its)))
            .chain(unavailable.map(|(reason, its)| ("unavailable", reason, its)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reasons_are_declared_in_the_order_of_all() {
        for (index, reason) in Reason::ALL.iter().enumerate() {
            assert_eq!(*reason as usize, index, "{reason}");
        }
    }

    #[test]
    fn each_outcome_of_the_server_has_its_own_slot() {
        let slots = ByOutcome::<std::cell::Cell<u8>>::default();
        let outcomes = Unavailable::ALL.map(Outcome::Unavailable);
        for outcome in outcomes.iter().chain([&Outcome::ForwardedRequestUnclear(Unclear::NotServed)]) {
            slots.of(outcome).unwrap().set(1);
            let named: Vec<_> = slots.iter().filter(|(.., slot)| slot.take() == 1).collect();
            assert_eq!(named.len(), 1);
            assert_eq!((named[0].0, named[0].1), (outcome.name(), outcome.reason_code()));
        }
    }
}
