//! A small deployment of the documented API, written for the tests of the conformance checker.
//!
//! It follows the contract strictly, with its own JWT handling and HTTP/1.1 parser and without the engine's code, so
//! that checker, engine and deployment are three independent implementations of the contract. One of its [`Fault`]s,
//! which a checker must find, or one of its valid [`Variation`]s, which a checker must accept, can be enabled.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! use artos_auth_deployment::{Behavior, Deployment, Fault};
//!
//! let deployment = Deployment::start(Behavior::with_fault(Fault::CritIgnored)).await?;
//! assert!(deployment.url().starts_with("http://127.0.0.1:"));
//! # Ok(())
//! # }
//! ```

mod answer;
mod authority;
mod authorize;
mod bearer;
mod claims;
mod clock;
mod connection;
mod environment;
mod fault;
mod guard;
mod http2;
mod jose;
mod json;
mod judge;
mod keys;
mod memory;
mod message;
mod narrowed;
mod path;
mod profile;
mod reason;
mod refusal;
mod variation;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

pub use authority::{
    AUDIENCE, Algorithm, AtHand, Authority, FOREIGN_ORG, HALF_USER, ISSUER, LEFT_USER, ORG, OTHER_ORG,
    PERMISSION, authority,
};
pub use clock::seconds;
pub use fault::{Fault, Level};
pub use path::{GENERATE, OTHER_OWNED, OWNED, PROTECTED, PUBLIC};
pub use profile::Power;
pub use variation::Variation;

use judge::Judge;
use memory::Memory;

/// How a deployment behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behavior {
    /// Its fault.
    pub fault: Option<Fault>,
    /// Its variation.
    pub variation: Option<Variation>,
    /// The algorithm of the tokens at hand, and of the key in a profile. Keys of all of them verify.
    pub algorithm: Algorithm,
}

impl Behavior {
    /// Follows the contract strictly.
    #[must_use]
    pub fn correct() -> Behavior {
        Behavior { fault: None, variation: None, algorithm: Algorithm::Es256 }
    }

    /// Follows the contract, except for one fault.
    #[must_use]
    pub fn with_fault(fault: Fault) -> Behavior {
        Behavior { fault: Some(fault), ..Behavior::correct() }
    }

    /// Follows the contract, with a variation.
    #[must_use]
    pub fn with_variation(variation: Variation) -> Behavior {
        Behavior { variation: Some(variation), ..Behavior::correct() }
    }

    /// The same with tokens of another algorithm.
    #[must_use]
    pub fn signing_with(self, algorithm: Algorithm) -> Behavior {
        Behavior { algorithm, ..self }
    }
}

/// The state shared by the connections of a deployment.
pub(crate) struct Site {
    pub(crate) behavior: Behavior,
    pub(crate) memory: Memory,
}

impl Site {
    pub(crate) fn judge(&self) -> Judge<'_> {
        Judge { behavior: self.behavior, memory: &self.memory }
    }
}

/// A deployment that listens on a free port of the loopback address until it is dropped.
pub struct Deployment {
    address: SocketAddr,
    site: Arc<Site>,
    tokens: Vec<(AtHand, String)>,
    listening: JoinHandle<()>,
}

impl Deployment {
    /// Starts one on the current tokio runtime.
    ///
    /// # Errors
    ///
    /// If no port can be bound.
    pub async fn start(behavior: Behavior) -> io::Result<Deployment> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let unnamed = behavior.variation == Some(Variation::EnvironmentUnnamed)
            || behavior.fault == Some(Fault::UnnamedAudienceAccepted);
        let token = |which| authority().at_hand(which, behavior.algorithm, !unnamed);
        let tokens: Vec<(AtHand, String)> =
            AtHand::ALL.into_iter().map(|which| (which, token(which))).collect();
        let revoked =
            tokens.iter().find(|(which, _)| *which == AtHand::Revoked).map(|(_, token)| token.as_str());
        let site = Arc::new(Site { behavior, memory: Memory::of_revoked(revoked.unwrap_or_default()) });
        let listening = tokio::spawn(listen(listener, site.clone()));
        Ok(Deployment { address, site, tokens, listening })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same as a URL without a path.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How it behaves.
    #[must_use]
    pub fn behavior(&self) -> Behavior {
        self.site.behavior
    }

    /// One of its tokens at hand.
    #[must_use]
    pub fn token(&self, which: AtHand) -> &str {
        self.tokens.iter().find(|(at_hand, _)| *at_hand == which).map_or("", |(_, token)| token)
    }
}

impl Drop for Deployment {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// Accepts connections; they end with this task.
async fn listen(listener: TcpListener, site: Arc<Site>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    connections.spawn(connection::serve(stream, site.clone()));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}
