//! The claims (RFC 7519 §4): their form, and what is kept of them.

mod read;

use std::fmt;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

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

/// Well-formed claims: what later checks and the principal need, and where in a text it stands.
///
/// `issuer_accepted` and `audience_accepted` are judged while reading, against the policy that reads them, so
/// that neither has to be kept; they count at their own place in the order of checks.
pub(crate) struct Claims {
    user: Option<Span>,
    organization: Option<Span>,
    token_id: Option<Span>,
    permissions: Spans,
    expires_at: NumericDate,
    not_before: Option<NumericDate>,
    issued_at: Option<NumericDate>,
    issuer_accepted: bool,
    audience_accepted: bool,
    /// One of [`UNKNOWN`], [`PLAIN`] and [`ODD`]: found out when it is first asked for.
    plainness: AtomicU8,
}

const UNKNOWN: u8 = 0;
const PLAIN: u8 = 1;
const ODD: u8 = 2;

/// A part of a text, in one word: where it starts, and one more than its length, so that it is never zero. The
/// longest token that a policy allows has no more than 2^16 bytes.
#[derive(Clone, Copy)]
struct Span(NonZeroU32);

impl Span {
    const EMPTY: Self = Self(NonZeroU32::MIN);

    #[inline]
    fn new(start: usize, length: usize) -> Option<Self> {
        let (start, more) = (u16::try_from(start).ok()?, u16::try_from(length).ok()?.checked_add(1)?);
        NonZeroU32::new(u32::from(start) << 16 | u32::from(more)).map(Self)
    }

    #[inline]
    fn of(self, text: &[u8]) -> Option<&[u8]> {
        let (start, more) = (self.0.get() >> 16, self.0.get() & u32::from(u16::MAX));
        let length = usize::try_from(more).ok()?.checked_sub(1)?;
        text.get(usize::try_from(start).ok()?..)?.get(..length)
    }
}

/// Parts of a text, in order. A few need no memory of their own; more are all kept in `many`.
struct Spans {
    few: [Span; 8],
    count: u32,
    /// Boxed, for few tokens have so many, and what is kept of each is copied in one piece.
    many: Option<Box<Many>>,
}

struct Many(Vec<Span>);

impl Spans {
    const NONE: Self = Self { few: [Span::EMPTY; 8], count: 0, many: None };

    #[inline]
    fn len(&self) -> usize {
        usize::try_from(self.count).unwrap_or(usize::MAX)
    }

    fn as_slice(&self) -> &[Span] {
        match &self.many {
            None => self.few.get(..self.len()).unwrap_or(&self.few),
            Some(many) => &many.0,
        }
    }

    #[inline]
    fn push(&mut self, span: Span) {
        let at = self.len();
        match self.few.get_mut(at) {
            Some(place) => *place = span,
            None => self.push_to_many(span),
        }
        self.count = self.count.saturating_add(1);
    }

    #[inline(never)]
    fn push_to_many(&mut self, span: Span) {
        let few = self.few;
        self.many.get_or_insert_with(|| Box::new(Many(few.to_vec()))).0.push(span);
    }

    fn memory(&self) -> usize {
        let of_many = |many: &Many| many.0.capacity().saturating_mul(size_of::<Span>());
        self.many.as_deref().map_or(0, |many| of_many(many).saturating_add(size_of::<Many>()))
    }
}

impl Claims {
    /// No claims of no token.
    pub(crate) fn empty() -> Self {
        Self {
            user: None,
            organization: None,
            token_id: None,
            permissions: Spans::NONE,
            expires_at: NumericDate(0.0),
            not_before: None,
            issued_at: None,
            issuer_accepted: false,
            audience_accepted: false,
            plainness: AtomicU8::new(UNKNOWN),
        }
    }

    /// The claims with the text that they were read from.
    #[inline]
    pub(crate) fn of_text<'c>(&'c self, text: &'c [u8]) -> TextClaims<'c> {
        TextClaims { claims: self, text }
    }

    /// What the claims take in memory beside themselves and their text, in bytes.
    pub(crate) fn memory(&self) -> usize {
        self.permissions.memory()
    }
}

/// Claims and their text. What is compared is given in bytes, which are UTF-8.
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

    /// The token's own id, empty or not.
    pub(crate) fn token_id(self) -> Option<&'c [u8]> {
        self.claims.token_id?.of(self.text)
    }

    /// The permissions, in the token's order.
    pub(crate) fn permissions(self) -> impl ExactSizeIterator<Item = &'c [u8]> + Clone {
        self.claims.permissions.as_slice().iter().map(move |span| span.of(self.text).unwrap_or_default())
    }

    /// Whether user, organization, permissions and the token's id are plain, all of them.
    pub(crate) fn are_plain(self) -> bool {
        match self.claims.plainness.load(Relaxed) {
            UNKNOWN => {
                let ids = [self.user(), self.organization(), self.token_id()];
                let mut bytes = ids.into_iter().flatten().chain(self.permissions()).flatten();
                let plain = bytes.all(|byte| is_plain(*byte));
                self.claims.plainness.store(if plain { PLAIN } else { ODD }, Relaxed);
                plain
            }
            known => known == PLAIN,
        }
    }

    /// Whether this is one of the permissions, byte for byte.
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

    pub(crate) fn issuer_accepted(self) -> bool {
        self.claims.issuer_accepted
    }

    pub(crate) fn audience_accepted(self) -> bool {
        self.claims.audience_accepted
    }
}

/// A visible character that means nothing else in JSON, in a field value, or between parts of one.
fn is_plain(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~') && !matches!(byte, b'"' | b'\\' | b'%' | b',')
}

/// A part of the claims as text, which it is: nothing else is read.
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
        let parts = claims.read(decoded.as_bytes(), &policy).unwrap();
        look(claims.of_text(parts.as_deref().unwrap_or(decoded.as_bytes())))
    }

    #[test]
    fn a_permission_is_there_whole_or_not_at_all() {
        let several = r#"["read", "documents:write", "", "wr ite", "\u0072ewrite"]"#;
        with_claims(several, |claims| {
            let there = ["read", "documents:write", "", "wr ite", "rewrite"];
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
    fn claims_are_plain_when_each_of_their_parts_is() {
        let are_plain = |claims: &str| {
            let policy = Policy::new(&PolicySpec::default()).unwrap();
            let mut read = Claims::empty();
            let parts = read.read(claims.as_bytes(), &policy).unwrap();
            let claims = read.of_text(parts.as_deref().unwrap_or(claims.as_bytes()));
            let first = claims.are_plain();
            assert_eq!(claims.are_plain(), first, "asked again");
            first
        };
        let all = r#"{"exp":1,"sub":"u1","org_id":"o1","jti":"t1","permissions":["a:r","b/*"],"x":"\u0000"}"#;
        assert!(are_plain(all) && are_plain(r#"{"exp":1}"#));
        for part in ["u1", "o1", "t1", "a:r", "b/*"] {
            for odd in [" ", "%", ",", r#"\""#, r"\\", r"\u0022", "\u{e9}", "\u{2028}"] {
                let claims = all.replace(part, &format!("x{odd}x"));
                assert!(!are_plain(&claims), "{claims}");
            }
        }
    }

    #[test]
    fn permissions_are_parted_by_single_spaces() {
        for list in [r#""read  wr""#, r#"" read""#, r#""read ""#, r#"" ""#] {
            let policy = Policy::new(&PolicySpec::default()).unwrap();
            let decoded = format!(r#"{{"exp": 1, "permissions": {list}}}"#);
            assert!(Claims::empty().read(decoded.as_bytes(), &policy).is_err(), "{list}");
        }
        for list in [r#""read write""#, r#""read\u0020write""#, r#"["read","write"]"#] {
            with_claims(list, |claims| assert!(claims.permissions().eq([b"read", &b"write"[..]]), "{list}"));
        }
    }

    #[test]
    fn no_permission_is_not_an_empty_one() {
        for none in ["[]", "\"\"", "null"] {
            with_claims(none, |claims| {
                assert_eq!(claims.permissions().len(), 0, "{none}");
                assert!(!claims.has_permission(""), "{none}");
            });
        }
    }

    #[test]
    fn permissions_that_are_many_are_kept_all_the_same() {
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
