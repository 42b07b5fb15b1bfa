//! The layer: authenticates requests.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use artos_auth_engine::{
    Account, Admission, Engine, Request as AuthRequest, ResourceOrg, TenantScope, UnixTime,
};
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderValue, Request, Response, Uri, Version};
use pin_project_lite::pin_project;
use smallvec::SmallVec;
use tower_layer::Layer;
use tower_service::Service;

use crate::body::ResponseBody;
use crate::caller::{Caller, Principal};
use crate::response::{Denied, Form, PublicChallenge};

/// The engine of a layer: a fixed one, or the current one of an [`ArcSwap`].
#[derive(Clone, Debug)]
pub struct EngineHandle(Handle);

#[derive(Clone, Debug)]
enum Handle {
    Fixed(Arc<Engine>),
    Reloaded(Arc<ArcSwap<Engine>>),
}

impl From<Engine> for EngineHandle {
    fn from(engine: Engine) -> Self {
        Self(Handle::Fixed(Arc::new(engine)))
    }
}

impl From<Arc<Engine>> for EngineHandle {
    fn from(engine: Arc<Engine>) -> Self {
        Self(Handle::Fixed(engine))
    }
}

impl From<Arc<ArcSwap<Engine>>> for EngineHandle {
    fn from(engine: Arc<ArcSwap<Engine>>) -> Self {
        Self(Handle::Reloaded(engine))
    }
}

impl EngineHandle {
    fn with<T>(&self, ask: impl FnOnce(&Engine) -> T) -> T {
        match &self.0 {
            Handle::Fixed(engine) => ask(engine),
            Handle::Reloaded(engine) => ask(&engine.load()),
        }
    }
}

type Owner = dyn Fn(&Parts) -> ResourceOrg<'static> + Send + Sync;
type Clock = dyn Fn() -> SystemTime + Send + Sync;
type RealmOf = dyn Fn(&Parts) -> TenantScope<'static> + Send + Sync;

/// Authenticates every request before the inner service sees it. See the [crate documentation](crate).
#[derive(Clone)]
pub struct AuthLayer {
    engine: EngineHandle,
    owner: Option<Arc<Owner>>,
    realm: Option<Arc<RealmOf>>,
    clock: Time,
}

/// The source of the time of a decision.
#[derive(Clone)]
enum Time {
    System,
    Clock(Arc<Clock>),
    Fixed(UnixTime),
}

impl Time {
    /// The time, or `None` if the clock is invalid.
    fn now(&self) -> Option<UnixTime> {
        match self {
            Self::System => UnixTime::from_system(SystemTime::now()),
            Self::Clock(clock) => UnixTime::from_system(clock()),
            Self::Fixed(now) => Some(*now),
        }
    }
}

impl AuthLayer {
    /// A layer that uses `engine`: an [`Engine`], an `Arc<Engine>`, or an `Arc<ArcSwap<Engine>>` that you reload.
    #[must_use]
    pub fn new(engine: impl Into<EngineHandle>) -> Self {
        Self { engine: engine.into(), owner: None, realm: None, clock: Time::System }
    }

    /// Decides in one step, with an owner that depends only on the request, and adds a [`Principal`] to the [`Caller`].
    /// If `owner` does not know the resource, it must return [`ResourceOrg::Unresolved`], which is a 403. Behind axum's `nest`
    /// it gets the URI that the client sent.
    #[must_use]
    pub fn with_owner(self, owner: impl Fn(&Parts) -> ResourceOrg<'static> + Send + Sync + 'static) -> Self {
        Self { owner: Some(Arc::new(owner)), ..self }
    }

    /// Sets the organizations whose tokens authenticate, by request, for services that bind hosts to tenants (TOK-4).
    /// By default, tokens of any organization authenticate.
    #[must_use]
    pub fn with_realm(self, realm: impl Fn(&Parts) -> TenantScope<'static> + Send + Sync + 'static) -> Self {
        Self { realm: Some(Arc::new(realm)), ..self }
    }

    /// Sets another clock than the system's, for tests. A time before 2025 is unusable, as with the system's clock.
    #[must_use]
    pub fn clock(self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self { clock: Time::Clock(Arc::new(clock)), ..self }
    }

    /// Decides every request at this time, for tests with recorded tokens.
    #[must_use]
    pub fn at(self, now: UnixTime) -> Self {
        Self { clock: Time::Fixed(now), ..self }
    }

    /// Decides, and puts the values for the handlers into the request's extensions.
    fn admit(&self, parts: &mut Parts) -> Result<(), Denied> {
        // Behind axum's `nest` the URI lacks its prefix. The decision, the owner and the realm are of the request that the
        // client sent.
        let nested = original_uri(parts).map(|original| std::mem::replace(&mut parts.uri, original));
        let admitted = self.admit_as_sent(parts);
        if let Some(nested) = nested {
            parts.uri = nested;
        }
        admitted
    }

    fn admit_as_sent(&self, parts: &mut Parts) -> Result<(), Denied> {
        // Removes values of other layers and of client libraries.
        parts.extensions.remove::<Caller>();
        parts.extensions.remove::<Principal>();
        parts.extensions.remove::<PublicChallenge>();
        let now = self.clock.now();
        let realm = self.realm.as_ref().map_or(TenantScope::Any, |realm| realm(parts));
        let admission = {
            let target = target(parts);
            let lines: SmallVec<[&[u8]; 2]> =
                parts.headers.get_all(AUTHORIZATION).iter().map(HeaderValue::as_bytes).collect();
            let request = AuthRequest::new(parts.method.as_str(), &*target, &lines);
            self.engine.with(|engine| match now {
                Some(now) => engine.authenticate(&request, realm, now).map_err(Denied::of),
                // With an invalid clock only public paths are allowed, which need no time.
                None => engine.public_access(&request).map(Admission::Public).ok_or_else(Denied::unavailable),
            })?
        };
        match admission {
            Admission::Caller(caller) => {
                if let Some(owner) = &self.owner {
                    let principal = caller.authorize(owner(parts), Account::Unknown).map_err(Denied::of)?;
                    parts.extensions.insert(Principal(principal));
                }
                parts.extensions.insert(Caller(caller));
            }
            Admission::Public(_) => {
                let challenge = self.engine.with(|engine| PublicChallenge::of(engine.policy()));
                parts.extensions.insert(challenge);
            }
        }
        Ok(())
    }
}

impl fmt::Debug for AuthLayer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("AuthLayer").field("engine", &self.engine).finish_non_exhaustive()
    }
}

/// The URI as the client sent it, if a router replaced it.
#[cfg(feature = "axum")]
fn original_uri(parts: &Parts) -> Option<Uri> {
    parts.extensions.get::<axum::extract::OriginalUri>().map(|original| original.0.clone())
}

/// The URI as the client sent it, if a router replaced it.
#[cfg(not(feature = "axum"))]
const fn original_uri(_: &Parts) -> Option<Uri> {
    None
}

/// The request-target as the client sent it.
fn target(parts: &Parts) -> Cow<'_, str> {
    let uri = &parts.uri;
    // The absolute form of HTTP/1 is decided on as a whole, so it is never public (PUB-2). HTTP/2 has no such form: its
    // scheme and authority are separate fields.
    if uri.scheme().is_some() && parts.version < Version::HTTP_2 {
        return Cow::Owned(uri.to_string());
    }
    Cow::Borrowed(uri.path_and_query().map_or("", PathAndQuery::as_str))
}

impl<S> Layer<S> for AuthLayer {
    type Service = AuthService<S>;

    fn layer(&self, inner: S) -> AuthService<S> {
        AuthService { inner, layer: self.clone() }
    }
}

/// A service behind an [`AuthLayer`].
#[derive(Clone, Debug)]
pub struct AuthService<S> {
    inner: S,
    layer: AuthLayer,
}

impl<S, B, R> Service<Request<B>> for AuthService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        let kind = match self.layer.admit(&mut parts) {
            Ok(()) => FutureKind::Inner { future: self.inner.call(Request::from_parts(parts, body)) },
            Err(denied) => {
                FutureKind::Denied { answer: Some((denied, Form::of(&parts.method, &parts.headers))) }
            }
        };
        ResponseFuture { kind }
    }
}

pin_project! {
    /// The response of an [`AuthService`].
    pub struct ResponseFuture<F> {
        #[pin]
        kind: FutureKind<F>,
    }
}

pin_project! {
    #[project = FutureProjection]
    enum FutureKind<F> {
        Inner { #[pin] future: F },
        Denied { answer: Option<(Denied, Form)> },
    }
}

impl<F, R, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = Result<Response<ResponseBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().kind.project() {
            FutureProjection::Inner { future } => {
                future.poll(context).map(|result| result.map(|response| response.map(ResponseBody::inner)))
            }
            FutureProjection::Denied { answer } => match answer.take() {
                Some((denied, form)) => Poll::Ready(Ok(denied.into_response_as(form))),
                // A future that is polled after completion has no response to return.
                None => Poll::Pending,
            },
        }
    }
}
