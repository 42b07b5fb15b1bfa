//! `artos-auth`: the operator's command line and the hyper server around `artos-auth-engine`.
//!
//! The binary is a thin shell around this library, which tests and embedders use too:
//!
//! * [`config`]: the configuration file and what it names, as validated values
//! * [`serve`]: the server
//! * [`cli`]: the command line; each command has a module of its own
//! * [`decide`]: a stream of requests as lines of JSON, a stream of decisions
//! * [`signing`]: private keys as JWKs, and tokens signed with them
//! * [`keys`]: files that hold private keys

mod check;
pub mod cli;
pub mod config;
pub mod decide;
mod explain;
pub mod keys;
pub mod serve;
pub mod signing;
mod text;
mod token;
