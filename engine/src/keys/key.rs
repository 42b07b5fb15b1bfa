//! One key.

use std::fmt;

use super::verifier::Verifier;
use crate::algorithm::Algorithm;

/// One key, bound to one algorithm.
pub(crate) struct Key {
    pub(super) id: Option<Box<str>>,
    pub(super) algorithm: Algorithm,
    pub(super) verifier: Verifier,
}

/// Where the keys stand that may verify a token: one or more, all of the token's algorithm.
#[derive(Clone, Copy)]
pub(crate) struct Candidates<'k>(pub(super) &'k [usize]);

impl Candidates<'_> {
    /// How many there are.
    pub(crate) fn count(self) -> usize {
        self.0.len()
    }
}

/// Shows id and algorithm, never key material (SEC-1).
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("id", &self.id)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}
