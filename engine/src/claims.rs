//! The claims (RFC 7519 §4): their form, and what is kept of them.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::{Serialize, Serializer};
use smallvec::SmallVec;

use crate::jose::once;
use crate::json::Reader;
use crate::policy::Policy;
use crate::reason::Reason;

/// The last second of the year 9999, and so the largest date that a claim may hold.
pub(crate) const MAX_DATE: f64 = 253_402_300_799.0;
const MAX_ID_BYTES: usize = 256;
const MAX_PERMISSIONS: usize = 256;

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
    text: Box<str>,
    user: Option<Range<usize>>,
    organization: Option<Range<usize>>,
    token_id: Option<Range<usize>>,
    permissions: Range<usize>,
    permission_count: usize,
    pub(crate) expires_at: NumericDate,
    pub(crate) not_before: Option<NumericDate>,
    pub(crate) issued_at: Option<NumericDate>,
    pub(crate) issuer_accepted: bool,
    pub(crate) audience_accepted: bool,
}

/// Permissions hold no control character, so that one can part them.
const SEPARATOR: char = '\n';

impl Claims {
    /// Reads the decoded claims. A claim that is read has to be of its type and there once; `null` counts as absent.
    pub(crate) fn parse(decoded: &[u8], policy: &Policy) -> Result<Self, Reason> {
        Self::read(decoded, policy).ok_or(Reason::TokenClaimsMalformed)
    }

    fn read(decoded: &[u8], policy: &Policy) -> Option<Self> {
        let mut seen = Seen::default();
        let names = policy.claim_names();
        let mut reader = Reader::new(decoded)?;
        reader.object(|name, value| {
            let name = name.text();
            match &*name {
                "exp" => seen.expires_at.fill(value, date),
                "nbf" => seen.not_before.fill(value, date),
                "iat" => seen.issued_at.fill(value, date),
                "jti" => seen.token_id.fill(value, id),
                "iss" => seen.issuer.fill(value, |value| Some(policy.accepts_issuer(&value.string()?))),
                "aud" => seen.audience.fill(value, |value| any_audience(value, policy)),
                other if other == names.user() => seen.user.fill(value, id),
                other if other == names.organization() => seen.organization.fill(value, id),
                other if other == names.permissions() => seen.permissions.fill(value, permissions),
                _ => value.skip(),
            }
        })?;
        reader.end()?;
        seen.into_claims(policy)
    }

    /// The user, unless absent or empty.
    pub(crate) fn user(&self) -> Option<&str> {
        self.part(&self.user).filter(|user| !user.is_empty())
    }

    /// The organization, unless absent or empty.
    pub(crate) fn organization(&self) -> Option<&str> {
        self.part(&self.organization).filter(|organization| !organization.is_empty())
    }

    /// The token's own id, empty or not.
    pub(crate) fn token_id(&self) -> Option<&str> {
        self.part(&self.token_id)
    }

    /// The permissions, in the token's order.
    pub(crate) fn permissions(&self) -> impl ExactSizeIterator<Item = &str> + Clone {
        let joined = self.text.get(self.permissions.clone()).unwrap_or_default();
        Permissions { parts: joined.split(SEPARATOR), left: self.permission_count }
    }

    fn part(&self, range: &Option<Range<usize>>) -> Option<&str> {
        self.text.get(range.clone()?)
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

/// A claim while the object is read: whether it was there, and what it held unless `null`.
struct Slot<T> {
    value: Option<Option<T>>,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self { value: None }
    }
}

impl<T> Slot<T> {
    fn fill<'j>(
        &mut self,
        reader: &mut Reader<'j>,
        read: impl FnOnce(&mut Reader<'j>) -> Option<T>,
    ) -> Option<()> {
        let value = if reader.null().is_some() { None } else { Some(read(reader)?) };
        once(&mut self.value, value)
    }

    fn take(self) -> Option<T> {
        self.value.flatten()
    }
}

#[derive(Default)]
struct Seen<'j> {
    expires_at: Slot<NumericDate>,
    not_before: Slot<NumericDate>,
    issued_at: Slot<NumericDate>,
    token_id: Slot<Cow<'j, str>>,
    issuer: Slot<bool>,
    audience: Slot<bool>,
    user: Slot<Cow<'j, str>>,
    organization: Slot<Cow<'j, str>>,
    permissions: Slot<PermissionList<'j>>,
}

type PermissionList<'j> = SmallVec<[Cow<'j, str>; 8]>;

impl Seen<'_> {
    fn into_claims(self, policy: &Policy) -> Option<Claims> {
        let expires_at = self.expires_at.take()?;
        let (user, organization, token_id) =
            (self.user.take(), self.organization.take(), self.token_id.take());
        let permissions = self.permissions.take().unwrap_or_default();
        let length = [&user, &organization, &token_id]
            .into_iter()
            .map(|part| part.as_ref().map_or(0, |part| part.len()))
            .chain(permissions.iter().map(|permission| permission.len().saturating_add(1)))
            .fold(0, usize::saturating_add);
        let mut text = String::with_capacity(length);
        let mut push = |part: Option<Cow<'_, str>>| {
            let part = part?;
            let start = text.len();
            text.push_str(&part);
            Some(start..text.len())
        };
        let (user, organization, token_id) = (push(user), push(organization), push(token_id));
        let start = text.len();
        for permission in &permissions {
            text.push_str(permission);
            text.push(SEPARATOR);
        }
        Some(Claims {
            user,
            organization,
            token_id,
            permissions: start..text.len(),
            permission_count: permissions.len(),
            text: text.into_boxed_str(),
            expires_at,
            not_before: self.not_before.take(),
            issued_at: self.issued_at.take(),
            issuer_accepted: self.issuer.take().unwrap_or(!policy.names_issuers()),
            audience_accepted: self.audience.take().unwrap_or(!policy.names_audiences()),
        })
    }
}

fn date(value: &mut Reader<'_>) -> Option<NumericDate> {
    NumericDate::new(value.number()?)
}

fn id<'j>(value: &mut Reader<'j>) -> Option<Cow<'j, str>> {
    value.string().filter(|text| is_id(text))
}

/// What an id may be: at most 256 bytes, no control character (Unicode Cc).
pub(crate) fn is_id(text: &str) -> bool {
    text.len() <= MAX_ID_BYTES && !text.chars().any(char::is_control)
}

/// Whether the policy names one of the audiences; a policy that names none accepts none, not even an empty list.
fn any_audience(value: &mut Reader<'_>, policy: &Policy) -> Option<bool> {
    if !value.at_array() {
        return Some(policy.accepts_audience(&value.string()?));
    }
    let mut accepted = false;
    value.array(|element| {
        accepted |= policy.accepts_audience(&element.string()?);
        Some(())
    })?;
    Some(accepted)
}

/// An array of permissions, or one string of them parted by single spaces; the empty string is none.
fn permissions<'j>(value: &mut Reader<'j>) -> Option<PermissionList<'j>> {
    let mut list = PermissionList::new();
    let mut push = |permission: Cow<'j, str>| {
        if list.len() == MAX_PERMISSIONS || !is_id(&permission) {
            return None;
        }
        list.push(permission);
        Some(())
    };
    if value.at_array() {
        value.array(|element| push(element.string()?))?;
        return Some(list);
    }
    let text = value.string()?;
    if text.is_empty() {
        return Some(list);
    }
    let mut push_part = |part: Cow<'j, str>| if part.is_empty() { None } else { push(part) };
    match text {
        Cow::Borrowed(text) => text.split(' ').try_for_each(|part| push_part(Cow::Borrowed(part)))?,
        Cow::Owned(text) => text.split(' ').try_for_each(|part| push_part(Cow::Owned(part.to_owned())))?,
    }
    Some(list)
}
