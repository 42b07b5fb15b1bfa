//! The `Authorization` field, and places where tokens are not allowed.

pub(super) mod header;
pub(super) mod header_elsewhere;
pub(super) mod header_repeated;
