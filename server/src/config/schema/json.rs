//! The JSON Schema (draft 2020-12) of the configuration file.

use serde_json::{Map, Value, json};

use super::keys::FILE;
use super::{Key, Kind, Table};

/// The schema, as JSON.
#[must_use]
pub fn schema() -> Value {
    let mut schema = object(&FILE);
    let about = concat!("The configuration file of artos-auth ", env!("CARGO_PKG_VERSION"), ".");
    let head = [
        ("$schema", "https://json-schema.org/draft/2020-12/schema"),
        ("title", "artos-auth.toml"),
        ("description", about),
    ];
    schema.extend(head.map(|(name, text)| (name.to_owned(), json!(text))));
    Value::Object(schema)
}

/// A table with these keys, and no others.
fn object(table: &Table) -> Map<String, Value> {
    let properties: Map<_, _> = table.keys.iter().map(|key| (key.name.to_owned(), property(key))).collect();
    let mut object = Map::new();
    object.insert("type".to_owned(), json!("object"));
    object.insert("properties".to_owned(), Value::Object(properties));
    object.insert("additionalProperties".to_owned(), json!(false));
    let required: Vec<_> = table.keys.iter().filter(|key| key.is_required).map(|key| key.name).collect();
    if !required.is_empty() {
        object.insert("required".to_owned(), json!(required));
    }
    if !table.one_of.is_empty() {
        object.insert("oneOf".to_owned(), alternatives(table.one_of));
    }
    if let Some((key, value, needed)) = table.needs {
        let with = json!({ "properties": { key: { "const": value } }, "required": [key] });
        object.insert("if".to_owned(), with);
        object.insert("then".to_owned(), json!({ "required": [needed] }));
        object.insert("else".to_owned(), json!({ "not": { "required": [needed] } }));
    }
    let beside = table.keys.iter().filter(|key| !key.beside.is_empty());
    let beside: Map<_, _> =
        beside.map(|key| (key.name.to_owned(), json!({ "anyOf": alternatives(key.beside) }))).collect();
    if !beside.is_empty() {
        object.insert("dependentSchemas".to_owned(), Value::Object(beside));
    }
    object
}

/// A table or an array of tables. Not two alternatives: for a mistake in either, an editor could only report
/// that no alternative matches. Each keyword applies to only one of the two types.
fn object_or_array(table: &Table) -> Map<String, Value> {
    let mut either = object(table);
    if let Some(one_of) = either.remove("oneOf") {
        either.insert("anyOf".to_owned(), json!([{ "type": "array" }, { "oneOf": one_of }]));
    }
    either.insert("type".to_owned(), json!(["object", "array"]));
    either.insert("items".to_owned(), Value::Object(object(table)));
    either.insert("minItems".to_owned(), json!(1));
    either
}

fn alternatives(keys: &[&str]) -> Value {
    keys.iter().map(|key| json!({ "required": [key] })).collect()
}

fn property(key: &Key) -> Value {
    let mut property = match kind(&key.kind) {
        Value::Object(kind) => kind,
        _ => Map::new(),
    };
    property.insert("description".to_owned(), json!(key.about));
    if let Some(default) = key.default.and_then(json_of) {
        property.insert("default".to_owned(), default);
    }
    Value::Object(property)
}

fn kind(kind: &Kind) -> Value {
    let names = || json!({ "type": "array", "items": text(), "minItems": 1 });
    match kind {
        Kind::Text | Kind::Path => text(),
        Kind::Integer { least, most: None } => json!({ "type": "integer", "minimum": least }),
        Kind::Integer { least, most: Some(most) } => {
            json!({ "type": "integer", "minimum": least, "maximum": most })
        }
        Kind::Ratio => json!({ "type": "number", "minimum": 0, "maximum": 1 }),
        Kind::Boolean => json!({ "type": "boolean" }),
        Kind::True => json!({ "const": true }),
        Kind::Choice(values) => json!({ "enum": values }),
        Kind::Texts { may_be_empty: true } => json!({ "type": "array", "items": text() }),
        Kind::Texts { may_be_empty: false } => names(),
        Kind::Claim => json!({ "anyOf": [text(), names()] }),
        Kind::Claims => {
            let several = json!({ "type": "array", "items": names(), "minItems": 1 });
            json!({ "anyOf": [text(), names(), several] })
        }
        Kind::Required => {
            let value = json!({ "type": ["string", "boolean", "integer"] });
            let values = json!({ "type": "array", "items": value, "minItems": 1 });
            json!({ "type": "object", "additionalProperties": { "anyOf": [value, values] } })
        }
        Kind::Table(of) => Value::Object(object(of)),
        Kind::Tables { of, may_be_empty: true } => json!({ "type": "array", "items": object(of) }),
        Kind::Tables { of, may_be_empty: false } => {
            json!({ "type": "array", "items": object(of), "minItems": 1 })
        }
        Kind::TableOrTables(of) => Value::Object(object_or_array(of)),
    }
}

fn text() -> Value {
    json!({ "type": "string" })
}

/// A default, which is written in TOML.
fn json_of(text: &str) -> Option<Value> {
    let table: toml::Table = format!("value = {text}").parse().ok()?;
    serde_json::to_value(table.get("value")?).ok()
}
