//! The servers beside the product: configured as their documentation says, with one worker each, pinned to the first core.

use std::fmt::Write as _;
use std::path::Path;

use artos_auth_benches::process::{Running, Scratch, announced, free_address, pinned};
use artos_auth_benches::tokens::{AUDIENCE, ISSUER, Public, SigningKey};
use artos_auth_benches::world;

/// The service that a team would write without this product.
pub(crate) fn axum(scratch: &Scratch, key: &SigningKey) -> Running {
    let jwk = scratch.write("axum.jwk.json", &key.jwk().to_string());
    let this = std::env::current_exe().expect("this program has a path");
    announced(pinned(&this).arg(crate::axum_service::COMMAND).arg(jwk))
}

/// The server that answers all input with this response.
pub(crate) fn bare(scratch: &Scratch, answer: &str) -> Running {
    let answer = scratch.write("answer", answer);
    let this = std::env::current_exe().expect("this program has a path");
    announced(pinned(&this).arg(crate::bare::COMMAND).arg(answer))
}

/// HAProxy's built-in verification: algorithm, issuer, audience, expiry, signature; the response is a fixed 200.
pub(crate) fn haproxy(scratch: &Scratch, key: &SigningKey) -> Running {
    let verification_key = match key.public() {
        Public::Secret(secret) => String::from_utf8(secret.clone()).expect("the benchmark secret is ASCII"),
        _ => {
            let path = scratch.write("haproxy.pem", &key.public_pem().expect("this is a public key"));
            path.to_str().expect("the path is UTF-8").to_owned()
        }
    };
    let address = free_address();
    let alg = key.alg().name();
    let mut config = format!(
        "global\n  nbthread 1\n  maxconn 1000\n\
         defaults\n  mode http\n  timeout client 30s\n  timeout http-request 30s\n  timeout http-keep-alive 30s\n\
         frontend api\n  bind {address}\n\
         \x20 http-request return status 200 if {{ path {} }}\n\
         \x20 http-request deny deny_status 401 unless {{ req.hdr(authorization) -m found }}\n",
        world::PUBLIC_PATH
    );
    for (name, query) in [
        ("alg", "jwt_header_query('$.alg')"),
        ("iss", "jwt_payload_query('$.iss')"),
        ("aud", "jwt_payload_query('$.aud')"),
        ("exp", "jwt_payload_query('$.exp','int')"),
    ] {
        writeln!(config, "  http-request set-var(txn.{name}) http_auth_bearer,{query}")
            .expect("a string takes it");
    }
    write!(
        config,
        "  http-request set-var(txn.now) date()\n\
         \x20 http-request deny deny_status 401 unless {{ var(txn.alg) -m str {alg} }}\n\
         \x20 http-request deny deny_status 401 unless {{ var(txn.iss) -m str {ISSUER} }}\n\
         \x20 http-request deny deny_status 401 unless {{ var(txn.aud) -m str {AUDIENCE} }}\n\
         \x20 http-request deny deny_status 401 if {{ var(txn.exp),sub(txn.now) -m int lt 0 }}\n\
         \x20 http-request deny deny_status 401 unless {{ http_auth_bearer,jwt_verify(txn.alg,\"{verification_key}\") -m int 1 }}\n\
         \x20 http-request return status 200\n"
    )
    .expect("a string takes it");
    let config = scratch.write("haproxy.cfg", &config);
    let mut haproxy = pinned(Path::new("haproxy"));
    haproxy.arg("-db").arg("-f").arg(config);
    Running::listening(haproxy, "http", address)
}
