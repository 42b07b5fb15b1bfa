//! What comes out: an allow, or a denial that carries its answer and, for the log alone, its reason.

use std::fmt;

use serde::ser::{Serialize, SerializeMap, SerializeStruct, Serializer};

use crate::claims::{TextClaims, text};
use crate::policy::PublicPath;
use crate::reason::{Answer, Reason};
use crate::time::NumericDate;
use crate::verified::{Authorized, Verified};

/// The answer to a request.
///
/// Closed on purpose: whoever matches it handles everything there is.
#[derive(Debug)]
#[must_use = "a decision that nobody looks at protects nothing"]
pub enum Decision<'e> {
    /// The request may go ahead.
    Allow(Access),
    /// It may not.
    Deny(Denial<'e>),
}

/// Why, and as whom, a request may go ahead. It can only be built from what the checks return.
#[derive(Debug)]
pub enum Access {
    /// The path needs no authentication, so that nobody is known (PUB-1).
    Public(PublicPath),
    /// The token is good, here and for this.
    Principal(Principal),
}

/// Who was allowed: all that an audit trail and a query filter need.
pub struct Principal(Verified);

impl Principal {
    pub(crate) fn of(authorized: Authorized) -> Self {
        Self(authorized.into_verified())
    }

    /// The user id, for audit trails (AUD-1).
    #[must_use]
    pub fn user_id(&self) -> &str {
        text(self.0.claims().user().unwrap_or_default())
    }

    /// The organization id: the scope to filter by; nothing else may be used (ORG-4).
    #[must_use]
    pub fn org_id(&self) -> &str {
        text(self.0.claims().organization().unwrap_or_default())
    }

    /// The permissions, in the token's order.
    pub fn permissions(&self) -> impl ExactSizeIterator<Item = &str> + Clone {
        self.0.claims().permissions().map(text)
    }

    /// Whether the token carries this permission, byte for byte.
    #[must_use]
    pub fn has_permission(&self, permission: &str) -> bool {
        self.0.claims().has_permission(permission)
    }

    /// The token's own id (`jti`), if it has one.
    #[must_use]
    pub fn token_id(&self) -> Option<&str> {
        self.0.claims().token_id().map(text)
    }

    /// All four in bytes.
    #[must_use]
    pub fn identity(&self) -> Identity<'_> {
        Identity(self.0.claims())
    }

    /// When the token was issued (`iat`), if it says so.
    #[must_use]
    pub fn issued_at(&self) -> Option<NumericDate> {
        self.0.claims().issued_at()
    }

    /// When the token expires (`exp`).
    #[must_use]
    pub fn expires_at(&self) -> NumericDate {
        self.0.claims().expires_at()
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal")
            .field("user_id", &self.user_id())
            .field("org_id", &self.org_id())
            .field("token_id", &self.token_id())
            .finish_non_exhaustive()
    }
}

/// Who asked, in bytes, which are UTF-8: for whoever writes them on, and has no use for another look at whether
/// they are.
#[derive(Clone, Copy)]
pub struct Identity<'d>(TextClaims<'d>);

impl<'d> Identity<'d> {
    /// The user id, unless absent or empty.
    #[must_use]
    pub fn user_id(self) -> Option<&'d [u8]> {
        self.0.user()
    }

    /// The organization id, unless absent or empty.
    #[must_use]
    pub fn org_id(self) -> Option<&'d [u8]> {
        self.0.organization()
    }

    /// The permissions, in the token's order.
    pub fn permissions(self) -> impl ExactSizeIterator<Item = &'d [u8]> + Clone {
        self.0.permissions()
    }

    /// The token's own id (`jti`), if it has one, empty or not.
    #[must_use]
    pub fn token_id(self) -> Option<&'d [u8]> {
        self.0.token_id()
    }

    /// Whether all of it is visible ASCII, `"`, `\`, `%` and `,` apart, which nearly every identity is: it stands in JSON and
    /// in field values as it is.
    ///
    /// Found out once for a token that is remembered.
    #[must_use]
    pub fn is_plain(self) -> bool {
        self.0.are_plain()
    }
}

impl fmt::Debug for Identity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("user_id", &self.user_id().map(text))
            .field("org_id", &self.org_id().map(text))
            .field("token_id", &self.token_id().map(text))
            .finish_non_exhaustive()
    }
}

/// Why a request may not go ahead. All that the caller sees follows from the reason.
pub struct Denial<'e> {
    reason: Reason,
    challenge: &'e str,
    verified: Option<Verified>,
}

impl<'e> Denial<'e> {
    pub(crate) fn new(reason: Reason, challenge: &'e str, verified: Option<Verified>) -> Self {
        Self { reason, challenge, verified }
    }

    /// Why: for the operator's log, never for the caller.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// The status code: 401 or 403.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.reason.answer().status()
    }

    /// The `detail` of the JSON body.
    #[must_use]
    pub fn detail(&self) -> &'static str {
        self.reason.answer().detail()
    }

    /// Which of the three public answers this is.
    #[must_use]
    pub fn answer(&self) -> Answer {
        self.reason.answer()
    }

    /// The `WWW-Authenticate` value.
    #[must_use]
    pub fn www_authenticate(&self) -> &'e str {
        self.challenge
    }
}

impl fmt::Debug for Denial<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Denial")
            .field("reason", &self.reason)
            .field("www_authenticate", &self.challenge)
            .finish_non_exhaustive()
    }
}

/// What is known of who asked, on allow and deny alike (AUD-1): nothing until the signature has verified and
/// the claims are well-formed, and nothing where a claim is absent or empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Audit<'d> {
    /// The user id.
    pub user_id: Option<&'d str>,
    /// The organization id.
    pub org_id: Option<&'d str>,
    /// The token's own id.
    pub token_id: Option<&'d str>,
}

impl<'e> Decision<'e> {
    /// Whether the request may go ahead.
    #[must_use]
    pub fn is_allow(&self) -> bool {
        matches!(self, Self::Allow(_))
    }

    /// Who was allowed, if anybody in particular.
    #[must_use]
    pub fn principal(&self) -> Option<&Principal> {
        match self {
            Self::Allow(Access::Principal(principal)) => Some(principal),
            Self::Allow(Access::Public(_)) | Self::Deny(_) => None,
        }
    }

    /// The denial, if it is one.
    #[must_use]
    pub fn denial(&self) -> Option<&Denial<'e>> {
        match self {
            Self::Deny(denial) => Some(denial),
            Self::Allow(_) => None,
        }
    }

    /// `allow` or `deny`, as it stands in logs.
    #[must_use]
    pub fn outcome(&self) -> &'static str {
        if self.is_allow() { "allow" } else { "deny" }
    }

    /// The status code that an API answers with: 200, 401 or 403.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.denial().map_or(200, Denial::status)
    }

    /// The stable code of why, as it stands in logs.
    #[must_use]
    pub fn reason_code(&self) -> &'static str {
        match self {
            Self::Allow(Access::Public(_)) => "public_path",
            Self::Allow(Access::Principal(_)) => "authorized",
            Self::Deny(denial) => denial.reason.code(),
        }
    }

    /// The clause of the contract that decided.
    #[must_use]
    pub fn clause(&self) -> &'static str {
        match self {
            Self::Allow(Access::Public(_)) => "PUB-1",
            Self::Allow(Access::Principal(_)) => "ORG-4",
            Self::Deny(denial) => denial.reason.clause(),
        }
    }

    /// Whether the token had been verified by an earlier call, if one was verified at all.
    #[must_use]
    pub fn was_remembered(&self) -> Option<bool> {
        self.verified().map(Verified::is_remembered)
    }

    /// Who asked, in bytes: known on allow and deny alike as soon as the signature has verified and the claims are
    /// well-formed.
    #[must_use]
    pub fn identity(&self) -> Option<Identity<'_>> {
        self.verified().map(|verified| Identity(verified.claims()))
    }

    /// What is known of who asked.
    #[must_use]
    pub fn audit(&self) -> Audit<'_> {
        self.verified().map(Verified::claims).map_or_else(Audit::default, |claims| Audit {
            user_id: claims.user().map(text),
            org_id: claims.organization().map(text),
            token_id: claims.token_id().filter(|id| !id.is_empty()).map(text),
        })
    }

    fn verified(&self) -> Option<&Verified> {
        match self {
            Self::Allow(Access::Public(_)) => None,
            Self::Allow(Access::Principal(principal)) => Some(&principal.0),
            Self::Deny(denial) => denial.verified.as_ref(),
        }
    }
}

/// As `artos-auth decide` prints it.
impl Serialize for Decision<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let denial = self.denial();
        let mut fields = serializer.serialize_map(Some(8))?;
        fields.serialize_entry("outcome", self.outcome())?;
        fields.serialize_entry("status", &self.status())?;
        fields.serialize_entry("detail", &denial.map(Denial::detail))?;
        fields.serialize_entry("www_authenticate", &denial.map(Denial::www_authenticate))?;
        fields.serialize_entry("reason", self.reason_code())?;
        fields.serialize_entry("clause", self.clause())?;
        fields.serialize_entry("principal", &self.principal())?;
        fields.serialize_entry("audit", &self.audit())?;
        fields.end()
    }
}

impl Serialize for Principal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Each<'p>(&'p Principal);
        impl Serialize for Each<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_seq(self.0.permissions())
            }
        }
        let mut fields = serializer.serialize_struct("Principal", 6)?;
        fields.serialize_field("user_id", self.user_id())?;
        fields.serialize_field("org_id", self.org_id())?;
        fields.serialize_field("permissions", &Each(self))?;
        fields.serialize_field("token_id", &self.token_id())?;
        fields.serialize_field("issued_at", &self.issued_at())?;
        fields.serialize_field("expires_at", &self.expires_at())?;
        fields.end()
    }
}
