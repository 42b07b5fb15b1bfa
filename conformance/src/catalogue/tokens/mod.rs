//! The validity of a token: form, content, key, signature, time, environment, revocation.

pub(super) mod algorithm;
pub(super) mod environment;
pub(super) mod every_endpoint;
pub(super) mod key;
mod key_server;
pub(super) mod leeway;
pub(super) mod revocation;
pub(super) mod signature;
pub(super) mod time;
pub(super) mod token_content;
pub(super) mod token_form;
