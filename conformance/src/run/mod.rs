//! A run of the suite: preflight, sessions, pace, and the resulting report.

pub(crate) mod clock;
pub(crate) mod curl;
pub(crate) mod execute;
mod pace;
mod preflight;
pub mod session;
pub mod suite;
