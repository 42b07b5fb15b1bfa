//! HTTP/1.1 and HTTP/2: ports, connections, requests and responses.

pub(crate) mod connection;
pub(crate) mod forward;
mod identity;
pub(crate) mod listener;
mod on_wake;
mod outbox;
pub(crate) mod peer;
pub(crate) mod request;
pub(crate) mod response;
mod stream;
