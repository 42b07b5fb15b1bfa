//! Reading the claims: each that a rule needs has to be of its type and there once.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::{Claims, NumericDate, SEPARATOR, Text};
use crate::jose::once;
use crate::json::Reader;
use crate::policy::Policy;
use crate::reason::Reason;

const MAX_ID_BYTES: usize = 256;
const MAX_PERMISSIONS: usize = 256;

impl Claims {
    /// Reads the decoded claims; `null` counts as absent. The token that carried them, if one is given, is kept with them.
    pub(crate) fn parse(decoded: &[u8], policy: &Policy, token: Option<&str>) -> Result<Self, Reason> {
        let mut seen = Seen::default();
        seen.read(decoded, policy).ok_or(Reason::TokenClaimsMalformed)?;
        seen.into_claims(policy, token).ok_or(Reason::TokenClaimsMalformed)
    }
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

/// The claims that are read, borrowed where they hold no escape.
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

impl<'j> Seen<'j> {
    fn read(&mut self, decoded: &'j [u8], policy: &Policy) -> Option<()> {
        let names = policy.claim_names();
        let mut reader = Reader::new(decoded)?;
        reader.object(|name, value| match &*name.text() {
            "exp" => self.expires_at.fill(value, date),
            "nbf" => self.not_before.fill(value, date),
            "iat" => self.issued_at.fill(value, date),
            "jti" => self.token_id.fill(value, id),
            "iss" => self.issuer.fill(value, |value| Some(policy.accepts_issuer(&value.string()?))),
            "aud" => self.audience.fill(value, |value| any_audience(value, policy)),
            other if other == names.user() => self.user.fill(value, id),
            other if other == names.organization() => self.organization.fill(value, id),
            other if other == names.permissions() => self.permissions.fill(value, permissions),
            _ => value.skip(),
        })?;
        reader.end()
    }

    fn into_claims(self, policy: &Policy, token: Option<&str>) -> Option<Claims> {
        let expires_at = self.expires_at.take()?;
        let (user, organization, token_id) =
            (self.user.take(), self.organization.take(), self.token_id.take());
        let permissions = self.permissions.take().unwrap_or_default();
        let token = token.unwrap_or_default();
        let length = [&user, &organization, &token_id]
            .into_iter()
            .map(|part| part.as_ref().map_or(0, |part| part.len()))
            .chain(permissions.iter().map(|permission| permission.len().saturating_add(1)))
            .fold(token.len(), usize::saturating_add);
        let mut text = Text::of_length(length);
        let token = text.push(token);
        let user = user.map(|user| text.push(&user));
        let organization = organization.map(|organization| text.push(&organization));
        let token_id = token_id.map(|token_id| text.push(&token_id));
        let start = text.as_str().len();
        for permission in &permissions {
            text.push(permission);
            text.push(SEPARATOR.encode_utf8(&mut [0; 4]));
        }
        Some(Claims {
            permissions: start..text.as_str().len(),
            permission_count: permissions.len(),
            text,
            token,
            user,
            organization,
            token_id,
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
    text.len() <= MAX_ID_BYTES && (is_plain_ascii(text) || !text.chars().any(char::is_control))
}

fn is_plain_ascii(text: &str) -> bool {
    text.bytes().fold(true, |plain, byte| plain & matches!(byte, b' '..=b'~'))
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
