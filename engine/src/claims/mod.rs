//! The claims (RFC 7519 §4): parsing and the parsed form.

mod flaw;
mod model;
mod read;
mod span;

pub(crate) use flaw::{ClaimFlaw, ClaimProblem};
pub(crate) use model::{Acceptance, BindingVerdict, Claims, Mismatch, RequiredVerdict, TextClaims, text};
