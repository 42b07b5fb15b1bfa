//! Revocations that are added one at a time, in persistent maps, so that each new snapshot shares all other entries.

use std::sync::Arc;

use foldhash::fast::FixedState;
use rpds::HashTrieMapSync;

use super::base::Base;
use super::sets::{Filter, first_half, token_fingerprint};
use crate::claims::TextClaims;
use crate::time::NumericDate;

/// The entries that were added to a loaded list. A clone costs a few reference counts.
#[derive(Clone)]
pub(super) struct Added {
    /// A filter of `token_ids`. After each change, a map is in new memory, which is slow to look up at first.
    filter: Option<Arc<Filter>>,
    token_ids: Set,
    signed: Set,
    users: Map<User>,
    organizations: Map<NumericDate>,
    /// The number of users and organizations that are not in the loaded list.
    new_users: usize,
    new_organizations: usize,
    /// How often a user or an organization was added.
    holders: usize,
}

/// The number of added token ids up to which the filter answers nearly every lookup. It takes 16 KiB, which the first
/// addition to a shared snapshot copies.
const FILTERED: usize = 16_384;

/// 128-bit fingerprints, as in the loaded list.
type Set = HashTrieMapSync<u128, (), FixedState>;
type Map<V> = HashTrieMapSync<Box<[u8]>, V, FixedState>;

/// The instants before which a user's tokens are revoked.
#[derive(Clone)]
struct User {
    anywhere: Option<NumericDate>,
    in_organizations: Map<NumericDate>,
}

impl Default for Added {
    fn default() -> Self {
        Self {
            filter: None,
            token_ids: empty(),
            signed: empty(),
            users: empty(),
            organizations: empty(),
            new_users: 0,
            new_organizations: 0,
            holders: 0,
        }
    }
}

fn empty<K: Eq + std::hash::Hash, V>() -> HashTrieMapSync<K, V, FixedState> {
    HashTrieMapSync::new_with_hasher_and_ptr_kind(FixedState::default())
}

impl Added {
    /// How many entries were added.
    pub(super) fn entries(&self) -> usize {
        self.token_ids.size().saturating_add(self.signed.size()).saturating_add(self.holders)
    }

    /// A loaded list with all added entries.
    pub(super) fn folded_into(&self, base: &Base) -> Base {
        let (mut users, mut organizations) = (base.users.clone(), base.organizations.clone());
        for (user, added) in &self.users {
            let known = users.entry(user.clone()).or_default();
            // An instant is only added if it is later than the loaded one.
            known.anywhere = added.anywhere.or(known.anywhere);
            let here = added.in_organizations.iter();
            known
                .in_organizations
                .extend(here.map(|(organization, instant)| (organization.clone(), *instant)));
        }
        organizations.extend(self.organizations.iter().map(|(key, instant)| (key.clone(), *instant)));
        Base {
            token_ids: base.token_ids.with(keys(&self.token_ids)),
            signed: base.signed.with(keys(&self.signed)),
            users,
            organizations,
            ..Base::default()
        }
    }

    pub(super) fn token_ids(&self) -> usize {
        self.token_ids.size()
    }

    pub(super) fn signed(&self) -> usize {
        self.signed.size()
    }

    pub(super) fn users(&self) -> usize {
        self.new_users
    }

    pub(super) fn organizations(&self) -> usize {
        self.new_organizations
    }

    pub(super) fn add_token(&mut self, id: &[u8]) {
        let fingerprint = token_fingerprint(id);
        let filter = self.filter.get_or_insert_with(|| Arc::new(Filter::for_entries(FILTERED)));
        Arc::make_mut(filter).add(fingerprint);
        self.token_ids.insert_mut(fingerprint, ());
    }

    pub(super) fn add_signed(&mut self, digest: &[u8; 32]) {
        self.signed.insert_mut(first_half(digest), ());
    }

    pub(super) fn add_user(
        &mut self,
        user: &[u8],
        organization: Option<&[u8]>,
        issued_before: NumericDate,
        is_loaded: bool,
    ) {
        let known = self.users.get(user).cloned();
        let mut entry = known.unwrap_or_else(|| User { anywhere: None, in_organizations: empty() });
        let earlier = match organization {
            Some(organization) => keep_latest(&mut entry.in_organizations, organization, issued_before),
            None => {
                let earlier = entry.anywhere;
                entry.anywhere =
                    Some(earlier.filter(|earlier| issued_before < *earlier).unwrap_or(issued_before));
                earlier
            }
        };
        self.users.insert_mut(user.into(), entry);
        self.holders = self.holders.saturating_add(1);
        if earlier.is_none() && !is_loaded {
            self.new_users = self.new_users.saturating_add(1);
        }
    }

    pub(super) fn add_organization(
        &mut self,
        organization: &[u8],
        issued_before: NumericDate,
        is_loaded: bool,
    ) {
        let earlier = keep_latest(&mut self.organizations, organization, issued_before);
        self.holders = self.holders.saturating_add(1);
        if earlier.is_none() && !is_loaded {
            self.new_organizations = self.new_organizations.saturating_add(1);
        }
    }

    pub(super) fn contains_token(&self, id: &[u8]) -> bool {
        let contains = |fingerprint| self.token_ids.contains_key(&fingerprint);
        self.filter.as_ref().is_some_and(|filter| filter.find(id, contains))
    }

    pub(super) fn has_signed(&self) -> bool {
        !self.signed.is_empty()
    }

    pub(super) fn contains_signed(&self, digest: &[u8; 32]) -> bool {
        self.has_signed() && self.signed.contains_key(&first_half(digest))
    }

    pub(super) fn revokes_holder(&self, claims: TextClaims<'_>) -> bool {
        if self.users.is_empty() && self.organizations.is_empty() {
            return false;
        }
        let revokes = |instant: &NumericDate| claims.is_issued_before(*instant);
        let organization = claims.organization();
        let user = claims.user().and_then(|user| self.users.get(user));
        organization.and_then(|organization| self.organizations.get(organization)).is_some_and(revokes)
            || user.and_then(|user| user.anywhere.as_ref()).is_some_and(revokes)
            || user
                .zip(organization)
                .and_then(|(user, here)| user.in_organizations.get(here))
                .is_some_and(revokes)
    }
}

/// The fingerprints in a set.
fn keys(set: &Set) -> std::vec::IntoIter<u128> {
    set.keys().copied().collect::<Vec<_>>().into_iter()
}

/// Stores the later of two instants in the map, and returns the previous one.
fn keep_latest(map: &mut Map<NumericDate>, key: &[u8], instant: NumericDate) -> Option<NumericDate> {
    let earlier = map.get(key).copied();
    if earlier.is_none_or(|earlier| earlier < instant) {
        map.insert_mut(key.into(), instant);
    }
    earlier
}
