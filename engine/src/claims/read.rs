//! Reading the claims: each that a rule needs has to be of its type and there once.

use super::{Claims, NumericDate, SEPARATOR_TEXT, Span, Text};
use crate::jose::once;
use crate::json::Reader;
use crate::policy::Policy;
use crate::reason::Reason;

const MAX_ID_BYTES: usize = 256;
const MAX_PERMISSIONS: usize = 256;

impl Claims {
    /// Fills empty claims, where they are to stay, with the decoded ones; `null` counts as absent. The token that
    /// carried them, if one is given, is kept with them.
    pub(crate) fn read(
        &mut self,
        decoded: &[u8],
        policy: &Policy,
        token: Option<&str>,
    ) -> Result<(), Reason> {
        self.fill(decoded, policy, token).ok_or(Reason::TokenClaimsMalformed)
    }

    fn fill(&mut self, decoded: &[u8], policy: &Policy, token: Option<&str>) -> Option<()> {
        let text = &mut self.text;
        self.token = text.append(token.unwrap_or_default());
        let mut seen = Seen::default();
        let names = policy.claim_names();
        let mut reader = Reader::new(decoded)?;
        reader.object(|name, value| match name {
            b"exp" => seen.expires_at.fill(value, date),
            b"nbf" => seen.not_before.fill(value, date),
            b"iat" => seen.issued_at.fill(value, date),
            b"jti" => seen.token_id.fill(value, |value| text.id(value)),
            b"iss" => seen.issuer.fill(value, |value| Some(policy.accepts_issuer(&value.string()?))),
            b"aud" => seen.audience.fill(value, |value| any_audience(value, policy)),
            other if other == names.user().as_bytes() => seen.user.fill(value, |value| text.id(value)),
            other if other == names.organization().as_bytes() => {
                seen.organization.fill(value, |value| text.id(value))
            }
            other if other == names.permissions().as_bytes() => {
                seen.permissions.fill(value, |value| text.permissions(value))
            }
            _ => value.skip(),
        })?;
        reader.end()?;
        self.user = seen.user.take();
        self.organization = seen.organization.take();
        self.token_id = seen.token_id.take();
        (self.permissions, self.permission_count) = seen.permissions.take().unwrap_or_default();
        self.expires_at = seen.expires_at.take()?;
        self.not_before = seen.not_before.take();
        self.issued_at = seen.issued_at.take();
        self.issuer_accepted = seen.issuer.take().unwrap_or(!policy.names_issuers());
        self.audience_accepted = seen.audience.take().unwrap_or(!policy.names_audiences());
        Some(())
    }
}

/// The claims that are read, each perhaps not yet.
#[derive(Default)]
struct Seen {
    expires_at: Slot<NumericDate>,
    not_before: Slot<NumericDate>,
    issued_at: Slot<NumericDate>,
    token_id: Slot<Span>,
    issuer: Slot<bool>,
    audience: Slot<bool>,
    user: Slot<Span>,
    organization: Slot<Span>,
    permissions: Slot<(Span, usize)>,
}

/// A claim while the object is read: whether it was there, and what it held unless `null`.
struct Slot<T>(Option<Option<T>>);

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Slot<T> {
    fn fill<'j>(
        &mut self,
        reader: &mut Reader<'j>,
        read: impl FnOnce(&mut Reader<'j>) -> Option<T>,
    ) -> Option<()> {
        let value = if reader.null().is_some() { None } else { Some(read(reader)?) };
        once(&mut self.0, value)
    }

    fn take(self) -> Option<T> {
        self.0.flatten()
    }
}

impl Text {
    fn append(&mut self, part: &str) -> Span {
        let start = self.end();
        self.push(part);
        Span { start, end: self.end() }
    }

    fn end(&self) -> u32 {
        u32::try_from(self.as_str().len()).unwrap_or(u32::MAX)
    }

    fn id(&mut self, value: &mut Reader<'_>) -> Option<Span> {
        let id = value.printable_string().filter(|id| id.len() <= MAX_ID_BYTES)?;
        Some(self.append(&id))
    }

    /// An array of permissions, or one string of them parted by single spaces; the empty string is none.
    fn permissions(&mut self, value: &mut Reader<'_>) -> Option<(Span, usize)> {
        let start = self.end();
        let mut count: usize = 0;
        let mut push = |permission: &str| {
            if count == MAX_PERMISSIONS || permission.len() > MAX_ID_BYTES {
                return None;
            }
            count = count.saturating_add(1);
            self.push(permission);
            self.push(SEPARATOR_TEXT);
            Some(())
        };
        if value.at_array() {
            value.array(|element| push(&element.printable_string()?))?;
        } else {
            let list = value.printable_string()?;
            if !list.is_empty() {
                list.split(' ').try_for_each(|part| if part.is_empty() { None } else { push(part) })?;
            }
        }
        Some((Span { start, end: self.end() }, count))
    }
}

fn date(value: &mut Reader<'_>) -> Option<NumericDate> {
    NumericDate::new(value.number()?)
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
