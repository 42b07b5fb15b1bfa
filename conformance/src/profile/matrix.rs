//! `[matrix]`: the OpenAPI document of the deployment, and the values that its operations are called with.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The settings of `artos-conformance matrix`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table such as `{ openapi = \"openapi.json\" }`")]
pub struct Matrix {
    /// The document: a file, relative to the profile, or a URL.
    pub openapi: Option<String>,
    /// Globs over path templates, optionally with a method; empty selects all operations.
    pub include: Vec<String>,
    /// The same, for excluded operations.
    pub exclude: Vec<String>,
    /// The prefix of every path, instead of the path of the document's first server.
    pub prefix: Option<String>,
    /// Values of parameters, by name or `operationId.name`.
    pub parameters: BTreeMap<String, MatrixValue>,
    /// The permissions of operations, by `METHOD /path`.
    pub permissions: BTreeMap<String, Vec<String>>,
    /// JSON bodies, by operationId or `METHOD /path`.
    pub bodies: BTreeMap<String, serde_json::Value>,
}

/// The value of a parameter.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(
    untagged,
    expecting = "expected a string, a number, a boolean, or a table `{ own = \"…\", other = \"…\" }`"
)]
pub enum MatrixValue {
    /// The same for every caller: owned by nobody.
    Text(String),
    /// A number, sent as written.
    Number(i64),
    /// `true` or `false`.
    Boolean(bool),
    /// Names a resource of an organization.
    Owned(OwnedValue),
}

/// A value that names a resource.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnedValue {
    /// A resource of the organization of valid tokens.
    pub own: String,
    /// A resource of the other organization.
    pub other: Option<String>,
}
