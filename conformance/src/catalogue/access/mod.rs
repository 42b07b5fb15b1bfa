//! What a valid token grants access to.

pub(super) mod identity;
pub(super) mod organization;
pub(super) mod permission;
pub(super) mod state;
