//! PUB-2: header fields used between proxies neither give access to protected content nor change the response of the
//! public endpoint.

use crate::case::{Accept, Case};
use crate::catalogue::public_paths::spellings::{protected_path, public_path};
use crate::catalogue::sources;

macro_rules! still_closed {
    ($name:ident, $field:literal, $what:literal, |$session:ident| $value:expr) => {
        case! {
            $name,
            title: concat!("`", $field, "` does not open the protected endpoint"),
            clauses: [Pub2],
            level: Must,
            sends: concat!("Sends GET to the protected endpoint with `", $field, "`: ", $what, "; without a token."),
            requirement: "The deployment must not let the request through: it decides about the request that it receives.",
            source: sources::ALL_REQUIRE,
            needs: [],
            accept: [Accept::NotAuthenticated, Accept::Closed],
            probe: |$session| $session.protected().field($field, $value),
        }
    };
}

macro_rules! still_public {
    ($name:ident, $field:literal) => {
        case! {
            $name,
            title: concat!("`", $field, "` does not turn the public endpoint into a protected one"),
            clauses: [Pub2],
            level: Must,
            sends: concat!("Sends GET to the public endpoint with `", $field, "` naming the protected path; without a token."),
            requirement: "The deployment must not answer 2xx with anything but the public endpoint's own content.",
            source: sources::ALL_REQUIRE,
            needs: [],
            accept: [Accept::PublicContent, Accept::Closed],
            probe: |s| s.public().field($field, protected_path(s)),
        }
    };
}

pub(in crate::catalogue) static CASES: &[Case] = &[
    still_closed!(x_original_url, "X-Original-URL", "the public path", |s| public_path(s)),
    still_closed!(x_rewrite_url, "X-Rewrite-URL", "the public path", |s| public_path(s)),
    still_closed!(x_original_uri, "X-Original-URI", "the public path", |s| public_path(s)),
    still_closed!(x_forwarded_uri, "X-Forwarded-Uri", "the public path", |s| public_path(s)),
    still_closed!(x_forwarded_path, "X-Forwarded-Path", "the public path", |s| public_path(s)),
    still_closed!(x_forwarded_prefix, "X-Forwarded-Prefix", "the public path", |s| public_path(s)),
    still_closed!(x_envoy_original_path, "X-Envoy-Original-Path", "the public path", |s| public_path(s)),
    still_closed!(x_http_method_override, "X-HTTP-Method-Override", "OPTIONS", |_s| "OPTIONS"),
    still_closed!(x_forwarded_method, "X-Forwarded-Method", "OPTIONS", |_s| "OPTIONS"),
    still_closed!(x_original_method, "X-Original-Method", "OPTIONS", |_s| "OPTIONS"),
    still_closed!(x_http_method, "X-HTTP-Method", "OPTIONS", |_s| "OPTIONS"),
    still_closed!(x_method_override, "X-Method-Override", "OPTIONS", |_s| "OPTIONS"),
    still_closed!(access_control_request_method, "Access-Control-Request-Method", "GET", |_s| "GET"),
    still_closed!(x_forwarded_host, "X-Forwarded-Host", "localhost", |_s| "localhost"),
    still_closed!(forwarded, "Forwarded", "for the loopback address", |_s| "for=127.0.0.1;host=localhost"),
    still_closed!(x_forwarded_for, "X-Forwarded-For", "the loopback address", |_s| "127.0.0.1"),
    still_closed!(x_real_ip, "X-Real-IP", "the loopback address", |_s| "127.0.0.1"),
    still_public!(x_original_url_on_public, "X-Original-URL"),
    still_public!(x_rewrite_url_on_public, "X-Rewrite-URL"),
    still_public!(x_forwarded_uri_on_public, "X-Forwarded-Uri"),
    case! {
        connection_names_authorization,
        title: "A Connection field that names Authorization does not open the protected endpoint",
        clauses: [Pub2, Tok8],
        level: Must,
        sends: "Sends GET to the protected endpoint with `Connection: Authorization` and a forged token.",
        requirement: "The deployment must not let the request through: if a proxy removes `Authorization` as a hop-by-hop \
                      field, the request must still be checked.",
        source: sources::ALL_REQUIRE,
        needs: [Valid],
        accept: [Accept::InvalidCredentials, Accept::NotAuthenticated, Accept::Closed],
        http1_only: true,
        probe: |s| {
            let token = s.forged()?;
            s.protected().bearer(token.text()).field("Connection", "Authorization")
        },
    },
    case! {
        local_host,
        title: "A Host of localhost does not open the protected endpoint",
        clauses: [Pub2],
        level: Must,
        sends: "Sends GET to the protected endpoint with `Host: localhost`, without a token.",
        requirement: "The deployment must not let the request through: the requested host is not a credential.",
        source: sources::ALL_REQUIRE,
        needs: [],
        accept: [Accept::NotAuthenticated, Accept::Closed],
        http1_only: true,
        probe: |s| s.protected().field("Host", "localhost"),
    },
    case! {
        http_1_0,
        title: "HTTP/1.0 does not open the protected endpoint",
        clauses: [Pub2],
        level: Must,
        sends: "Sends GET to the protected endpoint in HTTP/1.0, without a token.",
        requirement: "The deployment must not let the request through.",
        source: sources::ALL_REQUIRE,
        needs: [],
        accept: [Accept::NotAuthenticated, Accept::Closed],
        http1_only: true,
        probe: |s| {
            let mut request = s.protected();
            request.http10 = true;
            request
        },
    },
    case! {
        upgrade,
        title: "An Upgrade field does not open the protected endpoint",
        clauses: [Pub2],
        level: Must,
        sends: "Sends GET to the protected endpoint asking to upgrade to WebSocket, without a token.",
        requirement: "The deployment must neither upgrade the connection nor answer 2xx with content.",
        source: sources::ALL_REQUIRE,
        needs: [],
        accept: [Accept::NotAuthenticated, Accept::Closed, Accept::Contentless],
        http1_only: true,
        probe: |s| {
            s.protected()
                .field("Connection", "Upgrade")
                .field("Upgrade", "websocket")
                .field("Sec-WebSocket-Version", "13")
                .field("Sec-WebSocket-Key", "YXJ0b3MtY29uZm9ybWFuYw==")
        },
    },
    case! {
        conditional_request,
        title: "A conditional request does not open the protected endpoint",
        clauses: [Pub2],
        level: Must,
        sends: "Sends GET to the protected endpoint with `If-None-Match: *`, without a token.",
        requirement: "The deployment must answer 401, not 304: a 304 shows that the resource exists.",
        source: sources::ALL_REQUIRE,
        needs: [],
        accept: [Accept::NotAuthenticated],
        probe: |s| s.protected().field("If-None-Match", "*"),
    },
    case! {
        range_request,
        title: "A range request does not open the protected endpoint",
        clauses: [Pub2],
        level: Must,
        sends: "Sends GET to the protected endpoint with `Range: bytes=0-0`, without a token.",
        requirement: "The deployment must answer 401, not 206 or 416.",
        source: sources::ALL_REQUIRE,
        needs: [],
        accept: [Accept::NotAuthenticated],
        probe: |s| s.protected().field("Range", "bytes=0-0"),
    },
    case! {
        cross_origin_request,
        title: "An Origin field does not open the protected endpoint",
        clauses: [Pub2],
        level: Must,
        sends: "Sends GET to the protected endpoint with the deployment's own URL as `Origin` and `Referer`, without a token.",
        requirement: "The deployment must answer 401: the origin of a request is not a credential.",
        source: sources::ALL_REQUIRE,
        needs: [],
        accept: [Accept::NotAuthenticated],
        probe: |s| {
            let origin = s.profile().target.to_string();
            s.protected().field("Origin", origin.clone()).field("Referer", format!("{origin}/"))
        },
    },
];
