//! Something for each outcome that a decision can have.

use artos_auth_engine::{Access, Decision, Reason};

/// One of a kind for each outcome, there from the start, so that it is found without a lock or a look-up.
#[derive(Debug)]
pub(crate) struct ByOutcome<T> {
    public: T,
    authorized: T,
    denied: [T; Reason::ALL.len()],
}

impl<T: Default> Default for ByOutcome<T> {
    fn default() -> Self {
        Self { public: T::default(), authorized: T::default(), denied: std::array::from_fn(|_| T::default()) }
    }
}

impl<T> ByOutcome<T> {
    /// What there is for the outcome of this decision; every one has something.
    pub(crate) fn of(&self, decision: &Decision<'_>) -> Option<&T> {
        match decision {
            Decision::Allow(Access::Public(_)) => Some(&self.public),
            Decision::Allow(Access::Principal(_)) => Some(&self.authorized),
            // The reasons are declared in the order in which `ALL` has them; a test looks.
            Decision::Deny(denial) => self.denied.get(denial.reason() as usize),
        }
    }

    /// All of them, each with the outcome and the code of its reason.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static str, &'static str, &T)> {
        let denied = Reason::ALL.iter().map(|reason| reason.code()).zip(&self.denied);
        [("allow", "public_path", &self.public), ("allow", "authorized", &self.authorized)]
            .into_iter()
            .chain(denied.map(|(reason, its)| ("deny", reason, its)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_have_their_own_in_the_order_of_all() {
        for (index, reason) in Reason::ALL.iter().enumerate() {
            assert_eq!(*reason as usize, index, "{reason}");
        }
    }
}
