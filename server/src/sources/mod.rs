//! Sources of policy, keys, revocations and certificates.
//!
//! A source turns external input into validated values on its own thread or task, so that a blocked source delays
//! neither other sources nor decisions nor shutdown. Each source has a deadline, a size limit and a last good value,
//! which stays in use while the source fails.
//!
//! To add a source:
//!
//! * get a [`status::Status`] from the [`status::Reporter`]: report its state only with `loaded`,
//!   `works` and `fails`, which write a log line for each change, a metric, and an entry of `/readyz`;
//! * a file is followed by [`follow::follow`], which reads it when it is whole and hands its bytes to a function that
//!   validates them and puts them in use; anything else runs its own task, and ends when the value that its start returns
//!   is dropped;
//! * put the validated value in use through the [`publisher::Publisher`], which swaps the snapshot whole.
//!
//! [`configuration`] is the source that names the others: it starts them, keeps those that a reload leaves unchanged,
//! and stops those that were removed.

pub(crate) mod configuration;
pub(crate) mod follow;
mod loading;
pub(crate) mod publisher;
pub(crate) mod remote;
mod restart;
mod revocations;
pub(crate) mod status;
pub(crate) mod tls;
pub(crate) mod watch;
