//! Reading the claims: each that a rule needs has to be of its type and there once.

use super::{Claims, NumericDate, Span, Spans};
use crate::json::{JsonString, Object, Text, Value};
use crate::policy::{Claim, Policy};
use crate::reason::Reason;

const MAX_ID_BYTES: usize = 256;
const MAX_PERMISSIONS: usize = 256;

impl Claims {
    /// Fills empty claims, where they are to stay, with the decoded ones; `null` counts as absent.
    ///
    /// Gives the text that they find their parts in, unless that is the decoded text, as it mostly is: of one
    /// with escapes or beyond ASCII no more is kept than the parts.
    pub(crate) fn read(&mut self, decoded: &[u8], policy: &Policy) -> Result<Option<Vec<u8>>, Reason> {
        self.fill(decoded, policy).ok_or(Reason::TokenClaimsMalformed)
    }

    fn fill(&mut self, decoded: &[u8], policy: &Policy) -> Option<Option<Vec<u8>>> {
        let json = Text::new(decoded)?;
        let members = Object::read(&json, policy.claim_names())?;
        // No part is longer than it is written.
        let mut kept = Kept { parts: (!json.is_plain()).then(|| Vec::with_capacity(decoded.len())) };
        let value = |claim: Claim| members.value(claim.index()).filter(|value| !value.is_null());
        self.expires_at = date(value(Claim::ExpiresAt)?)?;
        self.not_before = optional(value(Claim::NotBefore), date)?;
        self.issued_at = optional(value(Claim::IssuedAt), date)?;
        self.issuer_accepted = optional(value(Claim::Issuer), |value| accepted_issuer(value, policy))?
            .unwrap_or(!policy.names_issuers());
        self.audience_accepted = optional(value(Claim::Audience), |value| any_audience(value, policy))?
            .unwrap_or(!policy.names_audiences());
        self.user = optional(value(Claim::User), |value| kept.id(value))?;
        self.organization = optional(value(Claim::Organization), |value| kept.id(value))?;
        self.token_id = optional(value(Claim::TokenId), |value| kept.id(value))?;
        if let Some(value) = value(Claim::Permissions) {
            kept.permissions(value, &mut self.permissions)?;
        }
        Some(kept.parts)
    }
}

/// Reads what is there; `None` where it is not as it has to be.
#[inline]
fn optional<T>(
    value: Option<Value<'_, '_>>,
    read: impl FnOnce(Value<'_, '_>) -> Option<T>,
) -> Option<Option<T>> {
    match value {
        Some(value) => read(value).map(Some),
        None => Some(None),
    }
}

/// Where parts of the claims are kept: on their own, or in the decoded text itself.
struct Kept {
    parts: Option<Vec<u8>>,
}

impl Kept {
    #[inline]
    fn id(&mut self, value: Value<'_, '_>) -> Option<Span> {
        self.printable(&value.string()?)
    }

    /// Where a string of at most 256 bytes without control characters is to be found.
    #[inline]
    fn printable(&mut self, string: &JsonString<'_>) -> Option<Span> {
        match self.parts {
            None => span(string.start(), string.raw_length()),
            Some(_) => self.part(string, 0, &string.printable()?),
        }
    }

    /// Where the part of a string that begins `offset` bytes in is to be found.
    #[inline(never)]
    fn part(&mut self, string: &JsonString<'_>, offset: usize, part: &[u8]) -> Option<Span> {
        let Some(parts) = &mut self.parts else {
            return span(string.start().checked_add(offset)?, part.len());
        };
        let start = parts.len();
        parts.extend_from_slice(part);
        span(start, part.len())
    }

    /// An array of permissions, or one string of them parted by single spaces; the empty string is none.
    fn permissions(&mut self, value: Value<'_, '_>, permissions: &mut Spans) -> Option<()> {
        let mut push = |span: Span| {
            if permissions.count == MAX_PERMISSIONS {
                return None;
            }
            permissions.push(span);
            Some(())
        };
        if value.is_array() {
            return value.strings(|string| push(self.printable(string)?));
        }
        let string = value.string()?;
        let list = string.printable()?;
        if list.is_empty() {
            return Some(());
        }
        let mut offset: usize = 0;
        list.split(|byte| *byte == b' ').try_for_each(|part| {
            let at = offset;
            offset = offset.checked_add(part.len())?.checked_add(1)?;
            if part.is_empty() { None } else { push(self.part(&string, at, part)?) }
        })
    }
}

/// A part of a text, if it is not longer than an id may be.
#[inline]
fn span(start: usize, length: usize) -> Option<Span> {
    if length > MAX_ID_BYTES { None } else { Span::new(start, length) }
}

#[inline]
fn date(value: Value<'_, '_>) -> Option<NumericDate> {
    NumericDate::new(value.number()?)
}

/// What an id may be: at most 256 bytes, no control character (Unicode Cc).
pub(crate) fn is_id(text: &str) -> bool {
    text.len() <= MAX_ID_BYTES && !text.chars().any(char::is_control)
}

fn accepted_issuer(value: Value<'_, '_>, policy: &Policy) -> Option<bool> {
    Some(policy.accepts_issuer(&value.string()?.bytes()?))
}

/// Whether the policy names one of the audiences; a policy that names none accepts none, not even an empty list.
fn any_audience(value: Value<'_, '_>, policy: &Policy) -> Option<bool> {
    if !value.is_array() {
        return Some(policy.accepts_audience(&value.string()?.bytes()?));
    }
    let mut accepted = false;
    value.strings(|audience| {
        accepted |= policy.accepts_audience(&audience.bytes()?);
        Some(())
    })?;
    Some(accepted)
}
