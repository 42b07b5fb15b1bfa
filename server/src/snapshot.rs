//! The state that requests are decided with: one immutable value, replaced as a whole.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use artos_auth_engine::{Context, Engine, Reason, Resources};
use base64_simd::URL_SAFE_NO_PAD;
use hyper::HeaderMap;
use tokio::sync::Notify;

use crate::config::{ExtAuthz, Forward, Realms};
use crate::http::response::Denials;
use crate::outcome::Unavailable;

/// The state that requests are decided with. A request loads it once, so it never sees half of a reload.
#[derive(Debug)]
pub struct Snapshot {
    engine: Engine,
    realms: Arc<Realms>,
    resources: Arc<Resources>,
    forward: Option<Arc<Forward>>,
    ext_authz: Option<Arc<ExtAuthz>>,
    denials: Denials,
    unavailable: Option<Unavailable>,
    unknown_keys: UnknownKeys,
}

impl Snapshot {
    /// A snapshot of these values.
    #[must_use]
    pub fn new(engine: Engine, realms: impl Into<Arc<Realms>>, resources: impl Into<Arc<Resources>>) -> Self {
        let denials = Denials::of(engine.policy());
        Self {
            engine,
            realms: realms.into(),
            resources: resources.into(),
            forward: None,
            ext_authz: None,
            denials,
            unavailable: None,
            unknown_keys: UnknownKeys::default(),
        }
    }

    /// The same snapshot with another engine.
    #[must_use]
    pub fn with_engine(&self, engine: Engine) -> Self {
        let (realms, resources) = (Arc::clone(&self.realms), Arc::clone(&self.resources));
        let (forward, ext_authz) = (self.forward.clone(), self.ext_authz.clone());
        let (unavailable, unknown_keys) = (self.unavailable, self.unknown_keys.clone());
        Self { forward, ext_authz, unavailable, unknown_keys, ..Self::new(engine, realms, resources) }
    }

    /// The same snapshot, with which only public paths can be decided, for this reason; `None`: all requests can be.
    #[must_use]
    pub fn with_unavailable(self, unavailable: Option<Unavailable>) -> Self {
        Self { unavailable, ..self }
    }

    /// The same snapshot, in which these proxies may describe requests in header fields. By default, none may.
    #[must_use]
    pub fn with_forward(self, forward: Option<impl Into<Arc<Forward>>>) -> Self {
        Self { forward: forward.map(Into::into), ..self }
    }

    /// The same snapshot, in which these proxies may use `ext_authz` over gRPC. By default, none may.
    #[must_use]
    pub fn with_ext_authz(self, ext_authz: Option<impl Into<Arc<ExtAuthz>>>) -> Self {
        Self { ext_authz: ext_authz.map(Into::into), ..self }
    }

    pub(crate) fn with_unknown_keys(self, unknown_keys: UnknownKeys) -> Self {
        Self { unknown_keys, ..self }
    }

    /// Requests a fetch of keys if a token was refused because no set has the key that it names. Returns at once: the
    /// keys are fetched in the background, subject to the cooldown of their source.
    pub fn fetch_keys_after(&self, reason: Reason, authorization: &[u8]) {
        if reason == Reason::KeyUnknown && self.unknown_keys.has_tasks() && names_key(authorization) {
            self.unknown_keys.request_fetch();
        }
    }

    /// Why only public paths can be decided, apart from the clock.
    #[must_use]
    pub fn unavailable(&self) -> Option<Unavailable> {
        self.unavailable
    }

    /// The current engine.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The organizations whose tokens authenticate at each host.
    #[must_use]
    pub fn realms(&self) -> &Realms {
        &self.realms
    }

    /// The owners of resources, by path.
    #[must_use]
    pub fn resources(&self) -> &Resources {
        &self.resources
    }

    /// The proxies that may describe a request, and the header fields.
    #[must_use]
    pub fn forward(&self) -> Option<&Forward> {
        self.forward.as_deref()
    }

    /// The proxies that may use `ext_authz` over gRPC.
    #[must_use]
    pub fn ext_authz(&self) -> Option<&ExtAuthz> {
        self.ext_authz.as_deref()
    }

    pub(crate) fn denials(&self) -> &Denials {
        &self.denials
    }
}

/// Requests fetches from all tasks because a token named an unknown key. Clones share the tasks.
#[derive(Clone, Debug, Default)]
pub(crate) struct UnknownKeys(Arc<Mutex<Vec<Weak<Notify>>>>);

impl UnknownKeys {
    pub(crate) fn add(&self, task: &Arc<Notify>) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.retain(|task| task.strong_count() > 0);
        tasks.push(Arc::downgrade(task));
    }

    /// A token named an unknown key. Each task remembers one request, and fetches when its cooldown allows.
    pub(crate) fn request_fetch(&self) {
        let tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.iter().filter_map(Weak::upgrade).for_each(|task| task.notify_one());
    }

    /// Whether there is a task.
    pub(crate) fn has_tasks(&self) -> bool {
        let tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.iter().any(|task| task.strong_count() > 0)
    }
}

/// Whether a token names its key: a token without `kid` requests no fetch.
fn names_key(authorization: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    struct Header<'h> {
        #[serde(borrow)]
        kid: Option<std::borrow::Cow<'h, str>>,
    }
    let token =
        authorization.iter().position(|byte| *byte == b' ').and_then(|space| authorization.get(space..));
    let header =
        token.map(<[u8]>::trim_ascii_start).and_then(|token| token.split(|byte| *byte == b'.').next());
    let Some(header) = header.and_then(|header| URL_SAFE_NO_PAD.decode_to_vec(header).ok()) else {
        return false;
    };
    serde_json::from_slice::<Header<'_>>(&header).is_ok_and(|header| header.kid.is_some())
}

/// The parts of a request that its context may depend on.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RequestView<'r> {
    /// The host, without port and one trailing dot; `None` for HTTP/1.0 without `Host`.
    pub host: Option<&'r str>,
    /// The method.
    pub method: &'r str,
    /// The request-target as received, query included.
    pub target: &'r str,
    /// All fields of the request.
    pub headers: &'r HeaderMap,
}

/// Finds the context of a request: the organizations that authenticate here, the owner of the resource, and the state
/// of the user's account.
pub trait ContextResolver: Send + Sync + 'static {
    /// The context of the request, under `state`.
    fn resolve<'s>(&'s self, request: &RequestView<'_>, state: &'s Snapshot) -> Context<'s>;
}

/// The context from the configuration: its `[[realms]]` and `[[resources]]`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Configured;

impl ContextResolver for Configured {
    fn resolve<'s>(&'s self, request: &RequestView<'_>, state: &'s Snapshot) -> Context<'s> {
        Context::of(state.resources().owner_of(request.target.as_bytes()))
            .realm(state.realms().of(request.host))
    }
}
