//! The key set: the keys that may verify a token, each under one algorithm (TOK-8, ROT-1).

#[cfg(feature = "aws-lc")]
mod aws_lc;
mod builder;
mod header_table;
mod jwk;
mod key;
mod key_set;
mod public_key;
#[cfg(all(feature = "rust-crypto", not(feature = "aws-lc")))]
mod rust_crypto;
mod verifier;

#[cfg(feature = "aws-lc")]
use aws_lc as backend;
#[cfg(all(feature = "rust-crypto", not(feature = "aws-lc")))]
use rust_crypto as backend;

pub(crate) use backend::sha256;
pub use builder::KeySetBuilder;
pub(crate) use key::Binding;
pub use key_set::KeySet;
