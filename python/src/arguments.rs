//! Converts Python values to the engine's arguments. A missing argument is refused, never guessed.

use std::borrow::Cow;

use artos_auth_engine::{Account, Organizations, ResourceOrg};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString, PyTuple};

/// A constant in place of an organization id: the kind of owner, or that a path is public.
#[pyclass(frozen, eq, module = "artos_auth")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marker {
    /// The resource has no owner.
    #[pyo3(name = "UNOWNED")]
    Unowned,
    /// The owner of the resource is unresolved.
    #[pyo3(name = "UNRESOLVED")]
    Unresolved,
    /// The path is public.
    #[pyo3(name = "PUBLIC")]
    Public,
}

/// The constants of the module.
pub fn markers() -> [(&'static str, Marker); 3] {
    [("UNOWNED", Marker::Unowned), ("UNRESOLVED", Marker::Unresolved), ("PUBLIC", Marker::Public)]
}

/// The owner of a resource: an id, `UNOWNED`, `UNRESOLVED`, or `None`, which means unresolved, never unowned.
pub fn owner<'a>(value: &'a Bound<'_, PyAny>) -> PyResult<ResourceOrg<'a>> {
    if value.is_none() {
        return Ok(ResourceOrg::Unresolved);
    }
    if let Ok(id) = value.cast::<PyString>() {
        return Ok(ResourceOrg::Owned(id.to_cow()?));
    }
    match value.cast::<Marker>().map(|marker| *marker.get()) {
        Ok(Marker::Unowned) => Ok(ResourceOrg::Unowned),
        Ok(Marker::Unresolved) => Ok(ResourceOrg::Unresolved),
        Ok(Marker::Public) | Err(_) => Err(PyTypeError::new_err(
            "expected an organization id, artos_auth.UNOWNED, artos_auth.UNRESOLVED or None (unresolved) as owner",
        )),
    }
}

/// The account status known to the service.
pub fn account(name: &str) -> PyResult<Account> {
    match name {
        "unknown" => Ok(Account::Unknown),
        "active" => Ok(Account::Active),
        "not_a_member" => Ok(Account::NotAMember),
        "not_configured" => Ok(Account::NotConfigured),
        _ => Err(PyValueError::new_err(
            "expected \"unknown\", \"active\", \"not_a_member\" or \"not_configured\" as account",
        )),
    }
}

/// The organizations whose tokens authenticate; `None` is any.
pub fn realm(ids: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Organizations>> {
    let Some(ids) = ids else { return Ok(None) };
    if ids.is_instance_of::<PyString>() {
        return Err(PyTypeError::new_err(
            "expected a collection of organization ids as realm, not one string",
        ));
    }
    ids.try_iter()?.map(|id| id?.extract::<String>()).collect::<PyResult<_>>().map(Some)
}

/// The values of the `Authorization` lines, as bytes. One string is not a sequence of lines.
pub struct Lines(Vec<Vec<u8>>);

impl Lines {
    pub fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        if value.is_instance_of::<PyString>() || value.is_instance_of::<PyBytes>() {
            return Err(PyTypeError::new_err(
                "expected a sequence of Authorization values, not one value: write [value]",
            ));
        }
        value.try_iter()?.map(|line| line_bytes(&line?)).collect::<PyResult<_>>().map(Self)
    }

    /// The values of the lines named `Authorization` of an ASGI scope's `headers`.
    pub fn of_headers(headers: &Bound<'_, PyAny>) -> PyResult<Self> {
        let mut lines = Vec::new();
        for line in headers.try_iter()? {
            let line = line?;
            // A server gives tuples; other sequences are as good.
            let part = |index: usize| match line.cast::<PyTuple>() {
                Ok(tuple) => tuple.get_item(index),
                Err(_) => line.get_item(index),
            };
            if part(0)?.cast::<PyBytes>()?.as_bytes().eq_ignore_ascii_case(b"authorization") {
                lines.push(line_bytes(&part(1)?)?);
            }
        }
        Ok(Self(lines))
    }

    pub fn first(&self) -> Option<&[u8]> {
        self.0.first().map(Vec::as_slice)
    }

    pub fn as_slices(&self) -> Vec<&[u8]> {
        self.0.iter().map(Vec::as_slice).collect()
    }
}

/// Bytes unchanged; text as ISO 8859-1, as WSGI and header libraries decode it.
fn line_bytes(line: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    if let Ok(bytes) = line.cast::<PyBytes>() {
        return Ok(bytes.as_bytes().to_vec());
    }
    let text = line
        .cast::<PyString>()
        .map_err(|_| PyTypeError::new_err("expected bytes or str as an Authorization value"))?;
    text.to_cow()?.chars().map(u8::try_from).collect::<Result<_, _>>().map_err(|_| {
        PyValueError::new_err("an Authorization value has characters that no header field can hold")
    })
}

/// Bytes as text, by ISO 8859-1.
pub fn latin1(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.is_ascii() => Cow::Borrowed(text),
        _ => Cow::Owned(bytes.iter().copied().map(char::from).collect()),
    }
}
