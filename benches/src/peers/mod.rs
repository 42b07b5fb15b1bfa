//! What others do with the same token, each configured as its own documentation says.
//!
//! Every token library verifies the signature, `exp`, `iss` and `aud`, and gives the claims in a struct: less
//! than the engine checks. Their keys are prepared once; none is asked to look one up by `kid` unless it does
//! so on its own. The policy engines do the half of the work that the token libraries leave out.

mod cedar;
mod jsonwebtoken;
mod jsonwebtoken_9;
mod jwt_simple;
mod oxitoken;
mod regorus;

pub use cedar::{Asked, Cedar};
pub use jsonwebtoken::JsonWebToken;
pub use jsonwebtoken_9::JsonWebToken9;
pub use jwt_simple::JwtSimple;
pub use oxitoken::OxiToken;
pub use regorus::Regorus;

/// The claims, as a service would have them deserialized.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Claims {
    /// The user.
    pub sub: String,
    /// The organization.
    pub org_id: String,
    /// What the user may do.
    pub permissions: Vec<String>,
    /// The issuer.
    pub iss: String,
    /// The audience.
    pub aud: String,
    /// The token's own id.
    pub jti: String,
    /// When it was issued.
    pub iat: u64,
    /// When it expires.
    pub exp: u64,
}
