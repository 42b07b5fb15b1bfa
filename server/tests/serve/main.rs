//! The server over real sockets, and over memory.

mod http1;
mod http2;
mod limits;
mod support;
