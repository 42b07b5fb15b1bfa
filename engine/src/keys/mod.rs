//! The key set: which key may verify a token, and under which algorithm (TOK-8, ROT-1).

mod builder;
mod header_table;
mod jwk;
mod key;
mod key_set;
mod verifier;

pub use builder::KeySetBuilder;
pub use jwk::KeyNotice;
pub(crate) use key::Binding;
pub use key_set::KeySet;
