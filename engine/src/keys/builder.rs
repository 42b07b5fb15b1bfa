//! Several key sets as one, each trusted with the issuer and the organizations that it is bound to (TOK-4, TOK-6).

use std::sync::Arc;

use super::key::Binding;
use super::key_set::KeySet;
use crate::context::Organizations;
use crate::error::LoadError;

/// Combines several key sets into one [`KeySet`]; returned by [`KeySet::builder`].
///
/// A token is tried with the keys of all sets, in the order in which they were added. It must meet the binding (issuer
/// and organizations) of the set whose key verifies it. If several sets contain the same key, the first set whose binding
/// the token meets counts.
#[derive(Debug, Default)]
#[must_use = "a builder does nothing until it is built"]
pub struct KeySetBuilder {
    sets: Vec<(KeySet, Option<Binding>)>,
}

impl KeySet {
    /// Combines several sets, each bound to the issuer and the organizations that it is trusted with.
    pub fn builder() -> KeySetBuilder {
        KeySetBuilder::default()
    }
}

impl KeySetBuilder {
    /// Adds a set whose keys may sign for any issuer and organization that the policy accepts.
    #[expect(clippy::should_implement_trait, reason = "sets are added to the builder, not numbers")]
    pub fn add(mut self, set: KeySet) -> Self {
        self.sets.push((set, None));
        self
    }

    /// Adds a set whose keys are trusted with one issuer, some organizations, or both; `None` means any.
    ///
    /// A token that one of these keys verifies must carry exactly this `iss` (`issuer_not_accepted`), and its
    /// organization must be one of these (`organization_not_of_issuer`), in addition to the policy's own checks.
    pub fn add_bound(
        mut self,
        set: KeySet,
        issuer: Option<String>,
        organizations: Option<Organizations>,
    ) -> Self {
        self.sets.push((set, Some(Binding::new(issuer, organizations))));
        self
    }

    /// Combines the sets.
    ///
    /// # Errors
    ///
    /// Fails without any set. Names the set (`keys[1].organizations`, counted in the order in which they were added) whose
    /// list of organizations is empty or has an empty name, or whose keys are bound already.
    pub fn build(self) -> Result<KeySet, LoadError> {
        let mut keys = Vec::new();
        let mut warnings = Vec::new();
        for (index, (set, binding)) in self.sets.into_iter().enumerate() {
            let error = |key: &str, problem: &str| LoadError::new(format!("keys[{index}]{key}"), problem);
            let Some(binding) = binding else {
                warnings.extend(set.into_parts(&mut keys));
                continue;
            };
            if let Some(organizations) = binding.organizations() {
                if organizations.is_empty() {
                    let problem = "an empty list accepts no token; leave it out to accept any organization";
                    return Err(error(".organizations", problem));
                }
                if organizations.contains("") {
                    return Err(error(".organizations", "an organization must not be empty"));
                }
            }
            if set.keys.iter().any(|key| key.binding.is_some()) {
                return Err(error("", "these keys are bound already; add them with `add`"));
            }
            let first = keys.len();
            warnings.extend(set.into_parts(&mut keys));
            let binding = Arc::new(binding);
            for key in keys.iter_mut().skip(first) {
                key.binding = Some(Arc::clone(&binding));
            }
        }
        if keys.is_empty() {
            return Err(LoadError::new("", "no key was added; add a key set that is not empty"));
        }
        Ok(KeySet::of(keys, warnings))
    }
}
