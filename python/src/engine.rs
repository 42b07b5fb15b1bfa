//! The engine for Python.

use std::path::PathBuf;
use std::process;
use std::sync::Arc;
use std::time::SystemTime;

use artos_auth_engine::{Admission, Context, Organizations, Reason, Request, TenantScope, UnixTime};
use artos_auth_server::{FollowedConfig, Snapshot, Unavailable};
use pyo3::prelude::*;
use pyo3::types::PyAny;

use crate::arguments::{self, Lines, Marker};
use crate::decision::Decision;
use crate::errors;
use crate::explanation::Explanation;
use crate::identity::Caller;

/// Policy, keys and revocations, kept current in the background. Safe to use from any thread.
#[pyclass(frozen, module = "artos_auth")]
pub struct Engine {
    config: FollowedConfig,
    /// The process whose threads follow the files: a forked process has none of them.
    process: u32,
}

/// A request from Python.
struct PythonRequest<'a> {
    method: &'a str,
    path: &'a str,
    lines: Lines,
    realm: Option<Organizations>,
    now: Option<UnixTime>,
}

impl<'a> PythonRequest<'a> {
    fn read(
        method: &'a str,
        path: &'a str,
        lines: Lines,
        realm: Option<&Bound<'_, PyAny>>,
        now: Option<u64>,
    ) -> PyResult<Self> {
        let now = now.map_or_else(
            || UnixTime::from_system(SystemTime::now()),
            |now| Some(UnixTime::from_seconds(now)),
        );
        Ok(Self { method, path, lines, realm: arguments::realm(realm)?, now })
    }

    /// The time; an error if the clock is not set and the path is not public.
    fn decision_time(&self, snapshot: &Snapshot) -> Result<UnixTime, Unavailable> {
        let now = self.now.ok_or(Unavailable::ClockUnusable)?;
        match snapshot.unavailable() {
            Some(why) => Err(why),
            None => Ok(now),
        }
    }

    /// Requests fresh keys if the token names an unknown key; nothing waits for them.
    fn fetch_keys_after(&self, snapshot: &Snapshot, reason: Reason) {
        if let Some(line) = self.lines.first() {
            snapshot.fetch_keys_after(reason, line);
        }
    }

    fn scope(&self) -> TenantScope<'_> {
        self.realm.as_ref().map_or(TenantScope::Any, TenantScope::Among)
    }
}

impl Engine {
    fn snapshot(&self, py: Python<'_>) -> PyResult<Arc<Snapshot>> {
        if self.process != process::id() {
            return Err(errors::forked(py));
        }
        Ok(self.config.snapshot())
    }

    /// Authenticates a request: a `Caller`, or `PUBLIC`. Raises `Denied`.
    #[expect(clippy::too_many_arguments, reason = "they are the keywords of the Python function")]
    pub fn admission<'py>(
        &self,
        py: Python<'py>,
        method: &str,
        path: &str,
        lines: Lines,
        realm: Option<&Bound<'_, PyAny>>,
        now: Option<u64>,
        public: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let snapshot = self.snapshot(py)?;
        let call = PythonRequest::read(method, path, lines, realm, now)?;
        let lines = call.lines.as_slices();
        let request = Request::new(call.method, call.path, &lines);
        let request = if public { request } else { request.with_unknown_spelling() };
        let engine = snapshot.engine();
        if engine.public_access(&request).is_some() {
            return Ok(Bound::new(py, Marker::Public)?.into_any());
        }
        let now = call.decision_time(&snapshot).map_err(|why| errors::unavailable(py, why))?;
        match py.detach(|| engine.authenticate(&request, call.scope(), now)) {
            Ok(Admission::Caller(caller)) => Ok(Bound::new(py, Caller(caller))?.into_any()),
            Ok(Admission::Public(_)) => Ok(Bound::new(py, Marker::Public)?.into_any()),
            Err(denial) => {
                call.fetch_keys_after(&snapshot, denial.reason());
                Err(errors::denied(py, &denial))
            }
        }
    }
}

#[pymethods]
impl Engine {
    /// Loads the server's configuration file. Raises `ConfigError`.
    #[staticmethod]
    fn from_config(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let config =
            py.detach(|| FollowedConfig::start(&path)).map_err(|error| errors::config(py, &error))?;
        Ok(Self { config, process: process::id() })
    }

    /// Decides a request whose owner is known.
    #[pyo3(signature = (method, path, authorization, *, resource_org, realm = None, account = "unknown", now = None))]
    #[expect(clippy::too_many_arguments, reason = "they are the keywords of the Python function")]
    fn decide(
        &self,
        py: Python<'_>,
        method: &str,
        path: &str,
        authorization: &Bound<'_, PyAny>,
        resource_org: &Bound<'_, PyAny>,
        realm: Option<&Bound<'_, PyAny>>,
        account: &str,
        now: Option<u64>,
    ) -> PyResult<Decision> {
        let snapshot = self.snapshot(py)?;
        let call = PythonRequest::read(method, path, Lines::read(authorization)?, realm, now)?;
        let (owner, account) = (arguments::owner(resource_org)?, arguments::account(account)?);
        let lines = call.lines.as_slices();
        let request = Request::new(call.method, call.path, &lines);
        let context = Context::of(owner).realm(call.scope()).account(account);
        let engine = snapshot.engine();
        match call.decision_time(&snapshot) {
            Ok(now) => {
                // Verifying a signature takes long enough to release the GIL.
                let decision = py.detach(|| engine.decide(&request, &context, now));
                if let Some(denial) = decision.denial() {
                    call.fetch_keys_after(&snapshot, denial.reason());
                }
                Decision::of(py, &decision)
            }
            // A public path is allowed at any time.
            Err(_) if engine.public_access(&request).is_some() => {
                Decision::of(py, &engine.decide(&request, &context, UnixTime::from_seconds(0)))
            }
            Err(why) => Ok(Decision::unavailable(why)),
        }
    }

    /// The same decision with every check, for people.
    #[pyo3(signature = (method, path, authorization, *, resource_org, realm = None, account = "unknown", now = None))]
    #[expect(clippy::too_many_arguments, reason = "they are the keywords of the Python function")]
    fn explain(
        &self,
        py: Python<'_>,
        method: &str,
        path: &str,
        authorization: &Bound<'_, PyAny>,
        resource_org: &Bound<'_, PyAny>,
        realm: Option<&Bound<'_, PyAny>>,
        account: &str,
        now: Option<u64>,
    ) -> PyResult<Explanation> {
        let snapshot = self.snapshot(py)?;
        let call = PythonRequest::read(method, path, Lines::read(authorization)?, realm, now)?;
        let (owner, account) = (arguments::owner(resource_org)?, arguments::account(account)?);
        let lines = call.lines.as_slices();
        let request = Request::new(call.method, call.path, &lines);
        let context = Context::of(owner).realm(call.scope()).account(account);
        let engine = snapshot.engine();
        match call.decision_time(&snapshot) {
            Ok(now) => Explanation::of(py, &py.detach(|| engine.explain(&request, &context, now))),
            Err(_) if engine.public_access(&request).is_some() => {
                Explanation::of(py, &engine.explain(&request, &context, UnixTime::from_seconds(0)))
            }
            Err(why) => Explanation::unavailable(py, why),
        }
    }

    /// Authenticates a request: a `Caller`, or `PUBLIC`. Raises `Denied`.
    #[pyo3(signature = (method, path, authorization, *, realm = None, now = None, public = true))]
    #[expect(clippy::too_many_arguments, reason = "they are the keywords of the Python function")]
    fn authenticate<'py>(
        &self,
        py: Python<'py>,
        method: &str,
        path: &str,
        authorization: &Bound<'_, PyAny>,
        realm: Option<&Bound<'_, PyAny>>,
        now: Option<u64>,
        public: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.admission(py, method, path, Lines::read(authorization)?, realm, now, public)
    }

    fn __repr__(&self) -> String {
        "Engine()".to_owned()
    }
}
