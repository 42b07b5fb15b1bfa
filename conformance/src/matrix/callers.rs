//! The callers: who asks, and with which token.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::case::clause::{Clause, Level};
use crate::judge::Known;
use crate::profile::{Profile, TokenKind};
use crate::run::clock::Clock;
use crate::run::curl::word;
use crate::run::session::{Session, Shared, Stop};
use crate::run::suite::{RunError, Suite};
use crate::transport::{Transport, TransportOptions};

/// A kind of caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Caller {
    /// Without credentials.
    None,
    /// With text that is no token.
    Malformed,
    /// With a good token's claims under a signature of zeros.
    Forged,
    /// With an expired token.
    Expired,
    /// With a revoked token.
    Revoked,
    /// With a good token of another organization.
    OtherOrganization,
    /// With a good token that lacks the operation's permission.
    NoPermission,
    /// With a good token of a user who is not a member.
    NotAMember,
    /// With a good token: the control.
    Own,
}

impl Caller {
    /// Every caller, in the order of the columns.
    pub const ALL: [Self; 9] = [
        Self::None,
        Self::Malformed,
        Self::Forged,
        Self::Expired,
        Self::Revoked,
        Self::OtherOrganization,
        Self::NoPermission,
        Self::NotAMember,
        Self::Own,
    ];

    /// The word in reports and filters.
    pub fn key(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Malformed => "malformed",
            Self::Forged => "forged",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::OtherOrganization => "other_organization",
            Self::NoPermission => "no_permission",
            Self::NotAMember => "not_a_member",
            Self::Own => "own",
        }
    }

    /// What the profile needs for its token and does not have.
    pub fn lacking(self, profile: &Profile) -> Option<&'static str> {
        let named = |kind: TokenKind| profile.tokens.contains_key(&kind);
        let signing = profile.signing.as_ref();
        match self {
            Self::None | Self::Malformed => None,
            Self::Forged | Self::Own => {
                (!named(TokenKind::Valid) && signing.is_none()).then_some("tokens.valid or [signing]")
            }
            Self::Expired => {
                (!named(TokenKind::Expired) && signing.is_none()).then_some("tokens.expired or [signing]")
            }
            Self::Revoked => (!named(TokenKind::Revoked)).then_some("tokens.revoked"),
            Self::OtherOrganization => (!named(TokenKind::OtherOrganization)
                && signing.is_none_or(|signing| signing.other_organization.is_none()))
            .then_some("tokens.other_organization or signing.other_organization"),
            Self::NoPermission => (!named(TokenKind::NoPermission) && signing.is_none())
                .then_some("tokens.no_permission or [signing]"),
            Self::NotAMember => (!named(TokenKind::NotAMember)).then_some("tokens.not_a_member"),
        }
    }

    /// The clauses that its cells test.
    pub fn clauses(self) -> &'static [Clause] {
        match self {
            Self::None => &[Clause::Hdr2, Clause::Pub2],
            Self::Malformed => &[Clause::Tok1, Clause::Pub2],
            Self::Forged => &[Clause::Tok8, Clause::Pub2],
            Self::Expired => &[Clause::Tok3, Clause::Pub2],
            Self::Revoked => &[Clause::Tok5, Clause::Pub2],
            Self::OtherOrganization => &[Clause::Org1, Clause::Org4],
            Self::NoPermission => &[Clause::Perm1],
            Self::NotAMember => &[Clause::Org3],
            Self::Own => &[Clause::Org4],
        }
    }
}

/// Which permissions the token of a `no_permission` cell lacks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lack {
    /// Nothing: the caller's usual token.
    Nothing,
    /// All permissions.
    All,
    /// These; it has all others of `signing.permissions`.
    These(Vec<String>),
    /// Whatever `tokens.no_permission` lacks.
    Named,
}

/// What `artos-conformance token` calls the token of a cell.
pub(crate) fn token_name(caller: Caller, lack: &Lack) -> String {
    let mut name = format!("matrix/{}", caller.key());
    if let Lack::These(names) = lack {
        names.iter().for_each(|lacking| name += &format!(" --without {}", word(lacking)));
    }
    name
}

/// The token of a caller, without these permissions if there are any; `None` for a caller without one.
///
/// # Errors
///
/// If the profile cannot provide the token.
pub fn token_of(profile: Profile, caller: Caller, without: &[String]) -> Result<Option<String>, RunError> {
    let needs = |what: &str| RunError::Usage(format!("matrix/{} needs {what}", caller.key()));
    if let Some(lacking) = caller.lacking(&profile) {
        return Err(needs(lacking));
    }
    if !without.is_empty() && profile.signing.is_none() {
        return Err(needs("[signing] for --without"));
    }
    let lack = match (caller, without) {
        (Caller::NoPermission, []) if profile.signing.is_some() => Lack::All,
        (Caller::NoPermission, []) => Lack::Named,
        (Caller::NoPermission, these) => Lack::These(these.to_vec()),
        (_, []) => Lack::Nothing,
        (other, _) => {
            let other = other.key();
            return Err(RunError::Usage(format!(
                "--without is for matrix/no_permission, not matrix/{other}"
            )));
        }
    };
    let transport = Transport::new(profile.target.clone(), TransportOptions::default())
        .map_err(|error| RunError::Usage(error.to_string()))?;
    let shared = Suite::new(profile).shared(transport, Clock::default(), Known::default(), 0);
    make(&Arc::new(shared), caller, &lack).map_err(|stop| RunError::Usage(words(&stop)))
}

/// The tokens of a run, or what is missing for them. Each is made once.
#[derive(Default)]
pub(crate) struct Tokens {
    made: BTreeMap<(Caller, Lack), Result<Option<String>, String>>,
}

impl Tokens {
    /// The token of a caller; `None` for a caller without one.
    pub(crate) fn get(
        &mut self,
        shared: &Arc<Shared>,
        caller: Caller,
        lack: &Lack,
    ) -> Result<Option<String>, String> {
        let made = self
            .made
            .entry((caller, lack.clone()))
            .or_insert_with(|| make(shared, caller, lack).map_err(|stop| words(&stop)));
        made.clone()
    }
}

fn make(shared: &Arc<Shared>, caller: Caller, lack: &Lack) -> Result<Option<String>, Stop> {
    let session = Session::new(Arc::clone(shared), format!("matrix/{}", caller.key()), Level::Must, &[]);
    let token = match (caller, lack) {
        (Caller::None, _) => return Ok(None),
        (Caller::Malformed, _) => return Ok(Some("not-a-token".into())),
        (Caller::Forged, _) => session.forged()?,
        (Caller::Expired, _) => session.expired()?,
        (Caller::Revoked, _) => session.revoked()?,
        (Caller::OtherOrganization, _) => session.other_organization()?,
        (Caller::NotAMember, _) => session.only_named(TokenKind::NotAMember)?,
        (Caller::Own, _) => session.valid()?,
        (Caller::NoPermission, Lack::All) => permitted(&session, &[])?,
        (Caller::NoPermission, Lack::These(these)) => {
            let all = shared.profile.signing.as_ref().map(|signing| signing.permissions.clone());
            let left: Vec<String> =
                all.unwrap_or_default().into_iter().filter(|name| !these.contains(name)).collect();
            permitted(&session, &left)?
        }
        (Caller::NoPermission, Lack::Nothing | Lack::Named) => session.no_permission()?,
    };
    Ok(Some(token.text()))
}

/// A good token with exactly these permissions.
fn permitted(session: &Session, permissions: &[String]) -> Result<crate::token::Compact, Stop> {
    let claim = session.permissions_claim()?;
    Ok(session.mint()?.claim(&claim, &Value::from(permissions).to_string()).sign(&session.key()?))
}

pub(crate) fn words(stop: &Stop) -> String {
    match stop {
        Stop::Skip(why) | Stop::Busy(why) | Stop::Dead(why) => why.clone(),
    }
}
