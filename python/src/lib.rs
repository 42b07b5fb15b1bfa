//! The native part of the Python package `artos-auth`: the engine, and the server's configuration files.
//!
//! `engine` decides, `identity` holds the caller, `decision` the result, `explanation` the checks; `asgi` is what the middleware
//! does for every request; `arguments` converts Python values, `errors` raises. The rules of the contract are only in the engine.

mod arguments;
mod asgi;
mod decision;
mod engine;
mod errors;
mod explanation;
mod identity;

use pyo3::prelude::*;

/// The native module, re-exported by `artos_auth`.
#[pymodule]
mod _artos_auth {
    #[pymodule_export]
    use super::arguments::Marker;
    #[pymodule_export]
    use super::asgi::{Answer, admit};
    #[pymodule_export]
    use super::decision::Decision;
    #[pymodule_export]
    use super::engine::Engine;
    #[pymodule_export]
    use super::explanation::{Explanation, Step};
    #[pymodule_export]
    use super::identity::{Caller, Principal};

    use super::arguments::markers;
    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        for (name, marker) in markers() {
            module.add(name, Py::new(module.py(), marker)?)?;
        }
        Ok(())
    }
}
