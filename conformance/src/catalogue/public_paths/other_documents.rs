//! PUB-2: documents that frameworks serve to anyone next to the API.

use crate::case::{Accept, Case};
use crate::catalogue::public_paths::spellings::get;
use crate::catalogue::sources;

macro_rules! document {
    ($name:ident, $path:literal, $what:literal) => {
        case! {
            $name,
            title: concat!("`", $path, "` is not public"),
            clauses: [Pub2],
            level: Should,
            sends: concat!("Sends GET to `", $path, "`, ", $what, ", without a token."),
            requirement: "The deployment should not answer 2xx: only one endpoint is documented as public.",
            source: sources::ALL_REQUIRE,
            needs: [],
            accept: [Accept::Closed],
            probe: |_s| get($path),
        }
    };
}

pub(in crate::catalogue) static CASES: &[Case] = &[
    document!(openapi, "/openapi.json", "the description of the API"),
    document!(docs, "/docs", "its documentation as a page"),
    document!(redoc, "/redoc", "its documentation as a page"),
    document!(metrics, "/metrics", "the metrics of the server"),
    document!(actuator, "/actuator", "the management endpoints of Spring Boot"),
];
