//! Compares the tower layer with the engine called by hand: the same request, admitted to the same service, in one process.
//!
//! `cargo run --release --no-default-features --features tower --bin tower` prints the table.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use artos_auth_benches::machine;
use artos_auth_benches::measure::{Effort, Subject, disturbed_groups, nanoseconds};
use artos_auth_benches::report::shown;
use artos_auth_benches::tokens::{AUDIENCE, Alg, Claims, ISSUER, NOW, SigningKey};
use artos_auth_engine::{
    Admission, CacheBytes, Engine, HashKey, KeySet, Policy, PolicySpec, Request as AuthRequest, Revocations,
    TenantScope, UnixTime,
};
use artos_auth_tower::AuthLayer;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Response};
use tower_layer::Layer;
use tower_service::Service;

const EFFORT: Effort = Effort { rounds: 200, slice: Duration::from_millis(2), cores: 1 };
const PATH: &str = "/api/v1/documents/doc-a";

fn main() {
    let pinned = if machine::pin_to_last_core() { "; pinned to one core" } else { "" };
    println!("{}{pinned}.\n", machine::description());
    println!("| a request that reaches the handler | by hand | layer | ratio |\n|---|---|---|---|");
    for (name, cached) in [("cached HS256 decision", true), ("uncached HS256 decision", false)] {
        let world = World::new(cached);
        let [by_hand, layer] = nanoseconds(&mut [world.by_hand(), world.layer()], EFFORT)[..] else {
            unreachable!("two subjects have two figures")
        };
        println!("| {name} | {} ns | {} ns | {} × |", shown(by_hand), shown(layer), shown(layer / by_hand));
    }
    if disturbed_groups() > 0 {
        println!("\nThe machine did not come to rest in {} of the rows.", disturbed_groups());
    }
}

/// An engine, and a header field that it accepts.
struct World {
    engine: Arc<Engine>,
    authorization: HeaderValue,
}

impl World {
    fn new(cached: bool) -> Self {
        let key = SigningKey::new(Alg::Hs256);
        let keys = KeySet::from_jwks(key.jwk().to_string().as_bytes()).expect("these are keys");
        let spec = PolicySpec {
            issuers: Some(vec![ISSUER.to_owned()]),
            audiences: Some(vec![AUDIENCE.to_owned()]),
            ..PolicySpec::default()
        };
        let mut engine =
            Engine::new(Policy::new(&spec).expect("this is a policy"), keys, Revocations::none());
        if cached {
            engine = engine.with_cache(CacheBytes(1 << 20), HashKey(1));
        }
        let authorization = format!("Bearer {}", key.mint(&Claims::default()));
        Self {
            engine: Arc::new(engine),
            authorization: HeaderValue::from_str(&authorization).expect("this is a header value"),
        }
    }

    fn layer(&self) -> Subject {
        let layer = AuthLayer::new(Arc::clone(&self.engine)).at(UnixTime::from_seconds(NOW));
        let mut service = layer.layer(Handler::<artos_auth_tower::Caller>(PhantomData));
        let authorization = self.authorization.clone();
        Subject::new("layer", move || poll_now(service.call(request(&authorization))))
    }

    fn by_hand(&self) -> Subject {
        let engine = Arc::clone(&self.engine);
        let mut service = Handler::<artos_auth_engine::Caller>(PhantomData);
        let authorization = self.authorization.clone();
        Subject::new("by hand", move || {
            let mut request = request(&authorization);
            let lines: Vec<&[u8]> =
                request.headers().get_all(AUTHORIZATION).iter().map(HeaderValue::as_bytes).collect();
            let target = request.uri().path_and_query().map_or("", |target| target.as_str());
            let question = AuthRequest::new(request.method().as_str(), target, &lines);
            let now = UnixTime::from_seconds(NOW);
            match engine.authenticate(&question, TenantScope::Any, now) {
                Ok(Admission::Caller(caller)) => {
                    request.extensions_mut().insert(caller);
                    poll_now(service.call(request));
                }
                Ok(Admission::Public(_)) | Err(_) => panic!("the token is not accepted"),
            }
        })
    }
}

fn request(authorization: &HeaderValue) -> Request<()> {
    Request::get(PATH).header(AUTHORIZATION, authorization).body(()).expect("a valid request")
}

/// The service behind the check. It asserts that the request carries its caller.
struct Handler<C>(PhantomData<C>);

impl<C: Send + Sync + 'static> Service<Request<()>> for Handler<C> {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        assert!(request.extensions().get::<C>().is_some(), "the request carries its caller");
        ready(Ok(Response::new(())))
    }
}

/// Polls a future that is ready at once.
fn poll_now<T>(future: impl Future<Output = Result<Response<T>, Infallible>>) {
    let Poll::Ready(Ok(response)) = pin!(future).poll(&mut Context::from_waker(Waker::noop())) else {
        unreachable!("the handler answers at once")
    };
    assert!(response.status().is_success(), "the token is accepted");
}
