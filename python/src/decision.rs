//! Decisions for Python.

use artos_auth_engine as engine;
use artos_auth_server::Unavailable;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::identity::Principal;

/// What the engine decided. It has no truth value: `if decision:` would be true for a denial.
#[pyclass(frozen, get_all, module = "artos_auth")]
pub struct Decision {
    allowed: bool,
    status: u16,
    detail: Option<&'static str>,
    www_authenticate: Option<String>,
    reason: &'static str,
    clause: &'static str,
    cause: Option<String>,
    principal: Option<Py<Principal>>,
}

impl Decision {
    pub fn of(py: Python<'_>, decision: &engine::Decision<'_>) -> PyResult<Self> {
        let denial = decision.denial();
        let principal = match decision.principal() {
            Some(principal) => Some(Py::new(py, Principal(principal.to_owned()))?),
            None => None,
        };
        Ok(Self {
            allowed: decision.is_allow(),
            status: decision.status(),
            detail: denial.map(|denial| denial.detail()),
            www_authenticate: denial.map(|denial| denial.www_authenticate().to_owned()),
            reason: decision.reason_code(),
            clause: decision.clause(),
            cause: denial.and_then(|denial| denial.cause()).map(|cause| cause.to_string()),
            principal,
        })
    }

    pub fn unavailable(why: Unavailable) -> Self {
        Self {
            allowed: false,
            status: 503,
            detail: Some("Service unavailable"),
            www_authenticate: None,
            reason: why.code(),
            clause: why.clause(),
            cause: None,
            principal: None,
        }
    }
}

impl Decision {
    /// The members of a decision in JSON.
    pub fn as_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        dict.set_item("allowed", self.allowed)?;
        dict.set_item("status", self.status)?;
        dict.set_item("detail", self.detail)?;
        dict.set_item("www_authenticate", self.www_authenticate.as_deref())?;
        dict.set_item("reason", self.reason)?;
        dict.set_item("clause", self.clause)?;
        let principal = self.principal.as_ref().map(|principal| principal.get().as_dict(py)).transpose()?;
        dict.set_item("principal", principal)?;
        Ok(dict)
    }

    pub fn describe(&self) -> String {
        format!("Decision(status={}, reason={:?})", self.status, self.reason)
    }
}

#[pymethods]
impl Decision {
    fn __bool__(&self) -> PyResult<bool> {
        Err(PyTypeError::new_err("a Decision has no truth value; ask `decision.allowed`"))
    }

    fn __repr__(&self) -> String {
        self.describe()
    }
}
