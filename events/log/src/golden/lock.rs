//! The lock of the schemas: a line for each published event, with the hash of its JSON Schema.

use std::collections::BTreeMap;

use events::{codec::CrmEvent, evidence::sha256};
use serde_json::Value;

/// What `schemas.lock` must hold: `name version sha256`, sorted, a line each.
///
/// The hash is of the schema's JSON with sorted keys and without titles and descriptions: words
/// may be bettered, shapes may not change.
#[must_use]
pub fn schemas_lock() -> String {
    let mut lines: Vec<_> = CrmEvent::published()
        .into_iter()
        .map(|published| {
            let mut canonical = String::new();
            write_canonical(published.schema.as_value(), &mut canonical);
            let hash = hex::encode(sha256(canonical.as_bytes()));
            format!("{} {} {hash}\n", published.event_type.name, published.event_type.version)
        })
        .collect();
    lines.sort();
    lines.concat()
}

fn write_canonical(json: &Value, out: &mut String) {
    match json {
        Value::Object(fields) => {
            out.push('{');
            for (name, value) in fields.iter().collect::<BTreeMap<_, _>>() {
                if is_prose(name, value) {
                    continue;
                }
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                write_canonical(value, out);
                out.push(',');
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for item in items {
                write_canonical(item, out);
                out.push(',');
            }
            out.push(']');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            out.push_str(&json.to_string());
        }
    }
}

/// A property that is called `description` holds a schema, an annotation holds a text.
fn is_prose(name: &str, value: &Value) -> bool {
    matches!(name, "title" | "description") && value.is_string()
}
