//! Every case, one file per group of clauses; a case's id is its file and its name.
//!
//! What a deployment must answer is written down here and nowhere else.

use std::sync::LazyLock;

use crate::case::{Accept, Case};

/// Writes down a case. `probe` makes the one request that is judged by `accept`; `run` is a procedure of
/// several requests, at most `requests` of them.
macro_rules! case {
    (@fields $procedure:expr, $requests:expr, $http1_only:expr,
        $name:ident,
        title: $title:expr,
        clauses: [$($clause:ident),+ $(,)?],
        level: $level:ident,
        sends: $sends:expr,
        requirement: $requirement:expr,
        source: $source:expr,
        needs: [$($need:ident),* $(,)?],
        accept: [$($accept:expr),+ $(,)?],
    ) => {
        $crate::case::Case {
            group: $crate::catalogue::group(module_path!()),
            name: stringify!($name),
            title: $title,
            clauses: &[$($crate::clause::Clause::$clause),+],
            level: $crate::clause::Level::$level,
            sends: $sends,
            requirement: $requirement,
            source: $source,
            needs: &[$($crate::need::Need::$need),*],
            accept: &[$($accept),+],
            requests: $requests,
            http1_only: $http1_only,
            run: $procedure,
        }
    };
    (
        $name:ident,
        title: $title:expr,
        clauses: [$($clause:ident),+ $(,)?],
        level: $level:ident,
        sends: $sends:expr,
        requirement: $requirement:expr,
        source: $source:expr,
        needs: [$($need:ident),* $(,)?],
        accept: [$($accept:expr),+ $(,)?],
        $(http1_only: $http1_only:literal,)?
        probe: |$session:ident| $body:expr $(,)?
    ) => {
        $crate::catalogue::case! {@fields
            |session| Box::pin(async move {
                let make: fn(
                    &$crate::session::Session,
                ) -> Result<$crate::transport::Request, $crate::session::Stop> = |$session| Ok($body);
                let request = make(session)?;
                session.probe(request).await
            }),
            1, [$($http1_only,)? false][0],
            $name, title: $title, clauses: [$($clause),+], level: $level, sends: $sends,
            requirement: $requirement, source: $source, needs: [$($need),*], accept: [$($accept),+],
        }
    };
    (
        $name:ident,
        title: $title:expr,
        clauses: [$($clause:ident),+ $(,)?],
        level: $level:ident,
        sends: $sends:expr,
        requirement: $requirement:expr,
        source: $source:expr,
        needs: [$($need:ident),* $(,)?],
        accept: [$($accept:expr),+ $(,)?],
        requests: $requests:literal,
        $(http1_only: $http1_only:literal,)?
        run: |$session:ident| $body:expr $(,)?
    ) => {
        $crate::catalogue::case! {@fields
            |$session| Box::pin(async move { $body }),
            $requests, [$($http1_only,)? false][0],
            $name, title: $title, clauses: [$($clause),+], level: $level, sends: $sends,
            requirement: $requirement, source: $source, needs: [$($need),*], accept: [$($accept),+],
        }
    };
}

pub(crate) use case;

mod compare;
mod public;
mod sources;

/// The module's own name.
const fn group(path: &'static str) -> &'static str {
    let bytes = path.as_bytes();
    let mut start = bytes.len();
    while start > 0 && bytes[start - 1] != b':' {
        start -= 1;
    }
    path.split_at(start).1
}

/// The catalogue, in the order of the clauses.
pub fn all() -> &'static [Case] {
    static ALL: LazyLock<Vec<Case>> = LazyLock::new(|| [public::CASES].concat());
    &ALL
}

/// The group whose cases look back at all the others and so run last.
pub(crate) const LAST: &str = "silence";

/// What the preflight's requests go by; it is no part of the catalogue.
pub(crate) static PREFLIGHT: Case = case! {
    preflight,
    title: "The target can be tested",
    clauses: [Pub1],
    level: Must,
    sends: "Sends GET to the public endpoint without a token, and to the protected and owned ones with good ones.",
    requirement: "The deployment must be reachable and take its own good token.",
    source: sources::PUBLIC,
    needs: [],
    accept: [Accept::Success],
    probe: |s| s.public(),
};

/// At most so many requests go before the cases.
pub const PREFLIGHT_REQUESTS: u32 = 4;
