//! The parts of the ASGI middleware that run for every request. `artos_auth.asgi` is the middleware.

use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};

use crate::arguments::{self, Lines};
use crate::engine::Engine;

/// Authenticates the request of an ASGI scope. Returns a copy of the scope that has the `Caller`, or `PUBLIC`, under `key`.
/// Raises `Denied`.
///
/// `path` is the raw path, as bytes; text stands for a path whose raw form is unknown, which is never public.
#[pyfunction]
#[pyo3(signature = (engine, scope, key, path, realm))]
pub fn admit<'py>(
    engine: &Bound<'py, Engine>,
    scope: &Bound<'py, PyDict>,
    key: &Bound<'py, PyString>,
    path: &Bound<'py, PyAny>,
    realm: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let py = scope.py();
    let method = scope.get_item(intern!(py, "method"))?;
    // A WebSocket handshake has no method in its scope.
    let method = method.as_ref().map_or(Ok("GET"), |method| method.extract::<&str>())?;
    let lines = Lines::of_headers(&scope.as_any().get_item(intern!(py, "headers"))?)?;
    let (path, public) = match path.cast::<PyBytes>() {
        Ok(raw) => (arguments::latin1(raw.as_bytes()), true),
        Err(_) => (path.extract()?, false),
    };
    let admission = engine.get().admission(py, method, &path, lines, realm, None, public)?;
    let admitted = scope.copy()?;
    admitted.set_item(key, admission)?;
    Ok(admitted)
}

/// Sends the messages of an application's answer. An answer with status 500 goes to `delay` instead, a method of the subclass:
/// whether it is the right one shows only when the application returns.
#[pyclass(frozen, subclass, module = "artos_auth")]
pub struct Answer {
    send: Py<PyAny>,
    started: AtomicBool,
    delayed: AtomicBool,
}

#[pymethods]
impl Answer {
    #[new]
    fn new(send: Py<PyAny>) -> Self {
        Self { send, started: AtomicBool::new(false), delayed: AtomicBool::new(false) }
    }

    /// Whether a message was sent.
    #[getter]
    fn started(&self) -> bool {
        self.started.load(Ordering::Relaxed)
    }

    /// Whether messages are delayed.
    #[getter]
    fn delayed(&self) -> bool {
        self.delayed.load(Ordering::Relaxed)
    }

    /// Ends the delay: from now on messages are sent. Returns the function that sends them.
    fn resume(&self, py: Python<'_>) -> Py<PyAny> {
        self.delayed.store(false, Ordering::Relaxed);
        self.started.store(true, Ordering::Relaxed);
        self.send.clone_ref(py)
    }

    /// The awaitable of the function that sends, without a coroutine of its own around it.
    fn __call__<'py>(slf: &Bound<'py, Self>, message: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let (py, this) = (slf.py(), slf.get());
        if !this.started() {
            if this.delayed() || is_error_page(message)? {
                this.delayed.store(true, Ordering::Relaxed);
                return slf.call_method1(intern!(py, "delay"), (message,));
            }
            this.started.store(true, Ordering::Relaxed);
        }
        this.send.bind(py).call1((message,))
    }
}

/// Whether an ASGI message starts an answer with status 500.
fn is_error_page(message: &Bound<'_, PyAny>) -> PyResult<bool> {
    let name = intern!(message.py(), "status");
    let status = match message.cast::<PyDict>() {
        Ok(message) => message.get_item(name)?,
        Err(_) => Some(message.call_method1(intern!(message.py(), "get"), (name,))?),
    };
    status.map_or(Ok(false), |status| status.eq(500))
}
