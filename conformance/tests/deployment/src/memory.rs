//! What a deployment remembers from one request to the next. One that keeps the contract remembers
//! nothing that its answers depend on.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::AtomicUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::claims::Caller;
use crate::message::Answer;

/// What all connections share.
#[derive(Default)]
pub(crate) struct Memory {
    inner: Mutex<Shared>,
    /// Requests so far.
    pub(crate) requests: AtomicUsize,
    /// Requests that are being judged now.
    pub(crate) in_flight: AtomicUsize,
    /// The revoked token at hand, byte for byte.
    pub(crate) revoked: Vec<u8>,
}

/// What is shared and changes.
#[derive(Default)]
pub(crate) struct Shared {
    pub(crate) last_caller: Option<Caller>,
    pub(crate) responses: HashMap<String, Answer>,
    pub(crate) attempts: HashMap<Vec<u8>, usize>,
    pub(crate) signatures: HashSet<Vec<u8>>,
    pub(crate) claims: HashSet<Vec<u8>>,
    pub(crate) prefixes: HashMap<Vec<u8>, Caller>,
}

impl Memory {
    pub(crate) fn of_revoked(token: &str) -> Memory {
        Memory { revoked: token.as_bytes().to_vec(), ..Memory::default() }
    }

    pub(crate) fn shared(&self) -> MutexGuard<'_, Shared> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What belongs to one connection.
#[derive(Default)]
pub(crate) struct Connection(Mutex<History>);

/// Who has been on a connection.
#[derive(Default)]
pub(crate) struct History {
    pub(crate) first_caller: Option<Caller>,
    pub(crate) refused: bool,
    /// The first request was for the public endpoint.
    pub(crate) began_in_public: Option<bool>,
}

impl Connection {
    pub(crate) fn history(&self) -> MutexGuard<'_, History> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
