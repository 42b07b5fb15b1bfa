//! Reasons for refusing a request. The contract has three public responses; the reasons are for faults that mix them up
//! or reveal them.

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    HeaderMissing,
    HeaderEmpty,
    HeaderRepeated,
    OtherScheme,
    TokenMissing,
    ExtraCharacters,
    TooLong,
    Segments,
    NotJson,
    HeaderMember,
    ClaimMember,
    ClaimMissing,
    Critical,
    Type,
    Algorithm,
    KeyUnknown,
    Signature,
    Expired,
    NotYetValid,
    Issuer,
    Audience,
    Revoked,
    Realm,
    UserMissing,
    OrganizationMissing,
    NotConfigured,
    NotAMember,
    Foreign,
    Ambiguous,
    PermissionMissing,
}

/// The public detail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    NotAuthenticated,
    Invalid,
    Forbidden,
}

impl Reason {
    /// The public response.
    pub(crate) fn told(self) -> Told {
        use Reason::{
            Ambiguous, Foreign, HeaderEmpty, HeaderMissing, HeaderRepeated, NotAMember, NotConfigured,
            OrganizationMissing, OtherScheme, PermissionMissing, TokenMissing, UserMissing,
        };
        match self {
            HeaderMissing | HeaderEmpty | HeaderRepeated | OtherScheme | TokenMissing => {
                Told::NotAuthenticated
            }
            UserMissing | OrganizationMissing | NotConfigured | NotAMember | Foreign | Ambiguous
            | PermissionMissing => Told::Forbidden,
            _ => Told::Invalid,
        }
    }

    /// Whether the token cannot be parsed.
    pub(crate) fn is_malformed(self) -> bool {
        use Reason::{ClaimMember, ClaimMissing, ExtraCharacters, HeaderMember, NotJson, Segments, TooLong};
        matches!(
            self,
            ExtraCharacters | TooLong | Segments | NotJson | HeaderMember | ClaimMember | ClaimMissing
        )
    }

    /// The internal reason, which the contract does not reveal.
    pub(crate) fn secret(self) -> &'static str {
        match self {
            Reason::HeaderMissing | Reason::HeaderEmpty => "no token was sent",
            Reason::HeaderRepeated => "the header was sent twice",
            Reason::OtherScheme => "the scheme is not bearer",
            Reason::TokenMissing => "the token is missing",
            Reason::ExtraCharacters => "invalid character in token",
            Reason::TooLong => "the token is too long",
            Reason::Segments => "not enough segments",
            Reason::NotJson => "invalid payload string: not json",
            Reason::HeaderMember | Reason::ClaimMember => "a claim has the wrong type",
            Reason::ClaimMissing => "token is missing the exp claim",
            Reason::Critical => "unsupported critical extension crit",
            Reason::Type => "the token has the wrong typ",
            Reason::Algorithm => "the specified alg value is not allowed",
            Reason::KeyUnknown => "no key matches the kid",
            Reason::Signature => "signature verification failed",
            Reason::Expired => "the token has expired",
            Reason::NotYetValid => "the token is not yet valid (nbf)",
            Reason::Issuer => "invalid issuer",
            Reason::Audience => "invalid audience",
            Reason::Revoked => "the token has been revoked",
            Reason::Realm => "the organization does not authenticate here",
            Reason::UserMissing => "no user in the token",
            Reason::OrganizationMissing => "no organization in the token",
            Reason::NotConfigured => "the account is not configured",
            Reason::NotAMember => "the user is not a member",
            Reason::Foreign => "the resource is another organization's",
            Reason::Ambiguous => "the path is ambiguous",
            Reason::PermissionMissing => "a permission is missing",
        }
    }
}
