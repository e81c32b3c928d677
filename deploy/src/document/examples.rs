//! An example for each body and answer, made from its schema.

use serde_json::{Map, Value, json};

/// How deep an example goes; what nests deeper is left out.
const DEEP: usize = 24;
/// How many fields that may be absent an example of a body shows.
const SHOWN: usize = 3;

/// Makes examples by the definitions of a document.
pub(super) struct Examples<'a>(&'a Value);

/// Adds an example to every body and answer that has none.
pub(super) fn add_examples(paths: &mut Value, examples: &Examples<'_>) {
    for item in paths.as_object_mut().into_iter().flatten().map(|(_, item)| item) {
        for (_, operation) in item.as_object_mut().into_iter().flatten() {
            if let Some(content) = operation.pointer_mut("/requestBody/content") {
                examples.add(content, Some(SHOWN));
            }
            for (_, response) in operation["responses"].as_object_mut().into_iter().flatten() {
                if let Some(content) = response.get_mut("content") {
                    examples.add(content, None);
                }
            }
        }
    }
}

impl<'a> Examples<'a> {
    pub(super) const fn of(definitions: &'a Value) -> Self {
        Self(definitions)
    }

    fn add(&self, content: &mut Value, shown: Option<usize>) {
        for (_, media) in content.as_object_mut().into_iter().flatten() {
            if media.get("example").is_none() {
                let example = self.example("", &media["schema"], shown, 0);
                media["example"] = example;
            }
        }
    }

    fn example(&self, name: &str, schema: &Value, shown: Option<usize>, depth: usize) -> Value {
        if depth > DEEP {
            return Value::Null;
        }
        let next = |schema: &Value| self.example(name, schema, shown, depth + 1);
        if let Some(known) = schema.get("const") {
            return known.clone();
        }
        if let Some(Value::Array(known)) = schema.get("enum") {
            return choice(name, known);
        }
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            let definition = reference.rsplit('/').next().unwrap_or_default();
            return next(&self.0[definition]);
        }
        for one in ["oneOf", "anyOf"] {
            if let Some(Value::Array(known)) = schema.get(one) {
                return known.first().map_or(Value::Null, next);
            }
        }
        if schema.get("type").is_none()
            && let Some(Value::Array(parts)) = schema.get("allOf")
        {
            return self.all(name, parts, shown, depth);
        }
        let of = match &schema["type"] {
            Value::Array(types) => types.first().and_then(Value::as_str).unwrap_or_default(),
            of => of.as_str().unwrap_or_default(),
        };
        match of {
            "string" => text(name, schema),
            "integer" => schema
                .get("minimum")
                .filter(|least| **least != json!(0))
                .cloned()
                .unwrap_or(json!(7)),
            "number" => json!(1.5),
            "boolean" => json!(true),
            "array" => schema.get("items").map_or(json!([]), |items| json!([next(items)])),
            "object" => self.object(schema, shown, depth),
            _ => json!({}),
        }
    }

    /// Parts that hold together: the fields of all of them.
    fn all(&self, name: &str, parts: &[Value], shown: Option<usize>, depth: usize) -> Value {
        let mut whole = Map::new();
        for part in parts {
            let mut part = self.example(name, part, shown, depth + 1);
            match part.as_object_mut() {
                Some(fields) => whole.append(fields),
                None => return part,
            }
        }
        if let Some(Value::Object(fields)) = parts.iter().find_map(|part| part.get("properties")) {
            for (name, schema) in fields {
                whole.insert(name.clone(), self.example(name, schema, shown, depth + 1));
            }
        }
        Value::Object(whole)
    }

    fn object(&self, schema: &Value, shown: Option<usize>, depth: usize) -> Value {
        let required: Vec<_> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let mut left = shown.unwrap_or(usize::MAX);
        let mut example = Map::new();
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            if !required.contains(&name.as_str()) {
                if left == 0 {
                    continue;
                }
                left -= 1;
            }
            example.insert(name.clone(), self.example(name, property, shown, depth + 1));
        }
        Value::Object(example)
    }
}

/// Of the currencies the one that people expect; of others the first.
fn choice(name: &str, known: &[Value]) -> Value {
    let wanted = if name == "currency" { "USD" } else { "" };
    let found = known.iter().find(|known| **known == wanted);
    found.or(known.first()).cloned().unwrap_or(Value::Null)
}

fn text(name: &str, schema: &Value) -> Value {
    let text = match schema.get("format").and_then(Value::as_str) {
        Some("uuid") => "0190a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b",
        Some("date") => "2026-11-02",
        Some("date-time") => "2026-11-02T09:00:00Z",
        Some("email") => "ana@contoso.com",
        _ => match name {
            "name" => "Contoso",
            "currency" => "USD",
            "topic" => "Chairs for the new office",
            "first_name" => "Bia",
            "last_name" => "Quintela",
            "amount" => "2000.00",
            "unit_price" => "150.00",
            "quantity" => "10",
            "percent" | "probability" | "tax" => "40",
            "country" => "BR",
            "website" => "https://contoso.com",
            "phone" => "+55 11 5555 0100",
            "position" => "42",
            "secret_sha256" => "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            _ if is_number(schema) => "10",
            _ => "Example",
        },
    };
    Value::from(text)
}

fn is_number(schema: &Value) -> bool {
    schema.get("pattern").and_then(Value::as_str).is_some_and(|it| it.contains("[0-9]"))
}
