//! The claims that are read and their names: those of RFC 7519 §4.1 and RFC 7800, the three that a policy can name, and
//! the required ones.

use super::claim_spec::ClaimSpec;
use super::claim_tree::{ClaimTree, ReadAs};
use super::required::Required;
use super::spec::{BoundTokens, PolicySpec};
use crate::error::LoadError;
use crate::json::Names;

/// A claim that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    ExpiresAt,
    NotBefore,
    IssuedAt,
    TokenId,
    Issuer,
    Audience,
    Confirmation,
    User,
    Organization,
    Permissions,
}

impl Claim {
    pub(crate) const COUNT: usize = 10;

    /// All claims, in the order of their names.
    const ALL: [Self; Self::COUNT] = [
        Self::ExpiresAt,
        Self::NotBefore,
        Self::IssuedAt,
        Self::TokenId,
        Self::Issuer,
        Self::Audience,
        Self::Confirmation,
        Self::User,
        Self::Organization,
        Self::Permissions,
    ];

    /// The claim with this index among the names.
    pub(crate) fn at(place: usize) -> Option<Self> {
        Self::ALL.get(place).copied()
    }
}

/// Claims whose names are registered, in the order of [`Claim::ALL`].
const REGISTERED: [(&str, Claim); 7] = [
    ("exp", Claim::ExpiresAt),
    ("nbf", Claim::NotBefore),
    ("iat", Claim::IssuedAt),
    ("jti", Claim::TokenId),
    ("iss", Claim::Issuer),
    ("aud", Claim::Audience),
    ("cnf", Claim::Confirmation),
];

/// The claim names of a policy, validated so that no name has two meanings.
#[derive(Clone, Debug)]
pub(crate) struct ClaimNames {
    /// The names in the order of [`Claim`], if each claim is one member of the claims object and no other is required, as
    /// in most policies. Such claims can be read in one pass.
    flat: Option<Names<{ Claim::COUNT }>>,
    tree: ClaimTree,
    required: Vec<Required>,
    /// The policy's names of user, organization and permissions, for people.
    user: Box<str>,
    organization: Box<str>,
    /// The paths of the permission claims, for people.
    permissions: Vec<Box<str>>,
}

impl ClaimNames {
    pub(super) fn new(spec: &PolicySpec) -> Result<Self, LoadError> {
        let mut tree = ClaimTree::default();
        for (name, claim) in REGISTERED {
            // If bound tokens are accepted, no rule reads `cnf`, but its name stays reserved.
            let is_read = claim != Claim::Confirmation || spec.bound_tokens == BoundTokens::Refuse;
            tree.reserve(name, is_read.then_some(ReadAs::Claim(claim)));
        }
        let claims = &spec.claims;
        let named = [
            ("user", &claims.user, Claim::User),
            ("organization", &claims.organization, Claim::Organization),
            ("permissions", &claims.permissions, Claim::Permissions),
        ];
        for (key, claim_spec, claim) in named {
            let key = format!("claims.{key}");
            if claim != Claim::Permissions && matches!(claim_spec, ClaimSpec::Several(_)) {
                let problem =
                    "expected one claim: a name or an array of names; only `permissions` can have several";
                return Err(LoadError::new(key, problem));
            }
            if claim_spec.paths().is_empty() {
                return Err(LoadError::new(
                    key,
                    "an empty list names no claim; leave it out for the default",
                ));
            }
            for path in claim_spec.paths() {
                tree.add(path, &key, ReadAs::Claim(claim))
                    .map_err(|problem| LoadError::new(&*key, problem))?;
            }
        }
        let mut required = Vec::new();
        for (index, (name, accepted)) in spec.required.iter().enumerate() {
            let error = |problem: String| {
                let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
                let key = if !name.is_empty() && name.chars().all(is_bare) {
                    format!("required.{name}")
                } else {
                    "required".to_owned()
                };
                LoadError::new(key, problem)
            };
            tree.add(std::slice::from_ref(name), "required", ReadAs::Required(index)).map_err(error)?;
            required.push(Required::new(name, accepted).map_err(|problem| error(problem.to_owned()))?);
        }
        let flat = Self::flat(spec).filter(|_| required.is_empty());
        let shown = |claim: &ClaimSpec| claim.to_string().into();
        Ok(Self {
            flat,
            tree,
            required,
            user: shown(&claims.user),
            organization: shown(&claims.organization),
            permissions: claims.permissions.paths().iter().map(|path| path.join(".").into()).collect(),
        })
    }

    /// The names, where each claim is a member of the claims object.
    fn flat(spec: &PolicySpec) -> Option<Names<{ Claim::COUNT }>> {
        let member = |claim: &ClaimSpec| match claim.paths() {
            [path] => match path.as_slice() {
                [name] => Some(name.as_str().into()),
                _ => None,
            },
            _ => None,
        };
        if spec.bound_tokens == BoundTokens::Accept {
            return None;
        }
        let [expires_at, not_before, issued_at, token_id, issuer, audience, confirmation] =
            REGISTERED.map(|(name, _)| name.into());
        let claims = &spec.claims;
        Some(Names::new([
            expires_at,
            not_before,
            issued_at,
            token_id,
            issuer,
            audience,
            confirmation,
            member(&claims.user)?,
            member(&claims.organization)?,
            member(&claims.permissions)?,
        ]))
    }

    /// The names in the order of [`Claim`], if all claims can be read in one pass.
    #[inline]
    pub(crate) fn as_flat(&self) -> Option<&Names<{ Claim::COUNT }>> {
        self.flat.as_ref()
    }

    pub(crate) fn tree(&self) -> &ClaimTree {
        &self.tree
    }

    /// The required claims, in the order of their indexes.
    pub(crate) fn required(&self) -> &[Required] {
        &self.required
    }

    /// The policy's name of the user claim.
    pub(crate) fn user(&self) -> &str {
        &self.user
    }

    /// The policy's name of the organization claim.
    pub(crate) fn organization(&self) -> &str {
        &self.organization
    }

    /// The paths of the permission claims.
    pub(crate) fn permissions(&self) -> &[Box<str>] {
        &self.permissions
    }
}
