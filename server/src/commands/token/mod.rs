//! `token`: tokens made for tests and operators, and a look into any of them.

mod inspect;
mod mint;
mod offset;

pub(crate) use inspect::inspect;
pub(crate) use mint::{MintArgs, mint};
use offset::Offset;
