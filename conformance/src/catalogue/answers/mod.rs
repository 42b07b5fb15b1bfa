//! What responses say and do not say.

pub(super) mod challenge;
pub(super) mod silence;
pub(super) mod uniformity;
