//! The allocations of the layer for a request with a cached token, without those of the request itself.

#![cfg(test)]

use std::convert::Infallible;

use allocation_counter::measure;
use artos_auth_engine::{CacheBytes, HashKey};
use artos_auth_tower::AuthLayer;
use artos_auth_tower::testing::Issuer;
use http::{Request, Response};
use tower::{Layer, Service};

#[test]
fn an_allowed_request_allocates_only_for_the_extensions() {
    let issuer = Issuer::new();
    let engine = issuer.engine().with_cache(CacheBytes(1 << 20), HashKey(1));
    let inner = tower::service_fn(|request: Request<()>| {
        std::future::ready(Ok::<_, Infallible>(Response::new(request.extensions().len())))
    });
    let mut service = AuthLayer::new(engine).layer(inner);
    let field = format!("Bearer {}", issuer.token("alice", "org-a").mint());
    let request =
        || Request::builder().uri("/api/v1/documents/").header("authorization", &field).body(()).unwrap();
    drop(service.call(request()));
    let asked = request();
    let taken = measure(|| drop(service.call(asked)));
    // The map of the extensions, its table, and the caller in it.
    assert!(taken.count_total <= 3, "{} allocations", taken.count_total);
}
