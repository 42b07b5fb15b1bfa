//! The claims (RFC 7519 §4): their form, and what is kept of them.

mod read;

use std::fmt;

use arrayvec::ArrayString;
use serde::{Serialize, Serializer};

pub(crate) use read::is_id;

/// The last second of the year 9999, and so the largest date that a claim may hold.
pub(crate) const MAX_DATE: f64 = 253_402_300_799.0;

/// A date of a claim: seconds since the Unix epoch, perhaps with a fraction (RFC 7519 §2, NumericDate).
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct NumericDate(f64);

impl NumericDate {
    /// A date from 0 to the end of the year 9999; -0 is 0.
    pub(crate) fn new(seconds: f64) -> Option<Self> {
        // Adding zero turns the negative zero into the positive one.
        (0.0..=MAX_DATE).contains(&seconds).then_some(Self(seconds + 0.0))
    }

    /// Seconds since the Unix epoch.
    #[must_use]
    pub fn seconds(self) -> f64 {
        self.0
    }

    fn whole_seconds(self) -> Option<u64> {
        #[expect(
            clippy::as_conversions,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a date is whole, not negative and far below 2^53 here"
        )]
        (self.0.fract() == 0.0).then_some(self.0 as u64)
    }
}

impl fmt::Display for NumericDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.whole_seconds() {
            Some(seconds) => write!(f, "{seconds}"),
            None => write!(f, "{}", self.0),
        }
    }
}

impl Serialize for NumericDate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.whole_seconds() {
            Some(seconds) => serializer.serialize_u64(seconds),
            None => serializer.serialize_f64(self.0),
        }
    }
}

/// Well-formed claims: what later checks and the principal need, in one piece of text.
///
/// `issuer_accepted` and `audience_accepted` are judged while reading, against the policy that reads them, so
/// that neither has to be kept; they count at their own place in the order of checks.
pub(crate) struct Claims {
    text: Text,
    token: Span,
    user: Option<Span>,
    organization: Option<Span>,
    token_id: Option<Span>,
    permissions: Span,
    permission_count: usize,
    pub(crate) expires_at: NumericDate,
    pub(crate) not_before: Option<NumericDate>,
    pub(crate) issued_at: Option<NumericDate>,
    pub(crate) issuer_accepted: bool,
    pub(crate) audience_accepted: bool,
}

/// The text: in place unless it is unusually long, so that a cached token and its claims are one piece of memory.
#[expect(clippy::large_enum_variant, reason = "claims live behind an `Arc`, and most of them are inline")]
enum Text {
    Inline(ArrayString<INLINE_BYTES>),
    Boxed(String),
}

const INLINE_BYTES: usize = 704;

impl Text {
    const fn new() -> Self {
        Self::Inline(ArrayString::new_const())
    }

    fn as_str(&self) -> &str {
        match self {
            Self::Inline(text) => text,
            Self::Boxed(text) => text,
        }
    }

    fn push(&mut self, part: &str) {
        match self {
            Self::Inline(text) => {
                if text.try_push_str(part).is_err() {
                    let mut longer = String::with_capacity(text.len().saturating_add(part.len()));
                    longer.push_str(text);
                    longer.push_str(part);
                    *self = Self::Boxed(longer);
                }
            }
            Self::Boxed(text) => text.push_str(part),
        }
    }
}

/// A part of the text, in bytes.
#[derive(Clone, Copy, Default)]
struct Span {
    start: u32,
    end: u32,
}

/// Permissions hold no control character, so that one can part them.
const SEPARATOR: u8 = b'\n';
const SEPARATOR_TEXT: &str = "\n";

impl Claims {
    /// The user, unless absent or empty.
    pub(crate) fn user(&self) -> Option<&str> {
        self.part(self.user?).filter(|user| !user.is_empty())
    }

    /// The organization, unless absent or empty.
    pub(crate) fn organization(&self) -> Option<&str> {
        self.part(self.organization?).filter(|organization| !organization.is_empty())
    }

    /// The token's own id, empty or not.
    pub(crate) fn token_id(&self) -> Option<&str> {
        self.part(self.token_id?)
    }

    /// The permissions, in the token's order.
    pub(crate) fn permissions(&self) -> impl ExactSizeIterator<Item = &str> + Clone {
        let joined = self.part(self.permissions).unwrap_or_default();
        Permissions { parts: joined.split(char::from(SEPARATOR)), left: self.permission_count }
    }

    /// Whether this is one of the permissions, byte for byte.
    pub(crate) fn has_permission(&self, permission: &str) -> bool {
        let permission = permission.as_bytes();
        // Two of them with what parts them are not one.
        if permission.contains(&SEPARATOR) {
            return false;
        }
        let mut rest = self.part(self.permissions).unwrap_or_default().as_bytes();
        loop {
            if rest.strip_prefix(permission).is_some_and(|after| after.first() == Some(&SEPARATOR)) {
                return true;
            }
            let Some(end) = memchr::memchr(SEPARATOR, rest) else { return false };
            rest = rest.get(end.saturating_add(1)..).unwrap_or_default();
        }
    }

    /// The token that carried the claims, if it was kept with them; else nothing.
    pub(crate) fn token(&self) -> &[u8] {
        self.part(self.token).unwrap_or_default().as_bytes()
    }

    /// No claims of no token.
    pub(crate) fn empty() -> Self {
        Self {
            text: Text::new(),
            token: Span::default(),
            user: None,
            organization: None,
            token_id: None,
            permissions: Span::default(),
            permission_count: 0,
            expires_at: NumericDate(0.0),
            not_before: None,
            issued_at: None,
            issuer_accepted: false,
            audience_accepted: false,
        }
    }

    /// What the claims take in memory, in bytes.
    pub(crate) fn memory(&self) -> usize {
        let boxed = match &self.text {
            Text::Inline(_) => 0,
            Text::Boxed(text) => text.capacity(),
        };
        size_of::<Self>().saturating_add(boxed)
    }

    fn part(&self, span: Span) -> Option<&str> {
        self.text.as_str().get(usize::try_from(span.start).ok()?..usize::try_from(span.end).ok()?)
    }
}

#[derive(Clone)]
struct Permissions<'c> {
    parts: std::str::Split<'c, char>,
    left: usize,
}

impl<'c> Iterator for Permissions<'c> {
    type Item = &'c str;

    fn next(&mut self) -> Option<&'c str> {
        self.left = self.left.checked_sub(1)?;
        self.parts.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Permissions<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Policy, PolicySpec};

    fn claims(permissions: &str) -> Claims {
        let policy = Policy::new(&PolicySpec::default()).unwrap();
        let mut claims = Claims::empty();
        let text = format!(r#"{{"exp": 1, "permissions": {permissions}}}"#);
        claims.read(text.as_bytes(), &policy, Some("a.b.c")).unwrap();
        claims
    }

    #[test]
    fn a_permission_is_there_whole_or_not_at_all() {
        let claims = claims(r#"["read", "documents:write", "", "wr ite"]"#);
        assert_eq!(claims.permissions().collect::<Vec<_>>(), ["read", "documents:write", "", "wr ite"]);
        for there in ["read", "documents:write", "", "wr ite"] {
            assert!(claims.has_permission(there), "{there}");
        }
        for not_there in
            ["rea", "ead", "read\ndocuments:write", "read\n", "\n", "write", "documents", "wr", "a.b.c"]
        {
            assert!(!claims.has_permission(not_there), "{not_there:?}");
        }
    }

    #[test]
    fn no_permission_is_not_an_empty_one() {
        for none in ["[]", "\"\"", "null"] {
            assert_eq!(claims(none).permissions().len(), 0, "{none}");
            assert!(!claims(none).has_permission(""), "{none}");
        }
    }

    #[test]
    fn claims_that_are_long_are_kept_all_the_same() {
        let many: Vec<String> = (0..200).map(|number| format!("permission-{number}")).collect();
        let claims = claims(&serde_json::to_string(&many).unwrap());
        assert!(claims.permissions().eq(many.iter().map(String::as_str)));
        assert!(claims.has_permission("permission-199") && !claims.has_permission("permission-200"));
        assert!(claims.memory() > INLINE_BYTES + 2_000);
        assert_eq!(claims.token(), b"a.b.c");
    }
}
