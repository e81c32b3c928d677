//! The OpenAPI document: both APIs, made from their types, and what operators ask.

mod errors;
mod examples;
mod links;
mod operating;

use errors::Shared;
use examples::{Examples, add_examples};
use schemars::{
    SchemaGenerator,
    generate::{Contract, SchemaSettings},
};
use serde_json::{Map, Value, json};

/// Where the definitions of what is sent lie while the document is made.
const ASKED: &str = "#/components/asked/";
/// Where all definitions lie in the end.
const SCHEMAS: &str = "#/components/schemas/";

/// The OpenAPI document of both APIs and of what operators ask.
#[must_use]
pub fn document() -> Value {
    let mut asked = generator("/components/asked", Contract::Deserialize);
    let mut answered = generator("/components/schemas", Contract::Serialize);
    let mut paths = command_service::http::paths(&mut asked, &mut answered);
    paths.append(&mut query_api::paths(&mut answered));
    operating::add(&mut paths);
    links::add(&mut paths);
    let mut asked = asked.take_definitions(true);
    command_service::http::narrow(&mut asked);
    let mut schemas = answered.take_definitions(true);
    let mut paths = Value::Object(paths);
    join(asked, &mut schemas, &mut paths);
    let mut shared = Shared::default();
    let operations = paths.as_object_mut().into_iter().flatten();
    for (path, item) in operations {
        for (_, operation) in item.as_object_mut().into_iter().flatten() {
            shared.complete(path, operation);
        }
    }
    let known = Value::Object(schemas);
    add_examples(&mut paths, &Examples::of(&known));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Annals",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "A CRM backend whose records are the sum of their history. \
                Commands are sent to `/commands/{Name}`; everything else is a question. Each GET \
                answers HEAD alike, without the body. Errors are problem details (RFC 9457) with a \
                stable `code`; `x-refusal-codes` says what each rule's code means. What is no \
                operation is 404 `route.unknown` or `command.unknown`; other methods are 405 \
                `method.not_allowed`, and `Allow` names the right ones. A list marked `x-open` \
                grows with the product: take what it does not name yet as a text.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "security": [{ "token": [] }],
        "paths": paths,
        "x-refusal-codes": refusal_codes(),
        "components": {
            "schemas": known,
            "responses": shared.into_components(),
            "securitySchemes": { "token": {
                "type": "http", "scheme": "bearer",
                "description": "A token of this installation: `annals_<id>_<secret>`. Its scopes are \
                    `read`, `write`, `audit` and `admin`; `x-required-scope` says which one an \
                    operation needs.",
            } },
        },
    })
}

fn generator(definitions: &'static str, contract: Contract) -> SchemaGenerator {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = definitions.into();
    settings.contract = contract;
    settings.into_generator()
}

fn refusal_codes() -> Map<String, Value> {
    let catalogue = command_service::refusal::Refusal::CATALOGUE.iter();
    catalogue.map(|(code, meaning)| ((*code).to_owned(), meaning.trim().into())).collect()
}

/// Puts both sets of definitions together. A shape that is sent and answered alike stands there once;
/// one that differs gets a name of its own for what is sent.
fn join(asked: Map<String, Value>, schemas: &mut Map<String, Value>, paths: &mut Value) {
    let differs = |name: &str| {
        let sent = asked.get(name).map(|schema| schema.to_string().replace(ASKED, SCHEMAS));
        schemas.get(name).is_some_and(|known| Some(known.to_string()) != sent)
    };
    let renamed: Vec<_> = asked.keys().filter(|name| differs(name)).cloned().collect();
    let rename = |value: &mut Value| {
        each_reference(value, &mut |reference| {
            let Some(name) = reference.strip_prefix(ASKED) else { return };
            let new = if renamed.iter().any(|other| other == name) { "New" } else { "" };
            *reference = format!("{SCHEMAS}{new}{name}");
        });
    };
    let mut added = Map::new();
    for (name, mut schema) in asked {
        rename(&mut schema);
        let new = if renamed.contains(&name) { "New" } else { "" };
        added.insert(format!("{new}{name}"), schema);
    }
    rename(paths);
    schemas.append(&mut added);
}

fn each_reference(value: &mut Value, change: &mut dyn FnMut(&mut String)) {
    match value {
        Value::Object(object) => {
            for (name, value) in object.iter_mut() {
                match value {
                    Value::String(reference) if name == "$ref" => change(reference),
                    value => each_reference(value, change),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| each_reference(item, change)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
#[path = "document_tests.rs"]
mod tests;
