//! The state of a deployment between requests. The responses of a correct deployment do not depend on it.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::claims::Caller;
use crate::message::Answer;

/// The number of concurrent requests from which on a fault mixes them up.
const CROWD: usize = 3;
/// How long a request waits for others, and how long several wait for enough: concurrent requests arrive at different
/// times on a busy machine, and would otherwise trigger the fault only sometimes.
const ALONE: Duration = Duration::from_millis(60);
const IN_COMPANY: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(5);

/// The state shared by all connections.
#[derive(Default)]
pub(crate) struct Memory {
    inner: Mutex<Shared>,
    /// Requests so far.
    pub(crate) requests: AtomicUsize,
    /// Requests in progress.
    in_flight: AtomicUsize,
    /// There were enough concurrent requests since the last idle moment.
    crowded: AtomicBool,
    /// The revoked token at hand, byte for byte.
    pub(crate) revoked: Vec<u8>,
}

/// The mutable shared state.
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

    /// A request starts.
    pub(crate) fn enter(&self) {
        if self.in_flight.fetch_add(1, Ordering::SeqCst) + 1 >= CROWD {
            self.crowded.store(true, Ordering::SeqCst);
        }
    }

    /// A request has finished.
    pub(crate) fn leave(&self) {
        if self.in_flight.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.crowded.store(false, Ordering::SeqCst);
        }
    }

    /// Whether enough requests are or were concurrent.
    pub(crate) fn is_crowded(&self) -> bool {
        self.crowded.load(Ordering::SeqCst)
    }

    /// Waits until enough requests are concurrent, or no other has arrived for a while.
    pub(crate) async fn wait_for_crowd(&self) {
        let crowd = || async {
            while !self.is_crowded() {
                sleep(LOOK).await;
            }
        };
        let came = timeout(ALONE, crowd()).await;
        if came.is_err() && self.in_flight.load(Ordering::SeqCst) > 1 {
            let _ = timeout(IN_COMPANY, crowd()).await;
        }
    }

    pub(crate) fn shared(&self) -> MutexGuard<'_, Shared> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The state of one connection.
#[derive(Default)]
pub(crate) struct Connection(Mutex<History>);

/// The callers on a connection.
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
