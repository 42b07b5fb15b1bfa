//! Tests any deployment of the documented API from outside and reports which clauses it breaks.
//!
//! The catalogue of this crate defines the required responses of a deployment. It shares no code with the engine of the
//! same project, so it also serves as a second opinion on the engine.
//!
//! A Rust service can run the suite in its own tests with [`Profile`] and [`Suite`], and read the [`Report`].

#[doc(hidden)]
pub mod case;
#[doc(hidden)]
pub mod catalogue;
#[doc(hidden)]
pub mod cli;
#[doc(hidden)]
pub mod judge;
#[doc(hidden)]
pub mod matrix;
#[doc(hidden)]
pub mod profile;
pub mod report;
#[doc(hidden)]
pub mod revocation;
#[doc(hidden)]
pub mod run;
#[doc(hidden)]
pub mod secret;
#[doc(hidden)]
pub mod token;
#[doc(hidden)]
pub mod transport;

pub use case::clause::{Clause, Level};
pub use case::filter::Filter;
pub use profile::{Profile, ProfileError};
pub use report::Report;
pub use report::baseline::Baseline;
pub use run::suite::{Progress, RunError, Suite};
pub use transport::TransportOptions;

/// The `User-Agent` of every request.
pub(crate) const USER_AGENT: &str =
    concat!("artos-conformance/", env!("CARGO_PKG_VERSION"), " (authentication conformance checker)");
