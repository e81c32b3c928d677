//! The write API's part of the OpenAPI document, made from the types.

use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::{
    evidence::{Attempts, Me, Processes},
    list::{Item, ItemAnswer},
    one::AcceptedBody,
    problem::Problem,
};
use crate::command::commands;

/// The paths of the write API; the schemas they need are added to `generator`.
#[must_use]
pub fn paths(generator: &mut SchemaGenerator) -> Map<String, Value> {
    let problem = generator.subschema_for::<Problem>().to_value();
    let refused = answer("Why not.", "application/problem+json", &problem);
    let mut paths = Map::new();
    add_commands(generator, &refused, &mut paths);
    add_list(generator, &refused, &mut paths);
    let page = json!([
        { "name": "after", "in": "query", "schema": { "type": "integer", "minimum": 0 } },
        { "name": "limit", "in": "query",
          "schema": { "type": "integer", "minimum": 1, "maximum": 200 } },
    ]);
    let mut question = |path: &str, summary: &str, parameters: Value, schema: Schema| {
        let operation = json!({
            "operationId": path.trim_start_matches('/'),
            "tags": ["evidence"],
            "summary": summary,
            "parameters": parameters,
            "responses": {
                "200": answer("The answer.", "application/json", schema.as_value()),
                "default": refused,
            },
        });
        paths.insert(path.to_owned(), json!({ "get": operation }));
    };
    question(
        "/attempts",
        "The commands that were refused, oldest first. Needs the scope `audit`.",
        page,
        generator.subschema_for::<Attempts>(),
    );
    question(
        "/processes",
        "How far the process managers are. Needs the scope `audit`.",
        json!([]),
        generator.subschema_for::<Processes>(),
    );
    question(
        "/me",
        "Who the token acts for, and what it opens.",
        json!([]),
        generator.subschema_for::<Me>(),
    );
    paths
}

fn answer(description: &str, media: &str, schema: &Value) -> Value {
    json!({ "description": description, "content": { media: { "schema": schema } } })
}

fn add_commands(generator: &mut SchemaGenerator, refused: &Value, paths: &mut Map<String, Value>) {
    let accepted = generator.subschema_for::<AcceptedBody>();
    for entry in commands() {
        let schema = (entry.schema)(generator);
        let operation = json!({
            "operationId": entry.name,
            "tags": ["commands"],
            "summary": entry.name,
            "description": entry.access.sentence(),
            "parameters": parameters(),
            "requestBody": {
                "required": true,
                "content": { "application/json": { "schema": schema } },
            },
            "responses": {
                "200": answer("It took effect.", "application/json", accepted.as_value()),
                "default": refused,
            },
        });
        paths.insert(format!("/commands/{}", entry.name), json!({ "post": operation }));
    }
}

fn add_list(generator: &mut SchemaGenerator, refused: &Value, paths: &mut Map<String, Value>) {
    let item = generator.subschema_for::<Item>();
    let item_answer = generator.subschema_for::<ItemAnswer>();
    let asked = json!({ "type": "array", "maxItems": super::MAX_LIST, "items": item });
    let answered = json!({ "type": "array", "items": item_answer });
    let operation = json!({
        "operationId": "commands",
        "tags": ["commands"],
        "summary": "A list of commands, answered item by item.",
        "requestBody": {
            "required": true,
            "content": { "application/json": { "schema": asked } },
        },
        "responses": {
            "200": answer("One answer for each, in order.", "application/json", &answered),
            "default": refused,
        },
    });
    paths.insert("/commands".to_owned(), json!({ "post": operation }));
}

fn parameters() -> Value {
    let header = |name: &str, schema: Value, description: &str| {
        json!({ "name": name, "in": "header", "required": false, "schema": schema,
            "description": description })
    };
    json!([
        header(
            "Idempotency-Key",
            json!({ "type": "string", "format": "uuid" }),
            "Makes the command happen once, however often it is sent."
        ),
        header(
            "If-Match",
            json!({ "type": "string" }),
            "The version the record must have, as its ETag: \"7\"."
        ),
        header(
            "Annals-Effective-At",
            json!({ "type": "string", "format": "date-time" }),
            "Business time, when it differs from now."
        ),
        header(
            "Annals-Reason",
            json!({ "type": "string" }),
            "Why. Sealed with the event. UTF-8, or the value form of RFC 8187: \
             UTF-8''Pre%C3%A7o%20alto; an item of `POST /commands` has a `reason` instead."
        ),
    ])
}
