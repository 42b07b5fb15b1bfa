//! What a case of the catalogue is: its words, what it needs, and the procedure that tests it.

use std::fmt;

use crate::clause::{Clause, Level};

/// One thing that a deployment has to do, and how to find out whether it does.
#[derive(Clone, Copy)]
pub struct Case {
    /// The module that holds it: the first half of its id.
    pub group: &'static str,
    /// Its name in that module, words parted by `_`: the second half of its id.
    pub name: &'static str,
    /// What it is about, in a few words.
    pub title: &'static str,
    /// The clauses that it tests, the most telling first.
    pub clauses: &'static [Clause],
    /// How binding it is.
    pub level: Level,
    /// "Sends …".
    pub sends: &'static str,
    /// "The deployment must …".
    pub requirement: &'static str,
    /// The sentence that the requirement rests on.
    pub source: Quotation,
    /// What the profile has to offer.
    pub needs: &'static [Need],
    /// The answers that are right.
    pub accept: &'static [Accept],
    /// At most so many requests, control requests after a failure aside.
    pub requests: u32,
    /// Only HTTP/1.1 can carry what it sends.
    pub http1_only: bool,
}

/// A sentence of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quotation {
    /// Where it stands.
    pub document: &'static str,
    /// The sentence.
    pub text: &'static str,
}

/// Something that a case needs from the profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Need {
    /// A good token: `tokens.valid`, or a signing key.
    Valid,
    /// A good token of another organization.
    OtherOrganization,
    /// A token well past its expiry.
    Expired,
    /// A token that was revoked.
    Revoked,
    /// A good token without an organization.
    NoOrganization,
    /// A token of another environment.
    OtherEnvironment,
    /// A good token without the permission that `endpoints.permission` needs.
    NoPermission,
    /// A token of a user who is no member of the organization.
    NotAMember,
    /// A token of a user whose account is not configured.
    NotConfigured,
    /// A token of an organization that does not authenticate at this host.
    OtherRealm,
    /// A signing key.
    Key,
    /// A signing key that has a public half.
    AsymmetricKey,
    /// A signing key that is a shared secret.
    SecretKey,
    /// An elliptic-curve signing key.
    EllipticKey,
    /// A signing key, and the issuer that the deployment wants.
    Issuer,
    /// A signing key, and the audience that the deployment wants.
    Audience,
    /// A signing key, and no audience: the deployment names none.
    NoAudience,
    /// `endpoints.owned`.
    Owned,
    /// `endpoints.permission`.
    Permission,
    /// `allow_writes = true`.
    Writes,
}

/// An answer that is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Accept {
    /// 2xx.
    Success,
    /// Anything but 401, 403 and 5xx.
    LetThrough,
    /// 401 with `Not authenticated`.
    NotAuthenticated,
    /// 401 with `Invalid authentication credentials`.
    InvalidCredentials,
    /// 403 with `User has no organization or not authorized`.
    Forbidden,
    /// 404 without the content of the resource.
    Hidden,
    /// Anything that opens nothing: neither 2xx nor 5xx.
    Closed,
    /// Whatever these words say; the case's own procedure judges it.
    Other(&'static str),
}

impl fmt::Display for Accept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Success => "2xx",
            Self::LetThrough => "an answer other than 401, 403 and 5xx",
            Self::NotAuthenticated => "401 `Not authenticated`",
            Self::InvalidCredentials => "401 `Invalid authentication credentials`",
            Self::Forbidden => "403 `User has no organization or not authorized`",
            Self::Hidden => "404 without the resource",
            Self::Closed => "an answer that opens nothing",
            Self::Other(words) => words,
        })
    }
}

impl Case {
    /// `group/name` in kebab-case.
    pub fn id(&self) -> String {
        format!("{}/{}", self.group, self.name).replace('_', "-")
    }

    /// The acceptable answers in words.
    pub fn expected(&self) -> String {
        let words: Vec<String> = self.accept.iter().map(ToString::to_string).collect();
        words.join(" or ")
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case").field("id", &self.id()).field("level", &self.level).finish_non_exhaustive()
    }
}
