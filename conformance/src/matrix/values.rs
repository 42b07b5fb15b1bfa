//! Values of parameters and bodies, and the requests that they make.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::document::{Operation, Parameter, Place};
use crate::judge::strings;
use crate::profile::{Matrix, MatrixValue, OwnedValue};
use crate::transport::{Request, TokenText};

/// RFC 3986 §2.3: everything but unreserved characters is escaped.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Whose resource a request names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resource {
    /// Every owned value is the own organization's.
    Own,
    /// Every owned value is the other organization's.
    Other,
    /// This value alone is the own organization's.
    OwnOnly(String),
    /// This value alone is the other organization's.
    OtherOnly(String),
}

impl Resource {
    /// The word in reports and filters.
    pub fn label(&self) -> String {
        match self {
            Self::Own => "own".into(),
            Self::Other => "other".into(),
            Self::OwnOnly(name) => format!("own:{name}"),
            Self::OtherOnly(name) => format!("other:{name}"),
        }
    }

    fn pick<'a>(&self, name: &str, value: &'a OwnedValue) -> &'a str {
        let other = match self {
            Self::Own => false,
            Self::Other => true,
            Self::OwnOnly(only) => only != name,
            Self::OtherOnly(only) => only == name,
        };
        value.other.as_deref().filter(|_| other).unwrap_or(&value.own)
    }
}

/// An operation whose parameters and body have values.
#[derive(Clone, Debug, PartialEq)]
pub struct Filled {
    parameters: Vec<(Parameter, Filling)>,
    body: Option<(String, Value)>,
    /// The names of owned values, parameters first, and whether both sides are known.
    owned: Vec<(String, bool)>,
}

#[derive(Clone, Debug, PartialEq)]
enum Filling {
    Same(String),
    Owned(OwnedValue),
}

impl Filled {
    /// Finds the values of an operation.
    ///
    /// # Errors
    ///
    /// The names of required parameters without a value; the body is `requestBody`.
    pub fn new(operation: &Operation, matrix: &Matrix) -> Result<Self, Vec<String>> {
        let mut filled = Self { parameters: Vec::new(), body: None, owned: Vec::new() };
        let mut missing = Vec::new();
        for parameter in &operation.parameters {
            let specific = operation.id.as_ref().map(|id| format!("{id}.{}", parameter.name));
            let given = specific
                .and_then(|name| matrix.parameters.get(&name))
                .or_else(|| matrix.parameters.get(&parameter.name));
            let filling = match (given, &parameter.value) {
                (Some(MatrixValue::Text(text)), _) => Some(Filling::Same(text.clone())),
                (Some(MatrixValue::Number(number)), _) => Some(Filling::Same(number.to_string())),
                (Some(MatrixValue::Boolean(boolean)), _) => Some(Filling::Same(boolean.to_string())),
                (Some(MatrixValue::Owned(value)), _) => {
                    filled.owned.push((parameter.name.clone(), value.other.is_some()));
                    Some(Filling::Owned(value.clone()))
                }
                (None, Some(Value::String(text))) => Some(Filling::Same(text.clone())),
                (None, Some(value @ (Value::Number(_) | Value::Bool(_)))) => {
                    Some(Filling::Same(value.to_string()))
                }
                (None, _) => None,
            };
            match filling {
                // An example of an optional parameter may narrow the answer; only the profile's are sent.
                Some(filling) if parameter.required || given.is_some() => {
                    filled.parameters.push((parameter.clone(), filling));
                }
                None if parameter.required => missing.push(parameter.name.clone()),
                _ => {}
            }
        }
        let given = operation
            .id
            .as_ref()
            .and_then(|id| matrix.bodies.get(id))
            .or_else(|| matrix.bodies.get(&operation.endpoint()));
        let described = operation.body.as_ref();
        let media_type = described.and_then(|body| body.media_type.clone());
        match (given, described) {
            (Some(body), _) => filled.body = Some((media_type.unwrap_or_else(json_type), body.clone())),
            (None, Some(body)) => match &body.value {
                Some(value) => filled.body = Some((media_type.unwrap_or_else(json_type), value.clone())),
                None if body.required => missing.push("requestBody".into()),
                None => {}
            },
            (None, None) => {}
        }
        if let Some((_, body)) = &filled.body {
            owned_in(body, "body", &mut filled.owned);
        }
        if missing.is_empty() { Ok(filled) } else { Err(missing) }
    }

    /// The names of owned values whose two sides are known.
    pub fn two_sided(&self) -> Vec<&str> {
        self.owned.iter().filter(|(_, both)| *both).map(|(name, _)| name.as_str()).collect()
    }

    /// Whether a value names an owned resource.
    pub fn names_owned(&self) -> bool {
        !self.owned.is_empty()
    }

    /// The names of owned values.
    pub fn owned_names(&self) -> Vec<&str> {
        self.owned.iter().map(|(name, _)| name.as_str()).collect()
    }

    /// The request, without credentials, and the strings that it contains.
    pub fn request(&self, operation: &Operation, resource: &Resource) -> (Request, Vec<String>) {
        let mut path = operation.path.clone();
        let mut query = Vec::new();
        let mut fields = Vec::new();
        let mut asked: Vec<String> = operation.path.split('/').map(ToOwned::to_owned).collect();
        for (parameter, filling) in &self.parameters {
            let value = match filling {
                Filling::Same(text) => text.as_str(),
                Filling::Owned(value) => resource.pick(&parameter.name, value),
            };
            asked.push(value.to_owned());
            let escaped = utf8_percent_encode(value, ESCAPED).to_string();
            match parameter.place {
                Place::Path => path = path.replace(&format!("{{{}}}", parameter.name), &escaped),
                Place::Query => {
                    query.push(format!("{}={escaped}", utf8_percent_encode(&parameter.name, ESCAPED)));
                }
                Place::Header => fields.push((parameter.name.clone(), value.to_owned())),
            }
        }
        if !query.is_empty() {
            path = format!("{path}?{}", query.join("&"));
        }
        asked.push(path.clone());
        let mut request = Request::new(&operation.method, TokenText::from(path));
        for (name, value) in fields {
            request = request.field(&name, TokenText::from(value));
        }
        if let Some((media_type, body)) = &self.body {
            let body = with_resource(body, "body", resource);
            asked.extend(strings(&body).into_iter().map(ToOwned::to_owned));
            request = request.with_body(media_type, body.to_string());
        }
        (request, asked)
    }
}

fn json_type() -> String {
    "application/json".into()
}

/// `{ own = "…", other = "…" }` in a body.
fn owned_value(value: &Value) -> Option<OwnedValue> {
    let object = value.as_object()?;
    let own = object.get("own")?.as_str()?.to_owned();
    match object.get("other") {
        None if object.len() == 1 => Some(OwnedValue { own, other: None }),
        Some(other) if object.len() == 2 => Some(OwnedValue { own, other: Some(other.as_str()?.to_owned()) }),
        _ => None,
    }
}

fn owned_in(value: &Value, name: &str, found: &mut Vec<(String, bool)>) {
    if let Some(owned) = owned_value(value) {
        found.push((name.to_owned(), owned.other.is_some()));
        return;
    }
    children(value, name).into_iter().for_each(|(name, child)| owned_in(child, &name, found));
}

fn children<'a>(value: &'a Value, name: &str) -> Vec<(String, &'a Value)> {
    match value {
        Value::Object(members) => {
            members.iter().map(|(member, child)| (format!("{name}.{member}"), child)).collect()
        }
        Value::Array(items) => {
            items.iter().enumerate().map(|(at, child)| (format!("{name}.{at}"), child)).collect()
        }
        _ => Vec::new(),
    }
}

fn with_resource(value: &Value, name: &str, resource: &Resource) -> Value {
    if let Some(owned) = owned_value(value) {
        return Value::from(resource.pick(name, &owned));
    }
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(member, child)| {
                (member.clone(), with_resource(child, &format!("{name}.{member}"), resource))
            })
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(at, child)| with_resource(child, &format!("{name}.{at}"), resource))
            .collect(),
        other => other.clone(),
    }
}

/// All values of the profile that name a resource, of the own and of the other organization.
pub fn resources(matrix: &Matrix) -> (Vec<String>, Vec<String>) {
    fn collect(value: &Value, found: &mut Vec<OwnedValue>) {
        match owned_value(value) {
            Some(owned) => found.push(owned),
            None => children(value, "").into_iter().for_each(|(_, child)| collect(child, found)),
        }
    }
    let mut found: Vec<OwnedValue> = matrix
        .parameters
        .values()
        .filter_map(|value| match value {
            MatrixValue::Owned(value) => Some(value.clone()),
            _ => None,
        })
        .collect();
    matrix.bodies.values().for_each(|body| collect(body, &mut found));
    let own: Vec<String> = found.iter().map(|value| value.own.clone()).collect();
    let other: Vec<String> = found.into_iter().filter_map(|value| value.other).collect();
    // A value on both sides tells nothing of whose resource it names.
    let only = |one: &[String], two: &[String]| {
        one.iter().filter(|value| !two.contains(value)).cloned().collect::<Vec<_>>()
    };
    (only(&own, &other), only(&other, &own))
}
