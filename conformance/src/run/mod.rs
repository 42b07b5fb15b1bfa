//! A run of the suite: preflight, sessions, pace, and the report that comes of it.

pub(crate) mod clock;
mod curl;
mod execute;
mod pace;
mod preflight;
pub mod session;
pub mod suite;
