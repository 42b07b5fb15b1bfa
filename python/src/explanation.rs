//! A decision with every check, for Python.

use artos_auth_engine as engine;
use artos_auth_server::Unavailable;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::decision::Decision;

/// One check: its question, clauses, result and note.
#[pyclass(frozen, get_all, module = "artos_auth")]
pub struct Step {
    check: &'static str,
    clauses: Py<PyTuple>,
    result: &'static str,
    note: Option<String>,
}

impl Step {
    fn of(py: Python<'_>, step: &engine::Step) -> PyResult<Self> {
        Ok(Self {
            check: step.check.title(),
            clauses: PyTuple::new(py, step.check.clauses())?.unbind(),
            result: step.result.name(),
            note: step.note.clone(),
        })
    }

    fn as_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        dict.set_item("check", self.check)?;
        dict.set_item("clauses", self.clauses.bind(py).to_list())?;
        dict.set_item("result", self.result)?;
        dict.set_item("note", self.note.as_deref())?;
        Ok(dict)
    }
}

#[pymethods]
impl Step {
    fn __repr__(&self) -> String {
        format!("Step(check={:?}, result={:?})", self.check, self.result)
    }
}

/// A decision and its checks. Like a decision it has no truth value.
#[pyclass(frozen, module = "artos_auth")]
pub struct Explanation {
    decision: Py<Decision>,
    steps: Vec<Py<Step>>,
}

impl Explanation {
    pub fn of(py: Python<'_>, explanation: &engine::Explanation<'_>) -> PyResult<Self> {
        let steps = explanation.steps.iter().map(|step| Py::new(py, Step::of(py, step)?));
        Ok(Self {
            decision: Py::new(py, Decision::of(py, &explanation.decision)?)?,
            steps: steps.collect::<PyResult<_>>()?,
        })
    }

    /// No check runs while no decision is possible.
    pub fn unavailable(py: Python<'_>, why: Unavailable) -> PyResult<Self> {
        Ok(Self { decision: Py::new(py, Decision::unavailable(why))?, steps: Vec::new() })
    }
}

#[pymethods]
impl Explanation {
    /// The result of `decide`.
    #[getter]
    fn decision(&self, py: Python<'_>) -> Py<Decision> {
        self.decision.clone_ref(py)
    }

    /// Every check, in order.
    #[getter]
    fn steps<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.steps.iter().map(|step| step.bind(py)))
    }

    /// Both as dictionaries and lists, ready for `json.dumps`, in the same form as in the npm package.
    fn as_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        dict.set_item("decision", self.decision.get().as_dict(py)?)?;
        let steps = self.steps.iter().map(|step| step.get().as_dict(py));
        dict.set_item("steps", steps.collect::<PyResult<Vec<_>>>()?)?;
        Ok(dict)
    }

    fn __bool__(&self) -> PyResult<bool> {
        Err(PyTypeError::new_err("an Explanation has no truth value; ask `explanation.decision.allowed`"))
    }

    fn __repr__(&self) -> String {
        format!("Explanation({})", self.decision.get().describe())
    }
}
