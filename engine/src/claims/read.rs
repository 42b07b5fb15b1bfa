//! Reading the claims: each that a rule needs has to be of its type and there once.

use super::model::{BindingVerdict, Claims};
use super::span::{Span, Spans};
use crate::ids::MAX_ID_BYTES;
use crate::json::{JsonString, Object, Take, Text};
use crate::keys::Binding;
use crate::policy::{Claim, Policy};
use crate::reason::Reason;
use crate::time::NumericDate;

const MAX_PERMISSIONS: usize = 256;

impl Claims {
    /// Fills empty claims, where they are to stay, with the decoded ones; `null` counts as absent.
    ///
    /// `binding` is what the key that verified them is bound to.
    ///
    /// Gives the text that they find their parts in, unless that is the decoded text, as it mostly is: of one
    /// with escapes or beyond ASCII no more is kept than the parts.
    pub(crate) fn read(
        &mut self,
        decoded: &[u8],
        policy: &Policy,
        binding: Option<&Binding>,
    ) -> Result<Option<Vec<u8>>, Reason> {
        let parts = self.fill(&Text::new(decoded), policy, binding).ok_or(Reason::TokenClaimsMalformed)?;
        if let Some(binding) = binding
            && self.binding == BindingVerdict::Met
        {
            let text = parts.as_deref().unwrap_or(decoded);
            let organization = self.of_text(text).organization();
            if !binding.accepts_organization(organization) {
                self.binding = BindingVerdict::OtherOrganization;
            }
        }
        Ok(parts)
    }

    #[inline]
    fn fill(
        &mut self,
        json: &Text<'_>,
        policy: &Policy,
        binding: Option<&Binding>,
    ) -> Option<Option<Vec<u8>>> {
        let mut reading = Reading::into(self, policy, binding, None);
        let read =
            json.compact_members(policy.claim_names(), |index, next| reading.take(Claim::at(index)?, next));
        if read.is_some() {
            return reading.finish();
        }
        *self = Self::empty();
        self.fill_from_any(json, policy, binding)
    }

    #[inline(never)]
    fn fill_from_any(
        &mut self,
        json: &Text<'_>,
        policy: &Policy,
        binding: Option<&Binding>,
    ) -> Option<Option<Vec<u8>>> {
        let members = Object::read(json, policy.claim_names())?;
        // No part is longer than it is written.
        let parts = (!json.is_plain()).then(|| Vec::with_capacity(json.len()));
        let mut reading = Reading::into(self, policy, binding, parts);
        for (place, claim) in Claim::ALL.into_iter().enumerate() {
            if let Some(value) = members.value(place) {
                reading.take(claim, value)?;
            }
        }
        reading.finish()
    }
}

/// Claims that are being read.
struct Reading<'c, 'p> {
    claims: &'c mut Claims,
    policy: &'p Policy,
    binding: Option<&'p Binding>,
    kept: Kept,
    expires: bool,
}

impl<'c, 'p> Reading<'c, 'p> {
    fn into(
        claims: &'c mut Claims,
        policy: &'p Policy,
        binding: Option<&'p Binding>,
        parts: Option<Vec<u8>>,
    ) -> Self {
        claims.binding = binding_verdict(binding, None);
        claims.issuer_accepted = !policy.names_issuers();
        claims.audience_accepted = !policy.names_audiences();
        Self { claims, policy, binding, kept: Kept { parts }, expires: false }
    }

    /// Reads one claim; `None` where it is not as it has to be.
    #[expect(clippy::inline_always, reason = "a jump to what reads the claim, and no more")]
    #[inline(always)]
    fn take<'j>(&mut self, claim: Claim, value: impl Take<'j>) -> Option<()> {
        if value.is_null() {
            return Some(());
        }
        let Self { claims, policy, binding, kept, expires } = self;
        match claim {
            Claim::ExpiresAt | Claim::NotBefore | Claim::IssuedAt => {
                let date = NumericDate::new(value.number()?)?;
                match claim {
                    Claim::NotBefore => claims.not_before = Some(date),
                    Claim::IssuedAt => claims.issued_at = Some(date),
                    _ => (claims.expires_at, *expires) = (date, true),
                }
            }
            Claim::TokenId | Claim::User | Claim::Organization => {
                let id = Some(kept.id(value)?);
                match claim {
                    Claim::TokenId => claims.token_id = id,
                    Claim::User => claims.user = id,
                    _ => claims.organization = id,
                }
            }
            Claim::Issuer => {
                let issuer = value.string()?.bytes()?;
                claims.issuer_accepted = policy.accepts_issuer(&issuer);
                claims.binding = binding_verdict(*binding, Some(&issuer));
            }
            Claim::Audience => claims.audience_accepted = any_audience(value, policy)?,
            Claim::Permissions => kept.permissions(value, &mut claims.permissions)?,
        }
        Some(())
    }

    /// The text that the parts are to be found in, where it is not the decoded one; `None` without an expiry.
    fn finish(self) -> Option<Option<Vec<u8>>> {
        self.expires.then_some(self.kept.parts)
    }
}

/// Whether a token of this issuer may be verified by a key with this binding.
#[inline]
fn binding_verdict(binding: Option<&Binding>, issuer: Option<&[u8]>) -> BindingVerdict {
    match binding {
        Some(binding) if !binding.accepts_issuer(issuer) => BindingVerdict::OtherIssuer,
        _ => BindingVerdict::Met,
    }
}

/// Where parts of the claims are kept: on their own, or in the decoded text itself.
struct Kept {
    parts: Option<Vec<u8>>,
}

impl Kept {
    /// Where a string of at most 256 bytes without control characters is to be found.
    #[expect(clippy::inline_always, reason = "so that positions stay in registers")]
    #[inline(always)]
    fn id<'j>(&mut self, value: impl Take<'j>) -> Option<Span> {
        if self.parts.is_some() {
            return self.printable(&value.string()?);
        }
        let (start, end) = value.string_place()?;
        span(start, end.checked_sub(start)?)
    }

    #[inline(never)]
    fn printable(&mut self, string: &JsonString<'_>) -> Option<Span> {
        self.part(string, 0, &string.printable()?)
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
    #[expect(clippy::inline_always, reason = "the same")]
    #[inline(always)]
    fn permissions<'j>(&mut self, value: impl Take<'j>, permissions: &mut Spans) -> Option<()> {
        let mut push = |span: Span| {
            if permissions.len() == MAX_PERMISSIONS {
                return None;
            }
            permissions.push(span);
            Some(())
        };
        if value.is_array() {
            return match self.parts {
                Some(_) => value.strings(|string| push(self.printable(string)?)),
                None => value.string_places(|start, end| push(span(start, end.checked_sub(start)?)?)),
            };
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

/// Whether the policy names one of the audiences; a policy that names none accepts none, not even an empty list.
#[expect(clippy::inline_always, reason = "the same")]
#[inline(always)]
fn any_audience<'j>(value: impl Take<'j>, policy: &Policy) -> Option<bool> {
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
