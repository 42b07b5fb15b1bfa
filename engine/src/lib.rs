//! Decides whether a request of a multi-tenant API may go ahead, by the bearer JWT that it carries.
//!
//! [`Engine::decide`] is a pure function. Its input is a request (method, path, `Authorization` lines), a context (what
//! only your service knows: who owns the resource, whether the user is a member) and a time. Its result is an allow, a
//! 401 or a 403. It reads no clock, file, socket, environment variable, random source or global, never panics, and never
//! returns or prints a token.
//!
//! ```
//! use artos_auth_engine::{Context, Decision, Engine, KeySet, Policy, Request, Revocations, UnixTime};
//!
//! let keys = KeySet::from_jwks(br#"{"kty": "oct", "k": "dGhpcyBpcyBhIGRvY3VtZW50YXRpb24ta2V5LCBub3QgYSByZWFsIG9uZQ"}"#)?;
//! let engine = Engine::new(Policy::builder().build()?, keys, Revocations::none());
//!
//! let request = Request::new("GET", "/api/v1/templates/", &[b"Bearer not.a.token"]);
//! match engine.decide(&request, &Context::unowned(), UnixTime::from_seconds(1_700_000_000)) {
//!     Decision::Allow(access) => println!("go ahead: {access:?}"),
//!     Decision::Deny(denial) => assert_eq!((denial.status(), denial.reason().code()), (401, "token_malformed")),
//! }
//! # Ok::<(), artos_auth_engine::LoadError>(())
//! ```
//!
//! # Embedding it
//!
//! * A [`Policy`] says which tokens are acceptable, which paths are public and which permissions routes need. A
//!   [`KeySet`] is read from a JWK Set, [`Revocations`] from a JSON file. Each is validated once, when it is loaded:
//!   [`LoadError`] names the problem, its place and the fix.
//! * An [`Engine`] holds one of each as an immutable snapshot. Replacing one ([`Engine::with_revocations`],
//!   [`Engine::with_policy_and_keys`]) makes a new engine and is cheap. Keep the current engine in an `ArcSwap` or a
//!   `RwLock`.
//! * A [`Context`] says what only your service knows, above all the organization that owns the resource. There is no
//!   default: a service that forgets the owner does not compile. [`Resources`] finds the owner by path.
//! * A service that looks up the owner in its database decides in two steps: [`Engine::authenticate`] returns a
//!   [`Caller`], and [`Caller::authorize`] a [`Principal`]. Both are owned and cheap to clone.
//! * A [`Decision`] is an [`Access`] or a [`Denial`]. A [`Principal`] carries the organization to filter every
//!   query by, and the fields for an audit trail. A denial carries status, body and challenge for the caller, and
//!   a [`Reason`] for your log.
//! * [`UnixTime::from_system`] is `None` if the clock is not set. Answer 503 then.
//! * [`Engine::with_cache`] caches verified tokens, so that each signature is verified once. A cache changes no decision:
//!   time, revocations, realm, account, organization and permissions are checked on every call.
//! * [`Engine::explain`] reports a decision check by check, for a support ticket.
//!
//! `examples/axum.rs` is an axum service that looks up the owner in SQLite after authentication, and reloads its engine
//! in an `ArcSwap` while it serves.
//!
//! # The rest of the manual
//!
//! * [`manual::clauses`]: the contract, clause by clause, and the order of the checks.
//! * [`manual::defaults`]: why the defaults are what they are.
//! * [`manual::vulnerabilities`]: the known JWT vulnerabilities, and what prevents each.
//!
//! # Not supported
//!
//! The engine does not fetch keys (pass it the JWK Set), decrypt JWE, introspect opaque tokens, or issue tokens.
//!
//! # Features
//!
//! Choose exactly one crypto backend. Both accept the same keys and the same signatures.
//!
//! * `aws-lc` (default): AWS-LC through aws-lc-rs; the faster one.
//! * `rust-crypto`: pure Rust, for targets that AWS-LC does not support, such as `wasm32-unknown-unknown`
//!   (`default-features = false, features = ["rust-crypto"]`).

#![deny(missing_docs, unreachable_pub)]
// Purity is enforced by lints: `clippy.toml` next to the manifest lists what a pure function may not call.
#![deny(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::exit,
    clippy::print_stderr,
    clippy::print_stdout
)]
// The same holds for the absence of panics and of results that depend on the order of a hash table.
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::iter_over_hash_type,
        clippy::panic,
        clippy::string_slice,
        clippy::unreachable,
        clippy::unwrap_used
    )
)]
#![deny(clippy::allow_attributes, clippy::allow_attributes_without_reason)]

#[cfg(all(feature = "aws-lc", feature = "rust-crypto"))]
compile_error!(
    "choose one crypto backend: `aws-lc` is on by default; `rust-crypto` needs `default-features = false`"
);
#[cfg(not(any(feature = "aws-lc", feature = "rust-crypto")))]
compile_error!("choose a crypto backend: the feature `aws-lc` (default) or `rust-crypto`");

mod advice;
mod algorithm;
mod authorization;
mod cache;
mod caller;
mod cause;
mod checks;
mod claims;
mod context;
mod decision;
mod engine;
mod error;
mod explain;
mod identity;
mod ids;
mod json;
mod keys;
pub mod manual;
mod path;
mod policy;
mod reason;
mod request;
mod resources;
mod revocations;
mod simd;
mod time;
mod token;
mod verified;
mod warning;

pub use algorithm::Algorithm;
pub use cache::{CacheBytes, HashKey};
pub use caller::{Admission, Caller};
pub use cause::Cause;
pub use context::{Account, Context, Organizations, ResourceOrg, TenantScope};
pub use decision::{Access, Audit, Decision, Denial, Principal, PrincipalRef};
pub use engine::Engine;
pub use error::{LoadError, Position};
pub use explain::{Check, Explanation, Step, StepResult};
pub use identity::Identity;
pub use keys::{KeySet, KeySetBuilder};
pub use path::{Ambiguity, Pattern, PatternError};
pub use policy::{
    BoundTokens, ClaimNamesSpec, ClaimSpec, Policy, PolicyBuilder, PolicySpec, PublicPath, PublicSpec,
    RequiredSpec, RequiredValue, RouteSpec, TokenBytes, Unlisted,
};
pub use reason::{Answer, Reason};
pub use request::Request;
pub use resources::{ResourceSpec, Resources};
pub use revocations::Revocations;
pub use time::{NumericDate, UnixTime};
pub use warning::Warning;

/// Runs the example of the README as a test of this crate.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
