//! The policy: what makes a token acceptable, what is public, what needs which permission.

mod builder;
mod claim_names;
mod public_paths;
mod routes;
mod spec;
mod validated;

pub use builder::{PolicyBuilder, TokenBytes};
pub(crate) use claim_names::Claim;
pub use public_paths::PublicPath;
pub use spec::{ClaimNamesSpec, PolicySpec, PublicSpec, RouteSpec, Unlisted};
pub use validated::Policy;
