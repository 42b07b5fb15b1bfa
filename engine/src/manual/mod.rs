//! The contract of the engine, the reasons for its defaults, and the attacks that it defends against.

#[doc = include_str!("clauses.md")]
pub mod clauses {}

#[doc = include_str!("defaults.md")]
pub mod defaults {}

#[doc = include_str!("vulnerabilities.md")]
pub mod vulnerabilities {}
