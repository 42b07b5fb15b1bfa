//! Decides whether a request of a multi-tenant API may go ahead, by the bearer JWT that it carries.
//!
//! [`Engine::decide`] is a pure function from a request (method, path, `Authorization` lines), a context (what
//! only your service knows: whose resource it is, whether the user is a member) and a time to an allow, a 401
//! or a 403. It reads no clock, file, socket, environment variable, random source or global; it never panics;
//! and nothing that it returns or prints shows a token.
//!
//! ```
//! use artos_auth_engine::{Context, Decision, Engine, KeySet, Policy, PolicySpec, Request, Revocations};
//!
//! let keys = KeySet::from_jwks(br#"{"kty": "oct", "k": "dGhpcyBpcyBhIGRvY3VtZW50YXRpb24ta2V5LCBub3QgYSByZWFsIG9uZQ"}"#)?;
//! let engine = Engine::new(Policy::new(&PolicySpec::default())?, keys, Revocations::none());
//!
//! let request = Request::new("GET", "/api/v1/templates/", &[b"Bearer not.a.token"]);
//! match engine.decide(&request, &Context::default(), 1_700_000_000) {
//!     Decision::Allow(access) => println!("go ahead: {access:?}"),
//!     Decision::Deny(denial) => assert_eq!((denial.status(), denial.reason().code()), (401, "token_malformed")),
//! }
//! # Ok::<(), artos_auth_engine::LoadError>(())
//! ```

mod algorithm;
mod cache;
mod claims;
mod decide;
mod decision;
mod error;
mod explain;
mod header;
mod jose;
mod json;
mod keys;
mod path;
mod policy;
mod reason;
mod request;
mod resources;
mod revocations;
mod time;
mod token;

pub use algorithm::Algorithm;
pub use claims::NumericDate;
pub use decide::Engine;
pub use decision::{Access, Audit, Decision, Denial, Principal};
pub use error::{LoadError, Position};
pub use explain::{Check, Explanation, Step, Verdict};
pub use keys::{KeyNotice, KeySet};
pub use path::{Ambiguity, Pattern, PatternError};
pub use policy::{ClaimNamesSpec, Policy, PolicySpec, PublicPath, PublicSpec, RouteSpec, Unlisted};
pub use reason::{Answer, Reason};
pub use request::{Account, Context, Organizations, Realm, Request, ResourceOrg};
pub use resources::{ResourceSpec, Resources};
pub use revocations::Revocations;
