//! A case of the catalogue: its texts, what it needs, and the procedure that tests it.

pub mod clause;
pub mod filter;
pub mod need;

use std::collections::BTreeSet;
use std::fmt;
use std::future::Future;
use std::pin::Pin;

use crate::case::clause::{Clause, Level};
use crate::case::need::Need;
pub use crate::judge::Accept;
use crate::judge::Finding;
use crate::run::session::{Session, Stop};
use crate::transport::Request;

/// One requirement for a deployment, and how to test it.
#[derive(Clone, Copy)]
pub struct Case {
    /// The module that contains it: the first half of its id.
    pub group: &'static str,
    /// Its name in that module, with words separated by `_`: the second half of its id.
    pub name: &'static str,
    /// A title of a few words.
    pub title: &'static str,
    /// The clauses that it tests, the most relevant first.
    pub clauses: &'static [Clause],
    /// How binding it is.
    pub level: Level,
    /// "Sends …".
    pub sends: &'static str,
    /// "The deployment must …".
    pub requirement: &'static str,
    /// The sentence of a document on which the requirement is based.
    pub source: Quotation,
    /// What the profile must provide.
    pub needs: &'static [Need],
    /// The acceptable responses.
    pub accept: &'static [Accept],
    /// Maximum number of its own requests, not counting control requests after a failure.
    pub requests: u32,
    /// Exchanges that it shares with other cases, by name: each is sent once in a run.
    pub shares: &'static [Shared],
    /// The request can only be sent over HTTP/1.1.
    pub http1_only: bool,
    /// The test itself.
    pub run: Procedure,
}

/// An exchange that several cases evaluate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Shared {
    /// Its name; cases that share it send the same request.
    pub name: &'static str,
    /// The number of its requests.
    pub requests: u32,
}

/// Maximum number of requests of these cases, counting each shared exchange once.
pub fn requests<'a>(cases: impl IntoIterator<Item = &'a Case>) -> u32 {
    let mut shared: BTreeSet<&Shared> = BTreeSet::new();
    let mut own = 0;
    for case in cases {
        own += case.requests;
        shared.extend(case.shares);
    }
    own + shared.iter().map(|shared| shared.requests).sum::<u32>()
}

/// How a case is tested.
#[derive(Clone, Copy)]
pub enum Procedure {
    /// One request, whose response must be one of those that the case accepts.
    Probe(fn(&Session) -> Result<Request, Stop>),
    /// Several requests, which the procedure sends and evaluates itself.
    Run(Run),
}

/// A procedure of several requests.
pub type Run =
    for<'a> fn(&'a mut Session) -> Pin<Box<dyn Future<Output = Result<Finding, Stop>> + Send + 'a>>;

/// A sentence of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quotation {
    /// Where it is found.
    pub document: &'static str,
    /// The sentence.
    pub text: &'static str,
}

impl Case {
    /// `group/name` in kebab-case.
    pub fn id(&self) -> String {
        format!("{}/{}", self.group, self.name).replace('_', "-")
    }

    /// The acceptable responses in words.
    pub fn expected(&self) -> String {
        let words: Vec<String> = self.accept.iter().map(ToString::to_string).collect();
        words.join(" or ")
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case").field("id", &self.id()).field("level", &self.level).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CASE: Case = Case {
        group: "token_form",
        name: "two_segments_only",
        title: "",
        clauses: &[],
        level: Level::Must,
        sends: "",
        requirement: "",
        source: Quotation { document: "", text: "" },
        needs: &[],
        accept: &[Accept::InvalidCredentials, Accept::Closed],
        requests: 3,
        shares: &[Shared { name: "refusals", requests: 5 }],
        http1_only: false,
        run: Procedure::Probe(|_| Ok(Request::new("GET", "/"))),
    };

    #[test]
    fn a_shared_exchange_is_counted_once() {
        let other = Case {
            requests: 4,
            shares: &[Shared { name: "refusals", requests: 5 }, Shared { name: "clock", requests: 1 }],
            ..CASE
        };
        assert_eq!(requests(&[]), 0);
        assert_eq!(requests(&[CASE]), 8);
        assert_eq!(requests(&[CASE, other]), 13);
    }

    #[test]
    fn a_case_has_its_name_and_expectation_in_words() {
        assert_eq!(CASE.id(), "token-form/two-segments-only");
        assert_eq!(
            CASE.expected(),
            "401 `Invalid authentication credentials` or an answer that opens nothing"
        );
        assert_eq!(Accept::Other("the same answer twice").to_string(), "the same answer twice");
    }
}
