//! The identity that a token carries.

use std::fmt;

use crate::claims::{TextClaims, text};

/// The caller's identity as UTF-8 bytes, for output without revalidation.
#[derive(Clone, Copy)]
pub struct Identity<'d>(TextClaims<'d>);

impl<'d> Identity<'d> {
    pub(crate) fn of(claims: TextClaims<'d>) -> Self {
        Self(claims)
    }

    /// Formats the identity under the name of the calling type.
    pub(crate) fn debug(self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(name)
            .field("user_id", &self.user_id().map(text))
            .field("org_id", &self.org_id().map(text))
            .field("token_id", &self.token_id().map(text))
            .finish_non_exhaustive()
    }

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

    /// The token's own id (`jti`), if it has one; may be empty.
    #[must_use]
    pub fn token_id(self) -> Option<&'d [u8]> {
        self.0.token_id()
    }
}

impl fmt::Debug for Identity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.debug("Identity", f)
    }
}

/// The accessors of a type with a method `claims`.
macro_rules! identity_accessors {
    () => {
        /// The user id, for audit trails (AUD-1).
        #[must_use]
        pub fn user_id(&self) -> &str {
            text(self.claims().user().unwrap_or_default())
        }

        /// The organization id: the scope to filter every query by (ORG-4).
        #[must_use]
        pub fn org_id(&self) -> &str {
            text(self.claims().organization().unwrap_or_default())
        }

        /// The permissions, in the token's order.
        pub fn permissions(&self) -> impl ExactSizeIterator<Item = &str> + Clone {
            self.claims().permissions().map(text)
        }

        /// Whether the token has this permission, compared byte for byte.
        #[must_use]
        pub fn has_permission(&self, permission: &str) -> bool {
            self.claims().has_permission(permission)
        }

        /// The token's own id (`jti`), if it has one.
        #[must_use]
        pub fn token_id(&self) -> Option<&str> {
            self.claims().token_id().map(text)
        }

        /// User, organization, permissions and token id as UTF-8 bytes.
        #[must_use]
        pub fn identity(&self) -> Identity<'_> {
            Identity::of(self.claims())
        }

        /// When the token was issued (`iat`), if it says so.
        #[must_use]
        pub fn issued_at(&self) -> Option<NumericDate> {
            self.claims().issued_at()
        }

        /// When the token expires (`exp`).
        #[must_use]
        pub fn expires_at(&self) -> NumericDate {
            self.claims().expires_at()
        }
    };
}
pub(crate) use identity_accessors;
