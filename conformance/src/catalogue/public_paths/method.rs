//! PUB-2: no method gives access to the protected endpoint without a token.

use crate::case::{Accept, Case};
use crate::catalogue::sources;
use crate::transport::Request;

macro_rules! opens_nothing {
    ($name:ident, $method:literal, source: $source:expr, needs: [$($need:ident),*]) => {
        case! {
            $name,
            title: concat!($method, " without a token shows nothing of the protected endpoint"),
            clauses: [Pub2],
            level: Must,
            sends: concat!("Sends ", $method, " to the protected endpoint without a token."),
            requirement: "The deployment must not answer 2xx with content, or with header fields that describe it.",
            source: $source,
            needs: [$($need),*],
            accept: [Accept::Closed, Accept::Contentless],
            shared: concat!("without a token: ", $method), |s| {
                let mut request = s.protected();
                request.method = $method.into();
                request
            },
        }
    };
}

macro_rules! asks_for_authentication {
    ($name:ident, $method:literal) => {
        case! {
            $name,
            title: concat!($method, " without a token is 401"),
            clauses: [Pub2, Hdr2],
            level: Should,
            sends: concat!("Sends ", $method, " to the protected endpoint without a token."),
            requirement: "The deployment should answer 401: authentication comes first.",
            source: sources::INCLUDE,
            needs: [],
            accept: [Accept::NotAuthenticated],
            shared: concat!("without a token: ", $method), |s| {
                let mut request = s.protected();
                request.method = $method.into();
                request
            },
        }
    };
}

macro_rules! write_without_token {
    ($name:ident, $method:literal) => {
        case! {
            $name,
            title: concat!($method, " without a token writes nothing"),
            clauses: [Pub2],
            level: Must,
            sends: concat!("Sends ", $method, " with an empty JSON object to the protected endpoint, without a token."),
            requirement: "The deployment must not answer 2xx.",
            source: sources::INCLUDE,
            needs: [Writes],
            accept: [Accept::Closed],
            probe: |s| {
                let mut request = s.protected().with_body("application/json", "{}");
                request.method = $method.into();
                request
            },
        }
    };
}

/// The CORS preflight of a GET (Fetch §4.8).
pub(in crate::catalogue) fn preflight(mut request: Request) -> Request {
    request.method = "OPTIONS".into();
    request
        .field("Origin", "https://app.conformance.invalid")
        .field("Access-Control-Request-Method", "GET")
        .field("Access-Control-Request-Headers", "authorization")
}

pub(in crate::catalogue) static CASES: &[Case] = &[
    opens_nothing!(head, "HEAD", source: sources::ALL_REQUIRE, needs: []),
    opens_nothing!(options, "OPTIONS", source: sources::ALL_REQUIRE, needs: []),
    opens_nothing!(trace, "TRACE", source: sources::ALL_REQUIRE, needs: []),
    opens_nothing!(lower_case_get, "get", source: sources::METHOD_CASE, needs: []),
    opens_nothing!(unknown, "PROBE", source: sources::ALL_REQUIRE, needs: []),
    case! {
        cors_preflight,
        title: "A CORS preflight shows nothing of the protected endpoint",
        clauses: [Pub2],
        level: Must,
        sends: "Sends OPTIONS to the protected endpoint as browsers ask before a cross-origin GET, without a token.",
        requirement: "The deployment must not answer with the content of the endpoint.",
        source: sources::ALL_REQUIRE,
        needs: [],
        accept: [Accept::Closed, Accept::Contentless],
        probe: |s| preflight(s.protected()),
    },
    write_without_token!(post, "POST"),
    write_without_token!(put, "PUT"),
    write_without_token!(patch, "PATCH"),
    write_without_token!(delete, "DELETE"),
    asks_for_authentication!(head_is_401, "HEAD"),
    asks_for_authentication!(options_is_401, "OPTIONS"),
    asks_for_authentication!(unknown_is_401, "PROBE"),
    case! {
        head_with_token,
        title: "HEAD with a good token is answered as GET is",
        clauses: [Org4],
        level: Should,
        sends: "Sends HEAD to the protected endpoint with a good token.",
        requirement: "The deployment should not ask for authentication: the token is there.",
        source: sources::INCLUDE,
        needs: [Valid],
        accept: [Accept::LetThrough],
        probe: |s| {
            let mut request = s.protected().bearer(s.valid()?.text());
            request.method = "HEAD".into();
            request
        },
    },
    case! {
        head_with_forged_token,
        title: "HEAD with a forged token is 401",
        clauses: [Tok8],
        level: Must,
        sends: "Sends HEAD to the protected endpoint with a good token whose signature was replaced by zeros.",
        requirement: "The deployment must answer 401.",
        source: sources::NOT_VALID,
        needs: [Valid],
        accept: [Accept::InvalidCredentials],
        probe: |s| {
            let mut request = s.protected().bearer(s.forged()?.text());
            request.method = "HEAD".into();
            request
        },
    },
];
