//! The token except its claims: compact serialization, JOSE header, and validity period.

mod compact_jws;
mod jose_header;
mod validity;

pub(crate) use compact_jws::{HeaderSegment, Scratch, SizedToken, Token, TokenFlaw, signing_input};
pub(crate) use jose_header::{HeaderFlaw, JoseHeader};
pub(crate) use validity::{already_valid, describe_expiry, not_expired};
