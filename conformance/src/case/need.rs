//! What a case needs from the profile, and which entries would provide it.

use crate::profile::{Endpoint, Profile, TokenKind};
use crate::token::KeyFamily;

/// Something that a case needs from the profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Need {
    /// A valid token.
    Valid,
    /// A valid token of another organization.
    OtherOrganization,
    /// A token well past its expiry.
    Expired,
    /// A revoked token.
    Revoked,
    /// A valid token without an organization.
    NoOrganization,
    /// A token of another environment.
    OtherEnvironment,
    /// A valid token without the permission that `endpoints.permission` requires.
    NoPermission,
    /// A token of a user who is not a member of the organization.
    NotAMember,
    /// A token of a user whose account is not configured.
    NotConfigured,
    /// A token of an organization that does not authenticate at this host.
    OtherRealm,
    /// A signing key.
    Key,
    /// A signing key that has a public half.
    AsymmetricKey,
    /// An ECDSA signing key.
    EllipticKey,
    /// A signing key whose type also supports other algorithms.
    FlexibleKey,
    /// A signing key with a `kid`.
    KeyId,
    /// A revoked token with an ECDSA signature.
    RevokedElliptic,
    /// A signing key, and the issuer that the deployment requires.
    Issuer,
    /// A signing key, and the audience that the deployment requires.
    Audience,
    /// A signing key, and no audience: the deployment requires none.
    NoAudience,
    /// `endpoints.owned`.
    Owned,
    /// `endpoints.permission`.
    Permission,
    /// `allow_writes = true`.
    Writes,
}

impl Need {
    /// The missing profile entries, to be read after "needs".
    pub fn words(self) -> &'static str {
        match self {
            Self::Valid => "tokens.valid or [signing]",
            Self::OtherOrganization => "tokens.other_organization or signing.other_organization",
            Self::Expired => "tokens.expired or [signing]",
            Self::Revoked => "tokens.revoked",
            Self::NoOrganization => "tokens.no_organization or [signing]",
            Self::OtherEnvironment => "tokens.other_environment or [signing]",
            Self::NoPermission => "tokens.no_permission or [signing]",
            Self::NotAMember => "tokens.not_a_member",
            Self::NotConfigured => "tokens.not_configured",
            Self::OtherRealm => "tokens.other_realm",
            Self::Key => "[signing]",
            Self::AsymmetricKey => "[signing] with a key that is not a shared secret",
            Self::EllipticKey => "[signing] with an ES256 or ES384 key",
            Self::FlexibleKey => "[signing] with an RSA key or a shared secret",
            Self::KeyId => "[signing] with a key that has a `kid`",
            Self::RevokedElliptic => "tokens.revoked, signed under ES256 or ES384",
            Self::Issuer => "[signing] with issuer",
            Self::Audience => "[signing] with audience",
            Self::NoAudience => "[signing] without an audience, for a deployment that has none",
            Self::Owned => "endpoints.owned",
            Self::Permission => "endpoints.permission",
            Self::Writes => "allow_writes = true",
        }
    }

    /// Whether the profile provides it.
    pub fn is_met(self, profile: &Profile) -> bool {
        let signing = profile.signing.as_ref();
        let named = |kind: TokenKind| profile.tokens.contains_key(&kind);
        let key = |test: fn(&crate::profile::Signing) -> bool| signing.is_some_and(test);
        match self {
            Self::Valid => named(TokenKind::Valid) || signing.is_some(),
            Self::OtherOrganization => {
                named(TokenKind::OtherOrganization) || key(|signing| signing.other_organization.is_some())
            }
            Self::Expired => named(TokenKind::Expired) || signing.is_some(),
            Self::Revoked => named(TokenKind::Revoked),
            Self::NoOrganization => named(TokenKind::NoOrganization) || signing.is_some(),
            Self::OtherEnvironment => named(TokenKind::OtherEnvironment) || signing.is_some(),
            Self::NoPermission => named(TokenKind::NoPermission) || signing.is_some(),
            Self::NotAMember => named(TokenKind::NotAMember),
            Self::NotConfigured => named(TokenKind::NotConfigured),
            Self::OtherRealm => named(TokenKind::OtherRealm),
            Self::Key => signing.is_some(),
            Self::AsymmetricKey => key(|signing| signing.key.family() != KeyFamily::Secret),
            Self::EllipticKey => key(|signing| signing.key.family() == KeyFamily::Elliptic),
            Self::FlexibleKey => key(|signing| signing.key.algorithm().sibling().is_some()),
            Self::KeyId => key(|signing| signing.key.kid().is_some()),
            Self::RevokedElliptic => profile.tokens.get(&TokenKind::Revoked).is_some_and(|token| {
                let header = token.compact.header_members();
                matches!(header.get("alg").and_then(|alg| alg.as_str()), Some("ES256" | "ES384"))
            }),
            Self::Issuer => key(|signing| signing.issuer.is_some()),
            Self::Audience => key(|signing| signing.audience.is_some()),
            Self::NoAudience => key(|signing| signing.audience.is_none()),
            Self::Owned => {
                profile.endpoints.owned.as_ref().is_some_and(|owned| may_send(&owned.endpoint, profile))
            }
            Self::Permission => {
                profile.endpoints.permission.as_ref().is_some_and(|entry| may_send(&entry.endpoint, profile))
            }
            Self::Writes => profile.allow_writes,
        }
    }

    /// Whether a profile with this key could provide it: a key of one type is not one of another.
    pub fn is_applicable(self, profile: &Profile) -> bool {
        match self {
            Self::AsymmetricKey | Self::EllipticKey | Self::FlexibleKey => {
                profile.signing.is_none() || self.is_met(profile)
            }
            Self::RevokedElliptic => {
                !profile.tokens.contains_key(&TokenKind::Revoked) || self.is_met(profile)
            }
            _ => true,
        }
    }

    /// The part that a profile lacks: an endpoint that is present may still not be written to.
    fn lack(self, profile: &Profile) -> &'static str {
        match self {
            Self::Owned if profile.endpoints.owned.is_some() => {
                "allow_writes = true (endpoints.owned's method writes)"
            }
            Self::Permission if profile.endpoints.permission.is_some() => {
                "allow_writes = true (endpoints.permission's method writes)"
            }
            other => other.words(),
        }
    }

    /// The missing ones of these, in words; `None` if nothing is missing.
    pub fn missing(needs: &[Self], profile: &Profile) -> Option<String> {
        let missing: Vec<&str> =
            needs.iter().filter(|need| !need.is_met(profile)).map(|need| need.lack(profile)).collect();
        (!missing.is_empty()).then(|| format!("needs {}", missing.join(", and ")))
    }
}

/// Methods that write are sent only if the profile allows it.
fn may_send(endpoint: &Endpoint, profile: &Profile) -> bool {
    matches!(endpoint.method.as_str(), "GET" | "HEAD" | "OPTIONS") || profile.allow_writes
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn missing(needs: &[Need], writes: bool) -> Option<String> {
        let text = format!(
            "target = \"http://127.0.0.1:1\"\nallow_writes = {writes}\n[endpoints]\n\
             permission = {{ method = \"POST\", path = \"/x\", permission = \"p\" }}\n"
        );
        Need::missing(needs, &Profile::parse(&text, Path::new("")).unwrap())
    }

    #[test]
    fn an_endpoint_that_writes_needs_allow_writes() {
        let why = missing(&[Need::Permission], false);
        assert_eq!(why.as_deref(), Some("needs allow_writes = true (endpoints.permission's method writes)"));
        assert_eq!(missing(&[Need::Permission], true), None);
    }

    #[test]
    fn everything_missing_is_named() {
        let why = missing(&[Need::Key, Need::Owned, Need::Permission], true);
        assert_eq!(why.as_deref(), Some("needs [signing], and endpoints.owned"));
    }
}
