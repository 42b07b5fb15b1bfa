//! The policy: which tokens are acceptable, which paths are public, and which permissions routes need.

mod builder;
mod claim_names;
mod claim_spec;
mod claim_tree;
mod public_paths;
mod required;
mod routes;
mod spec;
mod validated;
mod warnings;

pub use builder::{PolicyBuilder, TokenBytes};
pub(crate) use claim_names::Claim;
pub use claim_spec::{ClaimSpec, RequiredSpec, RequiredValue};
pub(crate) use claim_tree::{ClaimTree, Leaf, ReadAs};
pub use public_paths::PublicPath;
pub use spec::{BoundTokens, ClaimNamesSpec, PolicySpec, PublicSpec, RouteSpec, Unlisted};
pub use validated::Policy;
