//! HTTP/1.1 and HTTP/2: ports, connections, requests and responses.

pub(crate) mod body;
pub(crate) mod connection;
pub(crate) mod ext_authz;
pub(crate) mod forward;
pub(crate) mod grpc;
mod identity;
pub(crate) mod listener;
mod on_wake;
mod outbox;
pub(crate) mod peer;
pub(crate) mod port;
pub(crate) mod request;
pub(crate) mod response;
mod socket_file;
mod stream;
pub(crate) mod tls;
