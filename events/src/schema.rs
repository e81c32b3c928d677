//! The published schema of a payload.
//!
//! Kinds of records and numbers are lists that grow. In a schema they are texts, so that a new kind changes
//! no published schema; which of them there are, decoding decides.

use std::collections::BTreeSet;

use schemars::{JsonSchema, Schema, generate::SchemaSettings, transform::RecursiveTransform};
use serde_json::{Value, json};

/// Where the schemas of named types stand, and how one is referred to.
const DEFS: &str = "$defs";
const TO_DEF: &str = "#/$defs/";
/// What a type says of itself whose list of kinds grows.
const IS_OPEN: &str = "x-open";

/// The schema of a payload.
pub(crate) fn of<T: JsonSchema>() -> Schema {
    let settings = SchemaSettings::draft2020_12().with_transform(RecursiveTransform(open));
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    prune(&mut schema);
    schema
}

/// Makes a list of kinds a text.
fn open(schema: &mut Schema) {
    if schema.remove(IS_OPEN).is_none() {
        return;
    }
    schema.remove("enum");
    let kinds = schema.remove("oneOf").unwrap_or_default();
    // A reference holds its kind beside an id; a bare kind is one of some constants.
    let is_reference = kinds.pointer("/0/properties").is_some();
    if !is_reference {
        schema.insert("type".to_owned(), json!("string"));
        return;
    }
    let id = json!({ "type": "string", "format": "uuid" });
    for (name, value) in [
        ("type", json!("object")),
        ("properties", json!({ "type": { "type": "string" }, "id": id })),
        ("required", json!(["type", "id"])),
        ("additionalProperties", json!(false)),
    ] {
        schema.insert(name.to_owned(), value);
    }
}

/// Takes out what nothing refers to: the ids of each kind that a reference could have.
fn prune(schema: &mut Schema) {
    let Some(Value::Object(mut defs)) = schema.remove(DEFS) else { return };
    let mut used = BTreeSet::new();
    let mut open = references(schema.as_value());
    while let Some(name) = open.pop() {
        if let Some(def) = defs.get(&name)
            && used.insert(name)
        {
            open.extend(references(def));
        }
    }
    defs.retain(|name, _| used.contains(name));
    if !defs.is_empty() {
        schema.insert(DEFS.to_owned(), Value::Object(defs));
    }
}

/// The names of all types that a schema refers to.
fn references(schema: &Value) -> Vec<String> {
    match schema {
        Value::Object(fields) => {
            let own = fields.get("$ref").and_then(Value::as_str);
            let own = own.and_then(|to| to.strip_prefix(TO_DEF)).map(str::to_owned);
            own.into_iter().chain(fields.values().flat_map(references)).collect()
        }
        Value::Array(items) => items.iter().flat_map(references).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

#[cfg(test)]
#[path = "schema_tests.rs"]
mod tests;
