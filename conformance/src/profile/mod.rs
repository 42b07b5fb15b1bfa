//! The profile: the tested deployment, its endpoints, and its tokens or key.

mod document;
mod error;
mod matrix;
mod revocation;
mod target;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

pub use error::ProfileError;
pub use matrix::{Matrix, MatrixValue, OwnedValue};
pub use revocation::{Argument, InstanceAddress, Placeholder, Revocation};
pub use target::Target;

use crate::secret::Secret;
use crate::token::{Compact, SigningKey};

/// A validated profile: its tokens and key are loaded.
#[derive(Clone, Debug)]
pub struct Profile {
    /// The file that it was read from.
    pub path: std::path::PathBuf,
    /// The deployment's base URL.
    pub target: Target,
    /// Whether cases that send POST, PUT, PATCH or DELETE may run.
    pub allow_writes: bool,
    /// The endpoints.
    pub endpoints: Endpoints,
    /// The available tokens.
    pub tokens: BTreeMap<TokenKind, NamedToken>,
    /// The key that the deployment trusts, and the claims that it signs.
    pub signing: Option<Signing>,
    /// How a token is revoked, for `artos-conformance revocation`.
    pub revocation: Option<Revocation>,
    /// The settings of `artos-conformance matrix`.
    pub matrix: Matrix,
}

impl Profile {
    /// Reads a profile from its file. `target` overrides the file's.
    ///
    /// # Errors
    ///
    /// If the file, or a file or environment variable that it names, cannot be read or is not valid; the error names
    /// file, line and key.
    pub fn load(path: &Path, target: Option<&str>) -> Result<Self, ProfileError> {
        document::read(&Self::text(path)?, path, target)
    }

    /// Reads a profile for its tokens alone. It is complete without a target, which `--target` gives to a run.
    ///
    /// # Errors
    ///
    /// As [`Profile::load`].
    pub fn load_for_tokens(path: &Path) -> Result<Self, ProfileError> {
        let text = Self::text(path)?;
        let names_target = text.parse::<toml::Table>().is_ok_and(|table| table.contains_key("target"));
        // Nothing is sent there.
        document::read(&text, path, (!names_target).then_some("http://127.0.0.1:9"))
    }

    fn text(path: &Path) -> Result<String, ProfileError> {
        std::fs::read_to_string(path)
            .map_err(|error| ProfileError::file(path, format!("cannot be read: {error}")))
    }

    /// Reads a profile from text; relative paths in it are relative to `directory`.
    ///
    /// # Errors
    ///
    /// As [`Profile::load`].
    pub fn parse(text: &str, directory: &Path) -> Result<Self, ProfileError> {
        document::read(text, &directory.join("profile"), None)
    }
}

/// The endpoints of a profile.
#[derive(Clone, Debug)]
pub struct Endpoints {
    /// The one public endpoint.
    pub public: Endpoint,
    /// Any caller with a valid token may GET it.
    pub protected: Endpoint,
    /// A resource that belongs to an organization.
    pub owned: Option<Owned>,
    /// An operation that requires a permission.
    pub permission: Option<Permission>,
}

/// A method and a request-target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The method; `GET` by default.
    pub method: String,
    /// The path, with a leading `/`.
    pub path: String,
}

/// A resource that belongs to an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owned {
    /// Its method and path.
    pub endpoint: Endpoint,
    /// Its owner.
    pub organization: String,
}

/// An operation that requires a permission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// The operation.
    pub endpoint: Endpoint,
    /// The required permission.
    pub permission: String,
    /// The JSON body of the operation; by default `{}` for a method that writes.
    pub body: Option<String>,
}

/// The kinds of token that a profile can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TokenKind {
    /// Valid, of `endpoints.owned`'s organization, with `endpoints.permission`'s permission.
    Valid,
    /// Valid, of another organization.
    OtherOrganization,
    /// Past its expiry.
    Expired,
    /// Revoked.
    Revoked,
    /// Valid, without an organization.
    NoOrganization,
    /// Of another environment.
    OtherEnvironment,
    /// Valid, without `endpoints.permission`'s permission.
    NoPermission,
    /// Of a user who is not a member of the organization.
    NotAMember,
    /// Of a user whose account is not configured.
    NotConfigured,
    /// Of an organization that does not authenticate at this host.
    OtherRealm,
}

impl TokenKind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Valid,
        Self::OtherOrganization,
        Self::Expired,
        Self::Revoked,
        Self::NoOrganization,
        Self::OtherEnvironment,
        Self::NoPermission,
        Self::NotAMember,
        Self::NotConfigured,
        Self::OtherRealm,
    ];

    /// The profile's key for it, in `[tokens]`.
    pub fn key(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::OtherOrganization => "other_organization",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::NoOrganization => "no_organization",
            Self::OtherEnvironment => "other_environment",
            Self::NoPermission => "no_permission",
            Self::NotAMember => "not_a_member",
            Self::NotConfigured => "not_configured",
            Self::OtherRealm => "other_realm",
        }
    }
}

impl fmt::Display for TokenKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tokens.{}", self.key())
    }
}

/// A token in the profile.
#[derive(Clone, Debug)]
pub struct NamedToken {
    /// The token as read, without surrounding white space.
    pub text: Secret,
    /// The same, split into its three segments.
    pub compact: Compact,
}

/// The key that the deployment trusts, and the claims that it signs.
#[derive(Clone, Debug)]
pub struct Signing {
    /// The private key or the shared secret.
    pub key: SigningKey,
    /// The organization of valid tokens.
    pub organization: String,
    /// Another organization of the deployment, if there is one.
    pub other_organization: Option<String>,
    /// The user of valid tokens.
    pub user: String,
    /// The issuer that the deployment requires.
    pub issuer: Option<String>,
    /// The audience that the deployment requires.
    pub audience: Option<String>,
    /// The names of the claims.
    pub claims: ClaimNames,
    /// The permissions of valid tokens.
    pub permissions: Vec<String>,
}

/// The names of the claims in the deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimNames {
    /// The user's id: `sub`.
    pub user: String,
    /// The organization's id: `org_id`.
    pub organization: String,
    /// The permissions: `permissions`.
    pub permissions: String,
}

impl Default for ClaimNames {
    fn default() -> Self {
        Self { user: "sub".into(), organization: "org_id".into(), permissions: "permissions".into() }
    }
}
