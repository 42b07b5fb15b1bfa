//! The engine, and the order of its checks.
//!
//! Data flows one way: request → header → token → claims → organization → permission → decision. Each stage accepts only
//! the proof that the stage before returns, so no check can be left out: only [`Engine::verify`] returns a [`Verified`],
//! only the checks of [`Engine::authenticated`] an [`Authenticated`], only those of [`Engine::authorized`] or
//! [`Caller::authorize`] an [`Authorized`], and only an [`Authorized`] becomes a principal.

use std::sync::Arc;

use crate::algorithm::Algorithm;
use crate::authorization;
use crate::cache::{self, Cache, CacheBytes, CacheHit, Entry, HashKey, SharedEntry, SnapshotNumber};
use crate::caller::{Admission, Caller};
use crate::cause::{Detail, Failure, NoKey};
use crate::checks;
use crate::claims::BindingVerdict;
use crate::context::{Context, TenantScope};
use crate::decision::{Access, Decision, Denial, PrincipalRef};
use crate::explain::{Check, Explanation, Observer, Recorder, Silent};
use crate::keys::KeySet;
use crate::policy::{Policy, PublicPath};
use crate::reason::Reason;
use crate::request::Request;
use crate::revocations::Revocations;
use crate::time::UnixTime;
use crate::token::{HeaderSegment, JoseHeader, Scratch, SizedToken, signing_input};
use crate::verified::{Authenticated, Authorized, Refused, Verified};

/// Decides requests by a policy, a key set and revocations, each an immutable snapshot.
///
/// Cloning is cheap. Replacing one snapshot makes a new engine that shares the rest, which is also cheap.
#[derive(Clone, Debug)]
pub struct Engine {
    policy: Arc<Policy>,
    keys: Arc<KeySet>,
    revocations: Arc<Revocations>,
    cache: Option<Arc<Cache>>,
    /// The number of the revocations snapshot in the cache.
    snapshot: SnapshotNumber,
}

impl Engine {
    /// An engine of these snapshots.
    #[must_use]
    pub fn new(
        policy: impl Into<Arc<Policy>>,
        keys: impl Into<Arc<KeySet>>,
        revocations: impl Into<Arc<Revocations>>,
    ) -> Self {
        Self {
            policy: policy.into(),
            keys: keys.into(),
            revocations: revocations.into(),
            cache: None,
            snapshot: SnapshotNumber::default(),
        }
    }

    /// The same engine with a cache of verified tokens, of at most this size and with this hash key.
    ///
    /// A cache changes no decision. Choose the key at random, so that an attacker cannot construct tokens that evict each
    /// other.
    ///
    /// Bare integers are refused, so that the two cannot be mixed up:
    ///
    /// ```compile_fail,E0308
    /// # fn cached(engine: artos_auth_engine::Engine) {
    /// let engine = engine.with_cache(16 << 20, 0x1234_5678);
    /// # }
    /// ```
    #[must_use]
    pub fn with_cache(self, size: CacheBytes, key: HashKey) -> Self {
        self.cached(Some(Cache::new(size, key)))
    }

    /// The same engine with another policy and key set, replaced together.
    #[must_use]
    pub fn with_policy_and_keys(&self, policy: impl Into<Arc<Policy>>, keys: impl Into<Arc<KeySet>>) -> Self {
        let engine = Self { policy: policy.into(), keys: keys.into(), ..self.clone() };
        engine.cached(self.cache.as_deref().map(Cache::emptied))
    }

    /// The same engine with other revocations, which apply from its next decision on (REV-1).
    #[must_use]
    pub fn with_revocations(&self, revocations: impl Into<Arc<Revocations>>) -> Self {
        let mut engine = Self { revocations: revocations.into(), ..self.clone() };
        engine.number_snapshot();
        engine
    }

    fn cached(mut self, cache: Option<Cache>) -> Self {
        self.cache = cache.map(Arc::new);
        self.number_snapshot();
        self
    }

    fn number_snapshot(&mut self) {
        self.snapshot = self.cache.as_deref().map(Cache::number_snapshot).unwrap_or_default();
    }

    /// The current policy.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The current keys.
    #[must_use]
    pub fn keys(&self) -> &KeySet {
        &self.keys
    }

    /// The current revocations.
    #[must_use]
    pub fn revocations(&self) -> &Revocations {
        &self.revocations
    }

    /// The size of the cached tokens, in bytes; 0 without a cache.
    #[must_use]
    pub fn cached_bytes(&self) -> usize {
        self.cache.as_deref().map_or(0, Cache::bytes)
    }

    /// Decides a request at `now`.
    ///
    /// Total and deterministic: every input gives a decision, and equal arguments and snapshots give equal decisions.
    pub fn decide(&self, request: &Request<'_>, context: &Context<'_>, now: UnixTime) -> Decision<'_> {
        self.decide_observed(request, context, now, &mut Silent)
    }

    /// The first of two steps, for services that look up the owner of a resource in their database.
    ///
    /// Makes every check that does not depend on the owner or the account: all checks that answer 401, and the 403 checks
    /// for a token without user or organization, an ambiguous path, and the permissions of route rules.
    /// [`Caller::authorize`] is the second step. The two steps give the same answer (status, detail and challenge) as
    /// [`decide`](Self::decide). They give the same reason too, with one exception: if both the owner or account and the
    /// path or permission are wrong, the two steps report the path or permission.
    ///
    /// # Errors
    ///
    /// The denial; it borrows nothing from the engine.
    pub fn authenticate(
        &self,
        request: &Request<'_>,
        realm: TenantScope<'_>,
        now: UnixTime,
    ) -> Result<Admission, Denial<'static>> {
        if let Some(public) = self.public_access(request) {
            return Ok(Admission::Public(public));
        }
        let observer = &mut Silent;
        let authenticated = self.authenticated(request, realm, now, observer);
        let admitted = authenticated.and_then(|authenticated| {
            authenticated.admitted_by(|claims| {
                checks::identity(claims, observer)?;
                checks::route(&self.policy, request, claims, observer)
            })
        });
        match admitted {
            Ok(admitted) => Ok(Admission::Caller(Caller::new(admitted, Arc::clone(&self.policy)))),
            Err(refused) => Err(Denial::shared(refused, Arc::clone(&self.policy))),
        }
    }

    /// Decides, and reports every check in order. Runs the same code as [`decide`](Self::decide).
    pub fn explain(&self, request: &Request<'_>, context: &Context<'_>, now: UnixTime) -> Explanation<'_> {
        let mut recorder = Recorder::default();
        let decision = self.decide_observed(request, context, now, &mut recorder);
        recorder.into_explanation(decision)
    }

    /// The proof that the request's path is public (PUB-1), if it is: for a server that can decide nothing else, because
    /// its clock is not set or its keys are missing.
    #[must_use]
    pub fn public_access(&self, request: &Request<'_>) -> Option<PublicPath> {
        let public = self.policy.public().admit(request.method, request.path);
        public.filter(|_| request.spelling_known)
    }

    fn decide_observed<O: Observer>(
        &self,
        request: &Request<'_>,
        context: &Context<'_>,
        now: UnixTime,
        observer: &mut O,
    ) -> Decision<'_> {
        observer.enter(Check::PublicPath);
        if let Some(public) = self.public_access(request) {
            return Decision::Allow(Access::Public(public));
        }
        match self.authorized(request, context, now, observer) {
            Ok(authorized) => Decision::Allow(Access::Principal(PrincipalRef::new(authorized))),
            Err(refused) => Decision::Deny(Denial::new(refused, &self.policy)),
        }
    }

    /// The first check that fails decides. Authentication always comes before authorization.
    fn authorized<O: Observer>(
        &self,
        request: &Request<'_>,
        context: &Context<'_>,
        now: UnixTime,
        observer: &mut O,
    ) -> Result<Authorized, Refused> {
        self.authenticated(request, context.realm, now, observer)?.authorized_by(|claims| {
            let organization = checks::identity(claims, observer)?;
            checks::account(context.account, observer)?;
            checks::owner(&context.resource_org, organization, observer)?;
            checks::route(&self.policy, request, claims, observer)
        })
    }

    /// The token of the request, unless it is too long.
    fn token<'r, O: Observer>(
        &self,
        request: &Request<'r>,
        observer: &mut O,
    ) -> Result<SizedToken<'r>, Failure> {
        observer.enter(Check::AuthorizationHeader);
        let token = authorization::bearer(request.authorization).map_err(|reason| {
            let lines = request.authorization.len();
            Failure::new(reason, if lines > 1 { Detail::Count(lines) } else { Detail::None })
        })?;

        observer.enter(Check::TokenSize);
        let bytes = token.len();
        token
            .within(self.policy.max_token_bytes())
            .map_err(|reason| Failure::new(reason, Detail::Count(bytes)))
    }

    /// Parses the token and verifies its signature. No claim is read before that.
    fn verify<O: Observer>(&self, token: SizedToken<'_>, observer: &mut O) -> Result<Verified, Failure> {
        observer.enter(Check::TokenForm);
        match self.cache.as_deref().and_then(|cache| cache.find(token.as_bytes())) {
            Some(found) => Ok(recall(found, observer)),
            None => self.verify_anew(token, observer).map(Verified::by_signature),
        }
    }

    /// Verifies a token that is not cached. A separate function, so that cached decisions do not set up its stack frame.
    #[inline(never)]
    fn verify_anew<O: Observer>(
        &self,
        token: SizedToken<'_>,
        observer: &mut O,
    ) -> Result<SharedEntry, Failure> {
        let policy = &*self.policy;
        let mut scratch = Scratch::new();
        let compact = token.decode(&mut scratch, |segment| self.keys.recognize_header(segment))?;

        observer.enter(Check::HeaderParameters);
        let parsed;
        let (header, known) = match compact.header {
            HeaderSegment::Recognized(known) => (known.header(), Some(known)),
            HeaderSegment::Decoded(text) => {
                parsed = JoseHeader::parse(text)?;
                (&parsed, None)
            }
        };
        header.reject_critical()?;
        header.check_typ(policy)?;

        observer.enter(Check::Algorithm);
        let algorithm = header.allowed_algorithm(policy)?;
        observer.note(|| format!("{algorithm}"));

        observer.enter(Check::Key);
        let candidates = match known {
            Some(known) => known.candidates(),
            None => self.keys.candidates(header.key_id(), algorithm),
        };
        let Some(candidates) = candidates else { return Err(self.no_key(header.key_id(), algorithm)) };
        observer.note(|| match candidates.count() {
            1 => "1 candidate key".to_owned(),
            keys => format!("{keys} candidate keys"),
        });

        observer.enter(Check::Signature);
        let (input, signature) = (compact.signing_input, compact.signature);
        let Some(verified_by) = self.keys.verify(candidates, input, signature) else {
            return Err(Failure::new(Reason::SignatureInvalid, Detail::Count(candidates.count())));
        };

        observer.enter(Check::ClaimsForm);
        let kept_token = self.cache.as_ref().map(|_| token.as_bytes());
        let read = |binding| cache::shared(kept_token, compact.claims, policy, binding);
        let mut entry = read(verified_by.binding)?;
        if Entry::of(&entry).claims().binding() != BindingVerdict::Met {
            // The same key may be in another set with a binding that the token meets.
            let mut left = verified_by.left;
            while let Some(other) = self.keys.verify(left, input, signature) {
                let read_again = read(other.binding)?;
                if Entry::of(&read_again).claims().binding() == BindingVerdict::Met {
                    entry = read_again;
                    break;
                }
                left = other.left;
            }
        }
        if let Some(cache) = &self.cache {
            cache.insert(&entry);
        }
        Ok(entry)
    }

    #[cold]
    fn no_key(&self, key_id: Option<&str>, algorithm: Algorithm) -> Failure {
        let serving = self.keys.serving(algorithm);
        let detail = Detail::Keys(NoKey { algorithm, has_id: key_id.is_some(), serving });
        Failure::new(Reason::KeyUnknown, detail)
    }

    fn is_revoked(&self, entry: Entry<'_>, token: SizedToken<'_>) -> bool {
        entry.is_revoked_by(self.snapshot, || {
            self.revocations.revoke(entry.claims(), || signing_input(token.as_bytes()))
        })
    }

    /// The proof that the request carries a valid credential here and now.
    fn authenticated<O: Observer>(
        &self,
        request: &Request<'_>,
        realm: TenantScope<'_>,
        now: UnixTime,
        observer: &mut O,
    ) -> Result<Authenticated, Refused> {
        let token = self.token(request, observer)?;
        let verified = self.verify(token, observer)?;
        verified.authenticated_by(|entry| {
            let is_revoked = || self.is_revoked(entry, token);
            checks::credential(entry.claims(), &self.policy, realm, now, is_revoked, observer)
        })
    }
}

/// A cached entry, verified earlier under the same policy and keys, has passed the same checks.
fn recall<O: Observer>(hit: CacheHit, observer: &mut O) -> Verified {
    for check in [Check::HeaderParameters, Check::Algorithm, Check::Key, Check::Signature, Check::ClaimsForm]
    {
        observer.enter(check);
        observer.note(|| "cached".to_owned());
    }
    Verified::by_cache(hit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::PolicySpec;

    #[test]
    fn snapshots_are_numbered_if_there_is_a_cache() {
        let policy = Policy::new(&PolicySpec::default()).unwrap();
        let secret = "dGVzdC1vbmx5LW5vdC1hLXJlYWwta2V5LWhzMjU2LSM";
        let keys = KeySet::from_jwks(format!(r#"{{"kty":"oct","k":"{secret}"}}"#).as_bytes()).unwrap();
        let plain = Engine::new(policy, keys, Revocations::none());
        assert_eq!(plain.snapshot, SnapshotNumber::default());
        let cached = plain.with_cache(CacheBytes(1 << 10), HashKey(7));
        assert_ne!(cached.snapshot, SnapshotNumber::default());
        assert_ne!(cached.with_revocations(Revocations::none()).snapshot, cached.snapshot);
    }
}
