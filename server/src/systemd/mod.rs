//! What systemd and a service have to do with each other: passed sockets, and messages about the service's state.
//! Without its environment variables, nothing here does anything.

pub(crate) mod notify;
pub(crate) mod sockets;
