//! Tests any deployment of the documented API from outside and says which clause it breaks.
//!
//! What a deployment must answer is written down in this crate's own catalogue: it shares no code with the
//! engine that this project also offers, and is a second opinion on it.

pub mod baseline;
pub mod case;
pub mod catalogue;
pub mod clause;
pub mod cli;
mod clock;
pub mod compare;
mod curl;
pub mod filter;
pub mod judge;
pub mod need;
mod pace;
mod preflight;
pub mod profile;
pub mod report;
pub mod secret;
pub mod session;
pub mod suite;
pub mod token;
pub mod transport;

pub use baseline::Baseline;
pub use clause::{Clause, Level};
pub use filter::Filter;
pub use profile::Profile;
pub use report::Report;
pub use suite::{RunError, Suite};
pub use transport::TransportOptions;

/// What every request says of itself.
pub const USER_AGENT: &str =
    concat!("artos-conformance/", env!("CARGO_PKG_VERSION"), " (authentication conformance checker)");
