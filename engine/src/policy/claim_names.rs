//! The claims that are read, and what they are called: those of RFC 7519 §4.1, and three that a policy may name.

use super::spec::ClaimNamesSpec;
use crate::error::LoadError;
use crate::json::Names;

/// A claim that is read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Claim {
    ExpiresAt,
    NotBefore,
    IssuedAt,
    TokenId,
    Issuer,
    Audience,
    User,
    Organization,
    Permissions,
}

impl Claim {
    pub(crate) const COUNT: usize = 9;

    /// All of them, each at its place among the names.
    pub(crate) const ALL: [Self; Self::COUNT] = [
        Self::ExpiresAt,
        Self::NotBefore,
        Self::IssuedAt,
        Self::TokenId,
        Self::Issuer,
        Self::Audience,
        Self::User,
        Self::Organization,
        Self::Permissions,
    ];

    /// The claim at this place among the names.
    pub(crate) fn at(place: usize) -> Option<Self> {
        Self::ALL.get(place).copied()
    }
}

/// The names of the claims, validated, so that none stands for two things.
pub(super) fn names(spec: &ClaimNamesSpec) -> Result<Names<{ Claim::COUNT }>, LoadError> {
    let named =
        [("user", &spec.user), ("organization", &spec.organization), ("permissions", &spec.permissions)];
    for (index, (key, name)) in named.into_iter().enumerate() {
        let error = |problem: String| Err(LoadError::new(format!("claims.{key}"), problem));
        if name.is_empty() {
            return error("a claim needs a name".to_owned());
        }
        if REGISTERED.contains(&name.as_str()) {
            return error(format!(
                "`{name}` has a meaning of its own (RFC 7519 §4.1), so name another claim"
            ));
        }
        if let Some((other, _)) = named.iter().take(index).find(|(_, other)| *other == name) {
            return error(format!("`{name}` is claims.{other} already, so name another claim"));
        }
    }
    let [expires_at, not_before, issued_at, token_id, issuer, audience] = REGISTERED.map(Box::from);
    let [user, organization, permissions] = named.map(|(_, name)| name.as_str().into());
    Ok(Names::new([
        expires_at,
        not_before,
        issued_at,
        token_id,
        issuer,
        audience,
        user,
        organization,
        permissions,
    ]))
}

/// In the order of [`Claim::ALL`].
const REGISTERED: [&str; 6] = ["exp", "nbf", "iat", "jti", "iss", "aud"];
