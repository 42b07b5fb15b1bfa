//! `token`: mints tokens for tests and operators, and shows the content of tokens.

mod inspect;
mod mint;
mod offset;

pub(crate) use inspect::inspect;
pub(crate) use mint::{MintArgs, mint};
use offset::Offset;
