//! HTTP/1.1 and HTTP/2: ports, connections, requests and responses.

pub(crate) mod body;
pub(crate) mod connection;
mod date;
pub(crate) mod ext_authz;
pub(crate) mod forward;
mod frames;
pub(crate) mod grpc;
pub(crate) mod handler;
mod http1;
mod http2;
mod identity;
pub(crate) mod listener;
pub(crate) mod peer;
mod poll_when_woken;
pub(crate) mod port;
pub(crate) mod request;
pub(crate) mod response;
mod serving;
mod socket_file;
mod stopping;
mod stream;
pub(crate) mod tls;
