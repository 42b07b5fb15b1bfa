//! The cost of a decision, next to floors and peers.
//!
//! [`scenarios`] defines every scenario once, as groups of implementations that do the same work on the same
//! bytes, each asserting its answer on every call. The criterion bench, the table and the allocation report
//! all draw on it.

pub mod comparison;
pub mod floor;
pub mod load;
pub mod machine;
pub mod measure;
#[cfg(feature = "peers")]
pub mod peers;
pub mod process;
pub mod report;
#[cfg(feature = "peers")]
pub mod scenarios;
pub mod tokens;
pub mod world;
