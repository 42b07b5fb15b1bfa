//! Requests that need no token, and requests that do although they resemble them.

pub(super) mod beyond_public;
pub(super) mod beyond_public_status;
pub(super) mod bypass;
pub(super) mod look_alike;
pub(super) mod look_alike_content;
pub(super) mod method;
pub(super) mod other_documents;
pub(super) mod public;
pub(super) mod rewrite;
pub(super) mod spellings;
