//! A tower layer in front of a service: requests without an acceptable token get the documented 401 or 403, and
//! handlers get a [`Caller`].
//!
//! ```
//! use artos_auth_engine::ResourceOrg;
//! use artos_auth_tower::{AuthLayer, Caller, Denied, testing::Issuer};
//! use axum::{Router, extract::Path, routing::get};
//!
//! async fn read(Path(id): Path<String>, caller: Caller) -> Result<String, Denied> {
//!     // Only your database knows the owner.
//!     let owner = if id == "doc-a" { ResourceOrg::Owned("org-a".into()) } else { ResourceOrg::Unresolved };
//!     let principal = caller.authorize(owner)?;
//!     Ok(format!("{id}, for {}", principal.user_id()))
//! }
//!
//! # let engine = Issuer::new().engine();
//! let app: Router = Router::new().route("/api/v1/documents/{id}", get(read)).layer(AuthLayer::new(engine));
//! ```
//!
//! # Two ways to say who owns a resource
//!
//! * **After authentication**, as above: the handler asks its database and calls [`Caller::authorize`]. A handler
//!   that lists needs no second step: it filters by [`Caller::org_id`](artos_auth_engine::Caller::org_id).
//! * **From the request alone**: [`AuthLayer::with_owner`] decides in one step, and handlers may extract a
//!   [`Principal`].
//!
//! A handler that forgets the second step has no [`Principal`]; only [`Caller::authorize`] returns one.
//!
//! # Answers of the layer itself
//!
//! | status | when |
//! |---|---|
//! | 401 | the token is missing, malformed, expired, revoked or foreign |
//! | 403 | no owner could change the answer: no organization, no user, an ambiguous path, a missing permission of a route rule |
//! | 503 | the clock shows a time before 2025 |
//!
//! Bodies and header fields are the documented ones. A gRPC request (`content-type: application/grpc`) gets the same
//! status without a body, and `grpc-status` 16, 7 or 14. Every other response is the inner service's own.
//!
//! # Where to put it
//!
//! Around the whole router (`Router::layer`), so that no route is forgotten. The layer decides on the path that
//! the client sent: behind axum's `nest` the layer reads axum's `OriginalUri`.
//!
//! # Examples
//!
//! `examples/axum.rs` and `examples/tonic.rs` are services over HTTP and over gRPC that ask SQLite who owns a document.
//!
//! # Features
//!
//! * `axum` (default): [`Caller`] and [`Principal`] are extractors, and [`Denied`] is a response.
//! * `testing`: `testing::Issuer` signs tokens for the tests of your service.

mod body;
mod caller;
#[cfg(feature = "axum")]
mod extract;
mod layer;
mod response;
#[cfg(feature = "testing")]
pub mod testing;

pub use body::ResponseBody;
pub use caller::{Caller, Principal};
pub use layer::{AuthLayer, AuthService, EngineHandle};
pub use response::Denied;
