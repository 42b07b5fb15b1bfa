//! The claims (RFC 7519 §4): their form, and what is kept of them.

mod model;
mod read;
mod span;

pub(crate) use model::{BindingVerdict, Claims, TextClaims, text};
