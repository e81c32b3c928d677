//! What the register promises of every command of customers and access.

use std::collections::BTreeSet;

use events::access::{Access, Scope};
use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::Value;

use crate::command::Entry;

fn generator() -> SchemaGenerator {
    SchemaSettings::draft2020_12().into_generator()
}

fn all() -> Vec<Entry> {
    let mut all = super::commands();
    all.extend(crate::access::commands());
    all
}

/// The schema of a command, with the reference to it followed.
fn schema(entry: &Entry) -> Value {
    let mut generator = generator();
    let schema = (entry.schema)(&mut generator).to_value();
    let definitions = generator.take_definitions(true);
    let name = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next());
    name.map_or(schema.clone(), |name| definitions[name].clone())
}

#[test]
fn no_two_commands_have_the_same_name() {
    let names: BTreeSet<_> = all().iter().map(|entry| entry.name).collect();
    assert_eq!(names.len(), all().len());
}

#[test]
fn every_command_and_every_field_says_what_it_is() {
    for entry in all() {
        let schema = schema(&entry);
        assert!(schema["description"].is_string(), "{}", entry.name);
        for (field, value) in schema["properties"].as_object().unwrap() {
            assert!(value["description"].is_string(), "{}.{field}", entry.name);
        }
    }
}

#[test]
fn no_command_takes_a_field_it_does_not_know() {
    for entry in all() {
        let body = serde_json::value::to_raw_value(&serde_json::json!({ "no_such": 1 })).unwrap();
        assert!((entry.parse)(&body).is_err(), "{}", entry.name);
        assert_eq!(schema(&entry)["additionalProperties"], false, "{}", entry.name);
    }
}

#[test]
fn only_administrators_change_users_and_tokens() {
    for entry in crate::access::commands() {
        // Whoever holds a token of theirs may accept another one.
        let is_own = entry.name == "AcceptToken";
        let right = if is_own { Access::AnyToken } else { Access::Scope(Scope::Admin) };
        assert_eq!(entry.access, right, "{}", entry.name);
    }
    assert!(super::commands().iter().all(|entry| entry.access == Access::Scope(Scope::Write)));
}
