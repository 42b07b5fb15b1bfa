//! The caller's identity for Python.

use artos_auth_engine as engine;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::{arguments, errors};

/// The properties shared by a caller and a principal, and the methods of one of them.
macro_rules! identity {
    ($name:ident { $($methods:item)* }) => {
        #[pymethods]
        impl $name {
            /// The user id, for audit trails.
            #[getter]
            fn user_id(&self) -> &str {
                self.0.user_id()
            }

            /// The organization to filter by; the only one.
            #[getter]
            fn org_id(&self) -> &str {
                self.0.org_id()
            }

            /// The token's permissions, in its order.
            #[getter]
            fn permissions<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
                PyTuple::new(py, self.0.permissions())
            }

            /// The token's `jti`.
            #[getter]
            fn token_id(&self) -> Option<&str> {
                self.0.token_id()
            }

            /// The token's `iat`, in seconds since the Unix epoch.
            #[getter]
            fn issued_at(&self) -> Option<f64> {
                self.0.issued_at().map(|at| at.seconds())
            }

            /// The token's `exp`, in seconds since the Unix epoch.
            #[getter]
            fn expires_at(&self) -> f64 {
                self.0.expires_at().seconds()
            }

            fn __repr__(&self) -> String {
                format!(
                    concat!(stringify!($name), "(user_id={:?}, org_id={:?})"),
                    self.0.user_id(),
                    self.0.org_id()
                )
            }

            $($methods)*
        }
    };
}

/// An authorized user.
#[pyclass(frozen, module = "artos_auth")]
pub struct Principal(pub engine::Principal);

identity!(Principal {});

impl Principal {
    /// The members of a principal in JSON.
    pub fn as_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        dict.set_item("user_id", self.0.user_id())?;
        dict.set_item("org_id", self.0.org_id())?;
        dict.set_item("permissions", self.0.permissions().collect::<Vec<_>>())?;
        dict.set_item("token_id", self.0.token_id())?;
        dict.set_item("issued_at", self.0.issued_at().map(|at| at.seconds()))?;
        dict.set_item("expires_at", self.0.expires_at().seconds())?;
        Ok(dict)
    }
}

/// An authenticated user; not yet authorized for any resource.
#[pyclass(frozen, module = "artos_auth")]
pub struct Caller(pub engine::Caller);

identity!(Caller {
    /// Decides about a resource of `owner`. Raises `Denied`, the documented 403.
    #[pyo3(signature = (*, owner, account = "unknown"))]
    fn authorize(&self, py: Python<'_>, owner: &Bound<'_, PyAny>, account: &str) -> PyResult<Principal> {
        let account = arguments::account(account)?;
        let owner = arguments::owner(owner)?;
        self.0.authorize(owner, account).map(Principal).map_err(|denial| errors::denied(py, &denial))
    }

    /// Raises `Denied`, the documented 403, unless the token has the permission.
    fn require(&self, py: Python<'_>, permission: &str) -> PyResult<()> {
        self.0.require(permission).map_err(|denial| errors::denied(py, &denial))
    }
});
