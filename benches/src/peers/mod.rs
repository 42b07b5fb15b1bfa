//! Other implementations on the same token, each configured according to its documentation.
//!
//! Every token library verifies the signature, `exp`, `iss` and `aud`, and gives the claims in a struct: less
//! than the engine checks. Their keys are prepared once; none looks a key up by `kid` unless it does
//! so on its own. The policy engines do the half of the work that the token libraries leave out.

mod cedar;
mod json;
mod jsonwebtoken;
mod jsonwebtoken_9;
mod jwt_simple;
mod mac;
mod oxitoken;
mod regorus;

pub use cedar::{Cedar, Operation};
pub use json::{SimdJson, serde_json_reads, sonic_rs_reads};
pub use jsonwebtoken::JsonWebToken;
pub use jsonwebtoken_9::JsonWebToken9;
pub use jwt_simple::JwtSimple;
pub use mac::{Ring, RustCrypto};
pub use oxitoken::OxiToken;
pub use regorus::Regorus;

/// The claims, as a service would have them deserialized.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Claims {
    /// The user.
    pub sub: String,
    /// The organization.
    pub org_id: String,
    /// The user's permissions.
    pub permissions: Vec<String>,
    /// The issuer.
    pub iss: String,
    /// The audience.
    pub aud: String,
    /// The token's id.
    pub jti: String,
    /// When it was issued.
    pub iat: u64,
    /// When it expires.
    pub exp: u64,
}

/// The same, borrowed from the claims where they contain no escapes, for speed.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct BorrowedClaims<'c> {
    /// The user.
    pub sub: &'c str,
    /// The organization.
    pub org_id: &'c str,
    /// The user's permissions.
    #[serde(borrow)]
    pub permissions: Vec<&'c str>,
    /// The issuer.
    pub iss: &'c str,
    /// The audience.
    pub aud: &'c str,
    /// The token's id.
    pub jti: &'c str,
    /// When it was issued.
    pub iat: u64,
    /// When it expires.
    pub exp: u64,
}
