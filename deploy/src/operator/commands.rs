//! `annals commands`: what the write API takes, a line for each.

use command_service::command::{Entry, commands};
use schemars::generate::SchemaSettings;

use super::print;

/// Lists the commands by name, each with the first sentence of its description.
pub fn run() {
    let mut entries = commands();
    entries.sort_by_key(|entry| entry.name);
    let width = entries.iter().map(|entry| entry.name.len()).max().unwrap_or_default();
    let mut text = String::new();
    for entry in &entries {
        text.push_str(&format!("{:width$}  {}\n", entry.name, summary(entry)));
    }
    text.push_str("\nTheir fields: GET /openapi.json. Send one with POST /commands/{Name}.\n");
    print(&text);
}

/// The first sentence of what a command's type says of it.
#[must_use]
pub fn summary(entry: &Entry) -> String {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    // Only a command that stands for itself is described in place; others are definitions.
    (entry.schema)(&mut generator);
    let definitions = generator.take_definitions(false);
    let described = definitions.get(entry.name).and_then(|schema| schema.get("description"));
    let text = described.and_then(serde_json::Value::as_str).unwrap_or_default();
    let text = text.replace('\n', " ");
    let end = text.find(". ").map_or(text.len(), |dot| dot + 1);
    text[..end].to_owned()
}
