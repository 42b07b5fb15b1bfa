//! How the engine came to be as it is: what it decides, why its defaults are what they are, and which known
//! attacks it was built against.

#[doc = include_str!("clauses.md")]
pub mod clauses {}

#[doc = include_str!("defaults.md")]
pub mod defaults {}

#[doc = include_str!("vulnerabilities.md")]
pub mod vulnerabilities {}
