//! The interfaces between systemd and a service: passed sockets, and messages about the state of the service.
//! Without systemd's environment variables, neither has an effect.

pub(crate) mod notify;
pub(crate) mod sockets;
