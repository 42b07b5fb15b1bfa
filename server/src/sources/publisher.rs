//! Combines the values of all sources into the snapshot that decisions use.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use artos_auth_engine::{Engine, KeySet, Policy, Resources, Revocations};
use zeroize::Zeroizing;

use crate::config::{self, ExtAuthz, Forward, KeySource, Realms};
use crate::outcome::Unavailable;
use crate::snapshot::{Snapshot, UnknownKeys};

/// The last good keys of one source, as a JWK Set; `None` before the first load, and when the keys are too old. Clones
/// share the keys.
#[derive(Clone, Default)]
pub(crate) struct KeySlot(Arc<Mutex<Option<Jwks>>>);

/// Identifies the source of the revocations; updates from a source that is no longer configured are ignored. Clones
/// identify the same source.
#[derive(Clone, Default)]
pub(crate) struct RevocationsSlot(Arc<()>);

/// The text of a JWK Set, which may hold shared secrets.
type Jwks = Arc<Zeroizing<Vec<u8>>>;

impl KeySlot {
    fn lock(&self) -> MutexGuard<'_, Option<Jwks>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the keys without publishing them, for a slot that is not in use yet.
    pub(crate) fn fill(&self, jwks: Vec<u8>) {
        *self.lock() = Some(Arc::new(Zeroizing::new(jwks)));
    }

    /// The keys, if there are any.
    pub(crate) fn keys(&self) -> Option<KeySet> {
        let jwks = self.lock().clone()?;
        KeySet::from_jwks(&jwks).ok()
    }

    /// Whether there are keys.
    pub(crate) fn is_filled(&self) -> bool {
        self.lock().is_some()
    }
}

/// Replaces the snapshot when a source has a new value. Clones share the snapshot.
#[derive(Clone)]
pub(crate) struct Publisher {
    snapshot: Arc<ArcSwap<Snapshot>>,
    unknown_keys: UnknownKeys,
    parts: Arc<Mutex<Parts>>,
}

/// The key sources of the current configuration, and the state of its revocations.
#[derive(Default)]
struct Parts {
    keys: Vec<(KeySource, KeySlot)>,
    revocations: RevocationsSlot,
    revocations_stale: bool,
}

/// The revocations of a new configuration.
pub(crate) struct NewRevocations {
    pub(crate) slot: RevocationsSlot,
    /// Keep the current revocations until the source is loaded.
    pub(crate) set: Option<Revocations>,
    /// Whether the source has not been loaded yet.
    pub(crate) stale: bool,
}

/// The values that come from the configuration file itself.
pub(crate) struct Rules {
    pub(crate) policy: Policy,
    pub(crate) realms: Realms,
    pub(crate) resources: Resources,
    pub(crate) forward: Option<Forward>,
    pub(crate) ext_authz: Option<ExtAuthz>,
}

impl Rules {
    fn snapshot(self, engine: Engine) -> Snapshot {
        Snapshot::new(engine, self.realms, self.resources)
            .with_forward(self.forward)
            .with_ext_authz(self.ext_authz)
    }
}

impl Publisher {
    /// The first snapshot. `cached` adds the cache to the engine.
    pub(crate) fn start(
        rules: Rules,
        keys: Vec<(KeySource, KeySlot)>,
        revocations: NewRevocations,
        cached: impl FnOnce(Engine) -> Result<Engine, String>,
    ) -> Result<Self, String> {
        let NewRevocations { slot, set: revocations, stale: revocations_stale } = revocations;
        let revocations = revocations.unwrap_or_else(Revocations::none);
        let parts = Parts { keys, revocations: slot, revocations_stale };
        let set = parts.key_set()?;
        let engine =
            cached(Engine::new(rules.policy.clone(), set.unwrap_or_else(KeySet::none), revocations))?;
        let unknown_keys = UnknownKeys::default();
        let snapshot = rules.snapshot(engine).with_unavailable(parts.unavailable());
        let snapshot = snapshot.with_unknown_keys(unknown_keys.clone());
        Ok(Self {
            snapshot: Arc::new(ArcSwap::from_pointee(snapshot)),
            unknown_keys,
            parts: Arc::new(Mutex::new(parts)),
        })
    }

    /// Requests fetches because of unknown keys.
    pub(crate) fn unknown_keys(&self) -> &UnknownKeys {
        &self.unknown_keys
    }

    /// The current snapshot.
    pub(crate) fn snapshot(&self) -> &Arc<ArcSwap<Snapshot>> {
        &self.snapshot
    }

    /// Publishes a new configuration, the keys of its sources and, if they changed, the revocations, in one step.
    pub(crate) fn set_rules(
        &self,
        rules: Rules,
        keys: Vec<(KeySource, KeySlot)>,
        revocations: Option<NewRevocations>,
    ) -> Result<(), String> {
        let mut parts = self.lock();
        let (slot, stale, revocations) = match revocations {
            Some(NewRevocations { slot, set, stale }) => (slot, stale, set),
            None => (parts.revocations.clone(), parts.revocations_stale, None),
        };
        let new = Parts { keys, revocations: slot, revocations_stale: stale };
        let set = new.key_set()?;
        *parts = new;
        let current = self.snapshot.load_full();
        let engine = current.engine();
        let engine = engine.with_policy_and_keys(rules.policy.clone(), set.unwrap_or_else(KeySet::none));
        let engine = match revocations {
            Some(revocations) => engine.with_revocations(revocations),
            None => engine,
        };
        self.store(&parts, rules.snapshot(engine).with_unknown_keys(self.unknown_keys.clone()));
        Ok(())
    }

    /// Publishes new keys of one source, or removes them. The same keys once more change nothing: an issuer that does not
    /// support conditional requests must not empty the cache of tokens at every refresh.
    pub(crate) fn set_keys(&self, slot: &KeySlot, jwks: Option<Vec<u8>>) -> Result<(), String> {
        let parts = self.lock();
        let new = jwks.map(|jwks| Arc::new(Zeroizing::new(jwks)));
        if *slot.lock() == new {
            return Ok(());
        }
        let previous = std::mem::replace(&mut *slot.lock(), new);
        let set = match parts.key_set() {
            Ok(set) => set,
            Err(problem) => {
                *slot.lock() = previous;
                return Err(problem);
            }
        };
        let current = self.snapshot.load_full();
        let policy = current.engine().policy().clone();
        let engine = current.engine().with_policy_and_keys(policy, set.unwrap_or_else(KeySet::none));
        self.store(&parts, current.with_engine(engine));
        Ok(())
    }

    /// Publishes new revocations of a source.
    pub(crate) fn set_revocations(&self, slot: &RevocationsSlot, revocations: Revocations) {
        let parts = self.lock();
        if !parts.is_current(slot) {
            return;
        }
        let current = self.snapshot.load_full();
        let engine = current.engine().with_revocations(revocations);
        self.store(&parts, current.with_engine(engine));
    }

    /// Marks the revocations of a source as stale or not.
    pub(crate) fn set_revocations_stale(&self, slot: &RevocationsSlot, stale: bool) {
        let mut parts = self.lock();
        if !parts.is_current(slot) || parts.revocations_stale == stale {
            return;
        }
        parts.revocations_stale = stale;
        let current = self.snapshot.load_full();
        self.store(&parts, current.with_engine(current.engine().clone()));
    }

    fn store(&self, parts: &Parts, snapshot: Snapshot) {
        self.snapshot.store(Arc::new(snapshot.with_unavailable(parts.unavailable())));
    }

    fn lock(&self) -> MutexGuard<'_, Parts> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Parts {
    fn is_current(&self, slot: &RevocationsSlot) -> bool {
        Arc::ptr_eq(&self.revocations.0, &slot.0)
    }

    /// All usable sets combined; `None` if no set is usable.
    fn key_set(&self) -> Result<Option<KeySet>, String> {
        let mut sources = Vec::new();
        let mut sets = Vec::new();
        for (source, slot) in &self.keys {
            let Some(jwks) = slot.lock().clone() else { continue };
            sets.push(KeySet::from_jwks(&jwks).map_err(|error| error.to_string())?);
            sources.push(source.clone());
        }
        if sets.is_empty() {
            return Ok(None);
        }
        config::bind_keys(std::path::Path::new(""), &sources, sets).map(Some).map_err(|error| error.problem)
    }

    fn unavailable(&self) -> Option<Unavailable> {
        if !self.keys.iter().any(|(_, slot)| slot.is_filled()) {
            return Some(Unavailable::KeysUnavailable);
        }
        self.revocations_stale.then_some(Unavailable::RevocationsStale)
    }
}
