//! Raises the exceptions of `artos_auth._errors`, which are Python classes: the stable ABI of Python 3.10 cannot extend a
//! built-in exception with fields.

use artos_auth_engine::Denial;
use artos_auth_server::Unavailable;
use artos_auth_server::config;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

/// Imports a class of `artos_auth._errors` once.
fn class<'py>(py: Python<'py>, cell: &PyOnceLock<Py<PyType>>, name: &str) -> PyResult<Bound<'py, PyType>> {
    cell.import(py, "artos_auth._errors", name).cloned()
}

/// Builds the exception, or returns the error of building it.
fn raise(exception: PyResult<Bound<'_, PyAny>>) -> PyErr {
    match exception {
        Ok(exception) => PyErr::from_value(exception),
        Err(error) => error,
    }
}

/// `Denied` for a denial.
pub fn denied(py: Python<'_>, denial: &Denial) -> PyErr {
    let arguments = (
        denial.status(),
        denial.detail(),
        Some(denial.www_authenticate()),
        denial.reason().code(),
        denial.reason().clause(),
        denial.cause().map(|cause| cause.to_string()),
    );
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    raise(class(py, &CLASS, "Denied").and_then(|class| class.call1(arguments)))
}

/// `Denied` for a 503.
pub fn unavailable(py: Python<'_>, why: Unavailable) -> PyErr {
    let arguments = (503, "Service unavailable", None::<&str>, why.code(), why.clause(), None::<&str>);
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    raise(class(py, &CLASS, "Denied").and_then(|class| class.call1(arguments)))
}

/// `ConfigError` with file, line and key.
pub fn config(py: Python<'_>, error: &config::ConfigError) -> PyErr {
    let key = Some(error.key.as_str()).filter(|key| !key.is_empty());
    let arguments = (error.to_string(), error.file.display().to_string(), error.line, key);
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    raise(class(py, &CLASS, "ConfigError").and_then(|class| class.call1(arguments)))
}

/// `ForkError`.
pub fn forked(py: Python<'_>) -> PyErr {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let message = "this engine was created before a fork, and its background threads are in the parent process; \
                   create the engine in the child";
    raise(class(py, &CLASS, "ForkError").and_then(|class| class.call1((message,))))
}
