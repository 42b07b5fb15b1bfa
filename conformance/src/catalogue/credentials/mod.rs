//! The `Authorization` field, and the places where a token does not belong.

pub(super) mod header;
pub(super) mod header_elsewhere;
pub(super) mod header_repeated;
