//! Tests any deployment of the documented API from outside and says which clause it breaks.
//!
//! What a deployment must answer is written down in this crate's own catalogue: it shares no code with the
//! engine that this project also offers, and is a second opinion on it.

pub mod case;
pub mod clause;
pub mod report;
