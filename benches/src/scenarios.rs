//! All scenarios, defined once: the criterion bench, the table and the reports run the same ones.

mod before_signature;
mod cold;
mod growth;
mod threads;
mod warm;

pub use before_signature::before_signature;
pub use cold::{authorization, cold, forged, parts, signed_sha256};
pub use growth::{Dimension, Temperature, growth, misses};
pub use threads::two_threads;
pub use warm::{cached_tokens, random_draw, warm};
