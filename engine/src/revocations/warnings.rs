//! Entries of a list of revocations that revoke less than intended.

use super::base::Base;
use crate::warning::Warning;

/// Looks as if it revoked everything, and is compared byte for byte.
const WILDCARD: &[u8] = b"*";

pub(super) fn warnings(base: &Base) -> Vec<Warning> {
    let mut in_organizations = base.users.values().map(|user| &user.in_organizations);
    let lists = [
        (
            base.token_ids.contains(WILDCARD),
            "tokens",
            "`*` does not revoke every token; list each `jti`, or revoke users or organizations",
        ),
        (
            base.users.contains_key(WILDCARD),
            "users",
            "`*` does not revoke every user; list each one, or revoke organizations",
        ),
        (
            in_organizations.any(|organizations| organizations.contains_key(WILDCARD)),
            "users",
            "`*` as `org` does not mean every organization; leave `org` out for every one",
        ),
        (
            base.organizations.contains_key(WILDCARD),
            "organizations",
            "`*` does not revoke every organization; list each one",
        ),
    ];
    let lists = lists.into_iter().filter(|(is_there, ..)| *is_there);
    lists.map(|(_, list, text)| Warning::new(list, text)).collect()
}
