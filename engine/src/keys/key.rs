//! One key and its binding.

use std::fmt;
use std::sync::Arc;

use super::verifier::Verifier;
use crate::algorithm::Algorithm;
use crate::context::Organizations;

/// One key, bound to one algorithm.
pub(crate) struct Key {
    pub(super) id: Option<Box<str>>,
    pub(super) algorithm: Algorithm,
    pub(super) verifier: Verifier,
    pub(super) binding: Option<Arc<Binding>>,
}

/// The issuer and organizations that tokens verified by a key must have.
#[derive(Debug)]
pub(crate) struct Binding {
    issuer: Option<Box<str>>,
    organizations: Option<Organizations>,
}

impl Binding {
    pub(super) fn new(issuer: Option<String>, organizations: Option<Organizations>) -> Self {
        Self { issuer: issuer.map(Into::into), organizations }
    }

    pub(super) fn organizations(&self) -> Option<&Organizations> {
        self.organizations.as_ref()
    }

    /// Whether a token with this `iss` meets the binding; `None` is a token without `iss`.
    pub(crate) fn accepts_issuer(&self, issuer: Option<&[u8]>) -> bool {
        self.issuer.as_ref().is_none_or(|bound| issuer == Some(bound.as_bytes()))
    }

    /// Whether a token of this organization meets the binding. A token without an organization does, because it was not
    /// issued for a different one.
    pub(crate) fn accepts_organization(&self, organization: Option<&[u8]>) -> bool {
        match (&self.organizations, organization) {
            (Some(bound), Some(organization)) => bound.contains_bytes(organization),
            (None, _) | (_, None) => true,
        }
    }
}

/// The result of a successful verification.
#[derive(Clone, Copy)]
pub(crate) struct VerifiedBy<'k> {
    /// The binding of the key.
    pub(crate) binding: Option<&'k Binding>,
    /// The candidates that were not tried yet.
    pub(crate) left: Candidates<'k>,
}

/// The indexes of the candidate keys for a token: one or more, all for the token's algorithm.
#[derive(Clone, Copy)]
pub(crate) struct Candidates<'k>(pub(super) &'k [usize]);

impl Candidates<'_> {
    /// The number of candidates.
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
