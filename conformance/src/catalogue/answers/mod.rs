//! The content of responses, and what they must not reveal.

pub(super) mod challenge;
pub(super) mod silence;
pub(super) mod uniformity;
