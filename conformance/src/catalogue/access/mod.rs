//! What a valid token gives access to.

pub(super) mod identity;
pub(super) mod organization;
pub(super) mod permission;
pub(super) mod state;
