//! The part of OpenAPI 3.0 and 3.1 that the matrix needs.

mod example;
mod pointer;
mod read;

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

pub use read::read;

/// A document, reduced to its operations.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// The operations, sorted by path.
    pub operations: Vec<Operation>,
    /// Remarks for the reader of the report.
    pub notes: Vec<String>,
}

/// An operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// `operationId`, if the document gives one.
    pub id: Option<String>,
    /// The method, in upper case.
    pub method: String,
    /// The path template as it is sent, with the prefix.
    pub path: String,
    /// Whether the document allows calls without credentials.
    pub public: bool,
    /// The scopes of the first alternative that names a bearer or OAuth 2 scheme.
    pub scopes: Vec<String>,
    /// The parameters in path, query and header.
    pub parameters: Vec<Parameter>,
    /// The request body.
    pub body: Option<Body>,
    /// The media types of the described answers, by status.
    pub responses: BTreeMap<String, Vec<String>>,
}

impl Operation {
    /// The name in reports: `operationId`, or `METHOD /path`.
    pub fn name(&self) -> String {
        self.id.clone().unwrap_or_else(|| self.endpoint())
    }

    /// `METHOD /path`.
    pub fn endpoint(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Whether the method is safe (RFC 9110 §9.2.1) and always sent.
    pub fn is_safe(&self) -> bool {
        matches!(self.method.as_str(), "GET" | "HEAD")
    }
}

/// Where a parameter is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the path.
    Path,
    /// In the query.
    Query,
    /// In a header field.
    Header,
}

/// A parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Where it is sent.
    pub place: Place,
    /// Whether the operation cannot be called without it.
    pub required: bool,
    /// An example or default of the document.
    pub value: Option<Value>,
}

/// A request body.
#[derive(Clone, Debug, PartialEq)]
pub struct Body {
    /// Whether the operation cannot be called without it.
    pub required: bool,
    /// The media type if it is JSON.
    pub media_type: Option<String>,
    /// An example or default of the document.
    pub value: Option<Value>,
}

/// A document that cannot be read: the JSON pointer (RFC 6901) and the problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentError {
    /// Where the problem is; empty for the whole document.
    pub pointer: String,
    /// What it is, and how to fix it.
    pub message: String,
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Quoted text of the document must not forge a line.
        let shown: String = format!("at `{}`: {}", self.pointer, self.message)
            .chars()
            .flat_map(|letter| match letter.is_control() {
                true => letter.escape_debug().collect::<Vec<_>>(),
                false => vec![letter],
            })
            .collect();
        f.write_str(&shown)
    }
}

impl std::error::Error for DocumentError {}
