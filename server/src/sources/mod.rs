//! Where keys, policy and revocations come from.

pub(crate) mod file;
pub(crate) mod reload;
