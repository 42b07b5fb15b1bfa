//! Decides whether a request of a multi-tenant API may go ahead, by the bearer JWT that it carries.
//!
//! [`Engine::decide`] is a pure function from a request (method, path, `Authorization` lines), a context (what
//! only your service knows: whose resource it is, whether the user is a member) and a time to an allow, a 401
//! or a 403. It reads no clock, file, socket, environment variable, random source or global; it never panics;
//! and nothing that it returns or prints shows a token.
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
//! * A [`Policy`] says what makes a token acceptable, what is public and which permissions routes need; a
//!   [`KeySet`] is read from a JWK Set; [`Revocations`] from their own small file. Each is validated when it is
//!   made ([`LoadError`] says what is wrong, where, and what would be right) and never fails afterwards.
//! * An [`Engine`] holds one of each as an immutable snapshot. Swapping one ([`Engine::with_revocations`],
//!   [`Engine::with_policy_and_keys`]) makes another engine and costs next to nothing; keep the current one in an
//!   `ArcSwap`, a `RwLock` or whatever your service uses.
//! * A [`Context`] says what only your service knows, above all the organization that owns the resource. There is no
//!   default: a service that forgets the owner does not compile. [`Resources`] finds it by the path.
//! * A service that asks its database for the owner decides in two steps: [`Engine::authenticate`] gives a [`Caller`],
//!   [`Caller::authorize`] a [`Principal`]. Both are owned and cheap to clone.
//! * A [`Decision`] is an [`Access`] or a [`Denial`]. A [`Principal`] carries the organization to filter every
//!   query by, and what an audit trail needs. A denial carries status, body and challenge for the caller, and
//!   a [`Reason`] for your log.
//! * [`UnixTime::from_system`] is `None` for a clock that is not set. Answer 503 then.
//! * [`Engine::with_cache`] keeps verified tokens, so that a signature is verified once. The decision is the
//!   same: time, revocations, realm, account, organization and permissions are checked on every call.
//! * [`Engine::explain`] reports a decision check by check, for a support ticket.
//!
//! `examples/axum.rs` is a service on axum that asks SQLite for the owner after authentication, and reloads its engine
//! behind an `ArcSwap` while it serves.
//!
//! # The rest of the manual
//!
//! * [`manual::clauses`]: the contract, clause by clause, and the order of the checks.
//! * [`manual::defaults`]: why the defaults are what they are.
//! * [`manual::vulnerabilities`]: the known JWT vulnerabilities, and what we do about each.
//!
//! # What it does not do
//!
//! It fetches no keys (give it the JWK Set), decrypts no JWE, introspects no opaque token, and issues nothing.
//!
//! # Features
//!
//! Exactly one crypto backend has to be chosen. Both accept the same keys and the same signatures.
//!
//! * `aws-lc` (default): AWS-LC, by aws-lc-rs; the fast one.
//! * `rust-crypto`: pure Rust, for targets that AWS-LC does not support, such as `wasm32-unknown-unknown`
//!   (`default-features = false, features = ["rust-crypto"]`).

#![deny(missing_docs, unreachable_pub)]
// Purity is a lint, not a promise: `clippy.toml` beside the manifest says what a pure function may not call.
#![deny(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::exit,
    clippy::print_stderr,
    clippy::print_stdout
)]
// So is freedom from panics, and from answers that hang on the order of a hash table.
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
pub use explain::{Check, Explanation, Step, Verdict};
pub use identity::Identity;
pub use keys::{KeyNotice, KeySet, KeySetBuilder};
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

/// README's example is a test of this crate.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
