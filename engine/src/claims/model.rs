//! Parsed claims.

use super::span::{Span, Spans};
use crate::json::JsonType;
use crate::time::NumericDate;

/// Well-formed claims: the values that later checks and the principal need, as spans of a text.
///
/// Issuer, audience and required claims are compared with the policy while they are read. Only the results are kept; each
/// is used at its own place in the order of checks.
pub(crate) struct Claims {
    pub(super) user: Option<Span>,
    pub(super) organization: Option<Span>,
    pub(super) token_id: Option<Span>,
    pub(super) permissions: Spans,
    pub(super) expires_at: NumericDate,
    pub(super) not_before: Option<NumericDate>,
    pub(super) issued_at: Option<NumericDate>,
    pub(super) issuer: Acceptance,
    pub(super) audience: Acceptance,
    pub(super) binding: BindingVerdict,
    pub(super) required: RequiredVerdict,
    /// Whether there is a `cnf` that the policy reads.
    pub(super) is_bound: bool,
}

/// Whether a claim has a value that the policy names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Acceptance {
    /// The policy accepts the claim's value, or its absence.
    Accepted,
    /// The claim is missing, and the policy names values.
    Missing,
    /// The claim is present, and the policy names no value.
    Unexpected,
    /// The claim has no value that the policy names.
    Other,
}

impl Acceptance {
    /// The initial state, before the claim is read.
    pub(super) fn unread(policy_names_some: bool) -> Self {
        if policy_names_some { Self::Missing } else { Self::Accepted }
    }
}

/// Whether every required claim has an accepted value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequiredVerdict {
    /// Every required claim has an accepted value.
    Met,
    /// The first required claim without an accepted value.
    NotMet {
        /// Its index among the required claims, saturating.
        index: u16,
        /// What was found instead.
        found: Mismatch,
    },
}

/// What a required claim has instead of an accepted value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mismatch {
    /// The claim is absent, or `null`.
    Missing,
    /// The claim is duplicate.
    Duplicate,
    /// A value of this type.
    Value(JsonType),
}

/// Whether the claims meet the binding of the key that verified them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BindingVerdict {
    /// The claims meet the binding, or the key has none.
    Met,
    /// The key is bound to an issuer, and `iss` is missing.
    MissingIssuer,
    /// The key is bound to another issuer.
    OtherIssuer,
    /// The key is bound to other organizations.
    OtherOrganization,
}

impl Claims {
    /// Empty claims.
    pub(crate) fn empty() -> Self {
        Self {
            user: None,
            organization: None,
            token_id: None,
            permissions: Spans::NONE,
            expires_at: NumericDate::EPOCH,
            not_before: None,
            issued_at: None,
            issuer: Acceptance::Missing,
            audience: Acceptance::Missing,
            binding: BindingVerdict::Met,
            required: RequiredVerdict::Met,
            is_bound: false,
        }
    }

    /// The claims with the text that they were read from.
    #[inline]
    pub(crate) fn of_text<'c>(&'c self, text: &'c [u8]) -> TextClaims<'c> {
        TextClaims { claims: self, text }
    }

    /// The claims' heap memory in bytes, without their text.
    pub(crate) fn memory(&self) -> usize {
        self.permissions.memory()
    }
}

/// Claims with their text. Values are returned as bytes, which are UTF-8.
#[derive(Clone, Copy)]
pub(crate) struct TextClaims<'c> {
    claims: &'c Claims,
    text: &'c [u8],
}

impl<'c> TextClaims<'c> {
    /// The user, unless absent or empty.
    pub(crate) fn user(self) -> Option<&'c [u8]> {
        self.claims.user?.of(self.text).filter(|user| !user.is_empty())
    }

    /// The organization, unless absent or empty.
    pub(crate) fn organization(self) -> Option<&'c [u8]> {
        self.claims.organization?.of(self.text).filter(|organization| !organization.is_empty())
    }

    /// The token's own id; may be empty.
    pub(crate) fn token_id(self) -> Option<&'c [u8]> {
        self.claims.token_id?.of(self.text)
    }

    /// The permissions, in the token's order.
    pub(crate) fn permissions(self) -> impl ExactSizeIterator<Item = &'c [u8]> + Clone {
        self.claims.permissions.as_slice().iter().map(move |span| span.of(self.text).unwrap_or_default())
    }

    /// Whether the permissions include this one, compared byte for byte.
    pub(crate) fn has_permission(self, permission: &str) -> bool {
        self.claims
            .permissions
            .as_slice()
            .iter()
            .any(|span| span.of(self.text) == Some(permission.as_bytes()))
    }

    pub(crate) fn expires_at(self) -> NumericDate {
        self.claims.expires_at
    }

    pub(crate) fn not_before(self) -> Option<NumericDate> {
        self.claims.not_before
    }

    pub(crate) fn issued_at(self) -> Option<NumericDate> {
        self.claims.issued_at
    }

    /// Whether the token was issued before an instant. A token without `iat` counts as issued before any instant.
    pub(crate) fn is_issued_before(self, instant: NumericDate) -> bool {
        self.issued_at().is_none_or(|issued| issued < instant)
    }

    pub(crate) fn issuer(self) -> Acceptance {
        self.claims.issuer
    }

    pub(crate) fn audience(self) -> Acceptance {
        self.claims.audience
    }

    pub(crate) fn binding(self) -> BindingVerdict {
        self.claims.binding
    }

    pub(crate) fn required(self) -> RequiredVerdict {
        self.claims.required
    }

    /// Whether there is a `cnf` that the policy reads.
    pub(crate) fn is_bound(self) -> bool {
        self.claims.is_bound
    }
}

/// A part of the claims as text. Only valid UTF-8 is ever read.
pub(crate) fn text(part: &[u8]) -> &str {
    std::str::from_utf8(part).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Policy, PolicySpec};

    fn with_claims<T>(permissions: &str, look: impl FnOnce(TextClaims<'_>) -> T) -> T {
        let policy = Policy::new(&PolicySpec::default()).unwrap();
        let decoded = format!(r#"{{"exp": 1, "permissions": {permissions}}}"#);
        let mut claims = Claims::empty();
        let parts = claims.read(decoded.as_bytes(), &policy, None).unwrap();
        look(claims.of_text(parts.as_deref().unwrap_or(decoded.as_bytes())))
    }

    #[test]
    fn a_permission_is_compared_as_a_whole() {
        let several = r#"["read", "documents:write", "wr ite", "\u0072ewrite"]"#;
        with_claims(several, |claims| {
            let there = ["read", "documents:write", "wr ite", "rewrite"];
            assert!(claims.permissions().eq(there.map(str::as_bytes)));
            assert!(there.iter().all(|permission| claims.has_permission(permission)));
            for not_there in
                ["rea", "ead", "read\", \"documents:write", "\"", "write", "documents", "wr", "exp"]
            {
                assert!(!claims.has_permission(not_there), "{not_there:?}");
            }
        });
    }

    #[test]
    fn permissions_are_separated_by_single_spaces() {
        for list in [r#""read  wr""#, r#"" read""#, r#""read ""#, r#"" ""#] {
            let policy = Policy::new(&PolicySpec::default()).unwrap();
            let decoded = format!(r#"{{"exp": 1, "permissions": {list}}}"#);
            assert!(Claims::empty().read(decoded.as_bytes(), &policy, None).is_err(), "{list}");
        }
        for list in [r#""read write""#, r#""read\u0020write""#, r#"["read","write"]"#] {
            with_claims(list, |claims| assert!(claims.permissions().eq([b"read", &b"write"[..]]), "{list}"));
        }
    }

    #[test]
    fn an_empty_list_has_no_empty_permission() {
        for none in ["[]", "\"\"", "null"] {
            with_claims(none, |claims| {
                assert_eq!(claims.permissions().len(), 0, "{none}");
                assert!(!claims.has_permission(""), "{none}");
            });
        }
    }

    #[test]
    fn many_permissions_are_kept() {
        for count in [7, 8, 9, 200] {
            let many: Vec<String> = (0..count).map(|number| format!("permission-{number}")).collect();
            with_claims(&serde_json::to_string(&many).unwrap(), |claims| {
                assert!(claims.permissions().eq(many.iter().map(String::as_bytes)), "{count}");
                let has = |number| claims.has_permission(&format!("permission-{number}"));
                assert!((0..count).all(has) && !has(count), "{count}");
                let own_memory = if count > 8 { count * size_of::<Span>() } else { 0 };
                assert!(claims.claims.memory() >= own_memory, "{count}");
            });
        }
    }
}
