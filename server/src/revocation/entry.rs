//! One revocation.

use serde::Serialize;
use serde_json::Number;

/// One revocation, serialized as `revocations list` prints it. The members are the fields of an entry of the log.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub(crate) enum Entry {
    /// The token with this `jti`.
    Token {
        id: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        expires: Option<Number>,
    },
    /// The token whose first two segments have this SHA-256, in hex.
    SignedSha256 {
        id: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        expires: Option<Number>,
    },
    /// The tokens of a user, in one organization or in any.
    User {
        user: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        org: Option<String>,
        issued_before: Number,
        #[serde(skip_serializing_if = "Option::is_none")]
        expires: Option<Number>,
    },
    /// The tokens of an organization.
    Organization {
        org: String,
        issued_before: Number,
        #[serde(skip_serializing_if = "Option::is_none")]
        expires: Option<Number>,
    },
}

impl Entry {
    /// The time after which every token that the entry revokes has expired.
    pub(crate) fn expires(&self) -> Option<&Number> {
        match self {
            Self::Token { expires, .. }
            | Self::SignedSha256 { expires, .. }
            | Self::User { expires, .. }
            | Self::Organization { expires, .. } => expires.as_ref(),
        }
    }

    /// Whether the entry has expired at this time, in seconds since the Unix epoch.
    pub(crate) fn has_expired(&self, now: f64) -> bool {
        self.expires().and_then(Number::as_f64).is_some_and(|expires| expires < now)
    }

    /// One line of JSON.
    pub(crate) fn to_json(&self) -> String {
        // Strings and numbers only, so it cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}
