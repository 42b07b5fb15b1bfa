//! Parses the claims. A claim that a rule needs must have the right type and must not be duplicate.

use smallvec::SmallVec;

use super::flaw::{ClaimFlaw, ClaimProblem};
use super::model::{Acceptance, BindingVerdict, Claims, Mismatch, RequiredVerdict};
use super::span::{Span, Spans};
use crate::ids::{MAX_ID_BYTES, MAX_PERMISSIONS};
use crate::json::{Document, JsonString, JsonType, ReadValue, Value};
use crate::keys::Binding;
use crate::policy::{Claim, ClaimTree, Leaf, Policy, ReadAs};
use crate::time::NumericDate;

impl Claims {
    /// Fills empty claims in place from the decoded text; `null` counts as absent.
    ///
    /// `binding` is the binding of the key that verified the claims.
    ///
    /// Returns the text that the spans refer to, unless it is the decoded text itself, as in most tokens. For a text with
    /// escapes or non-ASCII characters it is a new text of the unescaped parts.
    pub(crate) fn read(
        &mut self,
        decoded: &[u8],
        policy: &Policy,
        binding: Option<&Binding>,
    ) -> Result<Option<Vec<u8>>, ClaimFlaw> {
        let parts = self.fill(&Document::new(decoded), policy, binding)?;
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
        json: &Document<'_>,
        policy: &Policy,
        binding: Option<&Binding>,
    ) -> Result<Option<Vec<u8>>, ClaimFlaw> {
        if let Some(names) = policy.claim_names().as_flat() {
            let mut reading = Reading::into(self, policy, binding, None);
            let read = json.compact_members(names, |index, next| reading.take(Claim::at(index)?, next));
            if read.is_some() && reading.expires {
                return Ok(None);
            }
        }
        *self = Self::empty();
        self.fill_from_any(json, policy, binding)
    }

    /// The slow path, which accepts every text and reports what is wrong.
    #[inline(never)]
    fn fill_from_any(
        &mut self,
        json: &Document<'_>,
        policy: &Policy,
        binding: Option<&Binding>,
    ) -> Result<Option<Vec<u8>>, ClaimFlaw> {
        let names = policy.claim_names();
        let found = find(json, names.tree())?;
        // Unescaping never makes a part longer.
        let parts = (!json.is_plain()).then(|| Vec::with_capacity(json.len()));
        let mut reading = Reading::into(self, policy, binding, parts);
        let mut expiry = 0;
        for Leaf { node, read_as } in names.tree().leaves() {
            let member = found.get(*node).copied().unwrap_or(Member::Absent);
            let claim = match read_as {
                ReadAs::Required(index) => {
                    reading.require(*index, member);
                    continue;
                }
                ReadAs::Claim(claim) => *claim,
            };
            if claim == Claim::ExpiresAt {
                expiry = *node;
            }
            let value = match member {
                Member::Absent => continue,
                Member::Duplicate => return Err(ClaimFlaw::of(*node, ClaimProblem::Duplicate)),
                Member::Value(value) => value,
            };
            if reading.take(claim, value).is_none() {
                return Err(ClaimFlaw::of(*node, ClaimProblem::with(claim, value)));
            }
        }
        if !reading.expires {
            return Err(ClaimFlaw::of(expiry, ClaimProblem::Missing));
        }
        Ok(reading.kept.parts)
    }
}

/// What was found for a member.
#[derive(Clone, Copy)]
enum Member<'t, 'j> {
    Absent,
    Duplicate,
    Value(Value<'t, 'j>),
}

/// The members of a tree, by their nodes.
type Members<'t, 'j> = SmallVec<[Member<'t, 'j>; 16]>;

/// Finds the members of a tree in the claims. A step that is absent or `null` has no members.
fn find<'t, 'j>(json: &'t Document<'j>, tree: &ClaimTree) -> Result<Members<'t, 'j>, ClaimFlaw> {
    let mut found: Members<'_, '_> = SmallVec::from_elem(Member::Absent, tree.len());
    let no_object = ClaimFlaw::of(0, ClaimProblem::NoObject);
    json.members(|name, value| note(&mut found, tree, 0, name, value)).ok_or(no_object)?;
    // Every node comes after its parent, so one pass finds all members.
    for node in 1..tree.len() {
        if !tree.leads_on(node) {
            continue;
        }
        match found.get(node).copied() {
            Some(Member::Duplicate) => return Err(ClaimFlaw::of(node, ClaimProblem::Duplicate)),
            Some(Member::Value(value)) => match value.json_type() {
                JsonType::Null => {}
                JsonType::Object => {
                    let _ = value.members(|name, value| note(&mut found, tree, node, name, value));
                }
                other => return Err(ClaimFlaw::of(node, ClaimProblem::NotAnObject(other))),
            },
            Some(Member::Absent) | None => {}
        }
    }
    Ok(found)
}

/// Records a member of the object at this node, if the tree has it.
fn note<'t, 'j>(
    found: &mut Members<'t, 'j>,
    tree: &ClaimTree,
    node: usize,
    name: &[u8],
    value: Value<'t, 'j>,
) {
    if let Some(place) = tree.member(node, name).and_then(|member| found.get_mut(member)) {
        *place = match place {
            Member::Absent => Member::Value(value),
            Member::Value(_) | Member::Duplicate => Member::Duplicate,
        };
    }
}

/// Claims during parsing.
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
        claims.issuer = Acceptance::unread(policy.names_issuers());
        claims.audience = Acceptance::unread(policy.names_audiences());
        Self { claims, policy, binding, kept: Kept { parts }, expires: false }
    }

    /// Reads one claim; `None` if it is malformed.
    #[expect(clippy::inline_always, reason = "a jump to what reads the claim, and no more")]
    #[inline(always)]
    fn take<'j>(&mut self, claim: Claim, value: impl ReadValue<'j>) -> Option<()> {
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
                claims.issuer =
                    if policy.accepts_issuer(&issuer) { Acceptance::Accepted } else { Acceptance::Other };
                claims.binding = binding_verdict(*binding, Some(&issuer));
            }
            Claim::Audience => {
                claims.audience = match any_audience(value, policy)? {
                    true => Acceptance::Accepted,
                    false if policy.names_audiences() => Acceptance::Other,
                    false => Acceptance::Unexpected,
                };
            }
            Claim::Confirmation => {
                value.skip()?;
                claims.is_bound = true;
            }
            Claim::Permissions => kept.permissions(value, &mut claims.permissions)?,
        }
        Some(())
    }

    /// Compares a required claim with the accepted values. The first failure is kept.
    fn require(&mut self, index: usize, member: Member<'_, '_>) {
        let found = match member {
            Member::Absent => Mismatch::Missing,
            Member::Duplicate => Mismatch::Duplicate,
            Member::Value(value) => match value.json_type() {
                JsonType::Null => Mismatch::Missing,
                other => {
                    let required = self.policy.claim_names().required().get(index);
                    if required.is_some_and(|required| required.is_met_by(value)) {
                        return;
                    }
                    Mismatch::Value(other)
                }
            },
        };
        if self.claims.required == RequiredVerdict::Met {
            let index = u16::try_from(index).unwrap_or(u16::MAX);
            self.claims.required = RequiredVerdict::NotMet { index, found };
        }
    }
}

/// Whether a token of this issuer may be verified by a key with this binding.
#[inline]
fn binding_verdict(binding: Option<&Binding>, issuer: Option<&[u8]>) -> BindingVerdict {
    match binding {
        Some(binding) if !binding.accepts_issuer(issuer) => match issuer {
            Some(_) => BindingVerdict::OtherIssuer,
            None => BindingVerdict::MissingIssuer,
        },
        _ => BindingVerdict::Met,
    }
}

/// Stores parts of the claims: as copies in a new text, or as spans of the decoded text.
struct Kept {
    parts: Option<Vec<u8>>,
}

impl Kept {
    /// The span of a string; `None` if it has more than 256 bytes or a control character.
    #[expect(clippy::inline_always, reason = "so that positions stay in registers")]
    #[inline(always)]
    fn id<'j>(&mut self, value: impl ReadValue<'j>) -> Option<Span> {
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

    /// The span of the part of a string that begins at `offset`.
    #[inline(never)]
    fn part(&mut self, string: &JsonString<'_>, offset: usize, part: &[u8]) -> Option<Span> {
        let Some(parts) = &mut self.parts else {
            return span(string.start().checked_add(offset)?, part.len());
        };
        let start = parts.len();
        parts.extend_from_slice(part);
        span(start, part.len())
    }

    /// An array of permissions, or one string with single spaces between them; an empty string is an empty list.
    #[expect(clippy::inline_always, reason = "the same")]
    #[inline(always)]
    fn permissions<'j>(&mut self, value: impl ReadValue<'j>, permissions: &mut Spans) -> Option<()> {
        let mut push = |span: Span| {
            if permissions.len() == MAX_PERMISSIONS || span.is_empty() {
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

/// A part of a text, if it is no longer than an id may be.
#[inline]
fn span(start: usize, length: usize) -> Option<Span> {
    if length > MAX_ID_BYTES { None } else { Span::new(start, length) }
}

/// Whether the policy names one of the audiences. A policy without audiences accepts no `aud`, not even an empty list.
#[expect(clippy::inline_always, reason = "the same")]
#[inline(always)]
fn any_audience<'j>(value: impl ReadValue<'j>, policy: &Policy) -> Option<bool> {
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
