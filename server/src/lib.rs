//! `artos-auth`: the operator's command line and the hyper server around `artos-auth-engine`.
//!
//! The binary is a thin shell around this library, which tests and embedders use too.

pub mod config;
pub mod serve;
pub mod signing;
