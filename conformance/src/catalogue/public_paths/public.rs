//! PUB-1: the response of the public endpoint, whatever the `Authorization` field contains.

use crate::case::{Accept, Case};
use crate::catalogue::sources;

macro_rules! whatever_the_header {
    ($name:ident, $title:expr, $sends:expr, needs: [$($need:ident),*], |$session:ident| $request:expr) => {
        case! {
            $name,
            title: $title,
            clauses: [Pub1],
            level: Must,
            sends: $sends,
            requirement: "The deployment must answer 2xx: the public endpoint never looks at the field.",
            source: sources::PUBLIC,
            needs: [$($need),*],
            accept: [Accept::Success],
            probe: |$session| $request,
        }
    };
}

pub(in crate::catalogue) static CASES: &[Case] = &[
    case! {
        without_token,
        title: "The public endpoint answers without a token",
        clauses: [Pub1],
        level: Must,
        sends: "Sends GET to the public endpoint without an Authorization field.",
        requirement: "The deployment must answer 2xx.",
        source: sources::PUBLIC,
        needs: [],
        accept: [Accept::Success],
        probe: |s| s.public(),
    },
    case! {
        with_query,
        title: "A query does not close the public endpoint",
        clauses: [Pub1, Pub2],
        level: Must,
        sends: "Sends GET to the public endpoint with `?probe=1`, without an Authorization field.",
        requirement: "The deployment must answer 2xx: the path ends at the first `?`.",
        source: sources::PUBLIC,
        needs: [],
        accept: [Accept::Success],
        probe: |s| {
            let mut request = s.public();
            request.target = request.target.plain("?probe=1");
            request
        },
    },
    case! {
        head_without_token,
        title: "HEAD of the public endpoint needs no token",
        clauses: [Pub1],
        level: Must,
        sends: "Sends HEAD to the public endpoint without an Authorization field.",
        requirement: "The deployment must not ask for authentication.",
        source: sources::PUBLIC,
        needs: [],
        accept: [Accept::LetThrough],
        probe: |s| {
            let mut request = s.public();
            request.method = "HEAD".into();
            request
        },
    },
    case! {
        options_without_token,
        title: "OPTIONS on the public endpoint needs no token",
        clauses: [Pub1],
        level: Should,
        sends: "Sends OPTIONS to the public endpoint without an Authorization field.",
        requirement: "The deployment should not ask for authentication, whether or not it serves the method.",
        source: sources::PUBLIC,
        needs: [],
        accept: [Accept::LetThrough],
        probe: |s| {
            let mut request = s.public();
            request.method = "OPTIONS".into();
            request
        },
    },
    whatever_the_header!(
        with_empty_header,
        "An empty Authorization field does not close the public endpoint",
        "Sends GET to the public endpoint with an empty `Authorization` field.",
        needs: [],
        |s| s.public().authorization("")
    ),
    whatever_the_header!(
        with_valid_token,
        "A good token does not close the public endpoint",
        "Sends GET to the public endpoint with a good token.",
        needs: [Valid],
        |s| s.public().bearer(s.valid()?.text())
    ),
    whatever_the_header!(
        with_garbage_token,
        "A malformed token does not close the public endpoint",
        "Sends GET to the public endpoint with `Authorization: Bearer not-a-token`.",
        needs: [],
        |s| s.public().authorization("Bearer not-a-token")
    ),
    whatever_the_header!(
        with_other_scheme,
        "Another scheme does not close the public endpoint",
        "Sends GET to the public endpoint with `Authorization: Basic` and credentials.",
        needs: [],
        |s| s.public().authorization("Basic cHJvYmU6cHJvYmU=")
    ),
    whatever_the_header!(
        with_expired_token,
        "An expired token does not close the public endpoint",
        "Sends GET to the public endpoint with an expired token.",
        needs: [Expired],
        |s| s.public().bearer(s.expired()?.text())
    ),
    whatever_the_header!(
        with_forged_token,
        "A forged token does not close the public endpoint",
        "Sends GET to the public endpoint with a good token whose signature was replaced by zeros.",
        needs: [Valid],
        |s| s.public().bearer(s.forged()?.text())
    ),
    whatever_the_header!(
        with_revoked_token,
        "A revoked token does not close the public endpoint",
        "Sends GET to the public endpoint with a revoked token.",
        needs: [Revoked],
        |s| s.public().bearer(s.revoked()?.text())
    ),
];
