//! Examples and defaults: of a parameter, a media type, or a schema.

use serde_json::{Map, Value};

use super::DocumentError;
use super::pointer::At;

/// The deepest nesting of schemas that values are collected from; recursive schemas end there.
const DEPTH: usize = 8;

/// The value of a parameter or media type: `example`, the first of `examples`, or its schema's.
pub(super) fn of_holder(holder: &At<'_>) -> Result<Option<Value>, DocumentError> {
    if let Some(example) = holder.get("example")? {
        return Ok(Some(example.value.clone()));
    }
    if let Some(examples) = holder.get("examples")?
        && let Some((_, first)) = examples.members()?.into_iter().next()
        && let Some(value) = first.resolved()?.get("value")?
    {
        return Ok(Some(value.value.clone()));
    }
    match holder.get("schema")? {
        Some(schema) => of_schema(schema, DEPTH),
        None => Ok(None),
    }
}

/// The value of a schema: `example`, the first of `examples`, `default`, `const`, or an object of its properties' values
/// if all required ones have one.
fn of_schema(schema: At<'_>, depth: usize) -> Result<Option<Value>, DocumentError> {
    let schema = schema.resolved()?;
    // JSON Schema allows `true` and `false` as schemas.
    if schema.value.is_boolean() || depth == 0 {
        return Ok(None);
    }
    if let Some(example) = schema.get("example")? {
        return Ok(Some(example.value.clone()));
    }
    if let Some(Value::Array(examples)) = schema.get("examples")?.map(|examples| examples.value)
        && let Some(first) = examples.first()
    {
        return Ok(Some(first.clone()));
    }
    for name in ["default", "const"] {
        if let Some(value) = schema.get(name)? {
            return Ok(Some(value.value.clone()));
        }
    }
    let Some(properties) = schema.get("properties")? else { return Ok(None) };
    let required: Vec<&str> = match schema.get("required")? {
        Some(required) => required.items()?.iter().map(At::text).collect::<Result<_, _>>()?,
        None => Vec::new(),
    };
    let mut object = Map::new();
    for (name, property) in properties.members()? {
        match of_schema(property, depth - 1)? {
            Some(value) => drop(object.insert(name.to_owned(), value)),
            None if required.contains(&name) => return Ok(None),
            None => {}
        }
    }
    Ok((!object.is_empty()).then_some(Value::Object(object)))
}
