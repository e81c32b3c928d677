//! What operators ask.

use serde_json::{Map, Value, json};

use super::errors::answer;
use crate::backup::BadPlace;

/// The operator's paths and the open ones.
pub(super) fn add(paths: &mut Map<String, Value>) {
    let text = |media: &str| json!({ media: { "schema": { "type": "string" } } });
    let object = json!({ "application/json": { "schema": { "type": "object" } } });
    open(paths, "/", "start", "What this is, and where to go", &text("text/html"));
    let start = &mut paths["/"]["get"]["responses"]["200"]["content"];
    start["text/plain"] = json!({ "schema": { "type": "string" } });
    start["application/json"] = json!({ "schema": { "type": "object" } });
    open(paths, "/livez", "livez", "Whether the process answers", &text("text/plain"));
    open(paths, "/readyz", "readyz", "Whether it can do its work, and what keeps it", &object);
    open(paths, "/metrics", "metrics", "Counters for Prometheus", &text("text/plain"));
    open(paths, "/version", "version", "Which build it is, and which log", &object);
    open(paths, "/openapi.json", "openapi", "This document", &object);
    paths["/readyz"]["get"]["responses"]["503"] =
        json!({ "description": "It cannot, and why.", "content": object });
    let document = &mut paths["/openapi.json"]["get"];
    let tag = json!({ "ETag": { "description": "Which document it is.", "schema": { "type": "string" } } });
    document["responses"]["200"]["headers"] = tag.clone();
    document["responses"]["304"] =
        json!({ "description": "`If-None-Match` names this document.", "headers": tag });
    open(
        paths,
        "/schemas/{type}/{version}",
        "schema",
        "The JSON Schema of the data of an event: the `dataschema` of its CloudEvent",
        &json!({ "application/schema+json": { "schema": { "type": "object" } } }),
    );
    let parameter = |name: &str, schema: Value, example: Value| json!({ "name": name, "in": "path", "required": true, "schema": schema, "example": example });
    paths["/schemas/{type}/{version}"]["get"]["parameters"] = json!([
        parameter(
            "type",
            json!({ "type": "string", "pattern": "^[a-z]+[.][a-z_]+$", "maxLength": 100 }),
            json!("account.created"),
        ),
        parameter(
            "version",
            json!({ "type": "integer", "minimum": 1, "maximum": 65535 }),
            json!(1)
        ),
    ]);
    paths["/schemas/{type}/{version}"]["get"]["responses"]["404"] =
        answer(404, "No event has that type and version.", &["schema.unknown"]);
    work(
        paths,
        "/admin/replay",
        "replay",
        "Rebuilds every read model beside the live one, compares, switches",
    );
    work(paths, "/admin/verify", "verify", "Checks the whole log");
    work(paths, "/admin/backup", "backup", "Copies the log and the keys to a new folder");
    let backup = &mut paths["/admin/backup"]["post"];
    backup["requestBody"] = json!({
        "required": true,
        "content": { "application/json": {
            "schema": {
                "type": "object", "required": ["name"], "additionalProperties": false,
                "properties": { "name": {
                    "type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
                    "description": "The folder to make below the folder of backups.",
                } },
            },
            "example": { "name": "2026-11-27" },
        } },
    });
    let codes = [&BadPlace::CODES[..], &["body.invalid", "backup.by_database"]].concat();
    let description = "It is no name, the name is taken, or no backup is taken here.";
    backup["responses"]["422"] = answer(422, description, &codes);
}

/// A question that asks for no token.
fn open(paths: &mut Map<String, Value>, path: &str, id: &str, summary: &str, content: &Value) {
    let operation = json!({
        "operationId": id,
        "tags": ["operating"],
        "summary": summary,
        "security": [],
        "responses": { "200": { "description": summary, "content": content } },
    });
    paths.insert(path.to_owned(), json!({ "get": operation }));
}

/// Long work, told line by line.
fn work(paths: &mut Map<String, Value>, path: &str, id: &str, summary: &str) {
    let line = json!({ "application/x-ndjson": {
        "schema": { "type": "string" },
        "example": "{\"progress\":{\"what\":\"events\",\"done\":10,\"total\":20}}\n{\"done\":{}}\n",
    } });
    let operation = json!({
        "operationId": id,
        "tags": ["operating"],
        "summary": summary,
        "x-required-scope": "admin",
        "responses": {
            "200": {
                "description": "Lines of JSON: `progress`, and at the end `done` or `failed`.",
                "content": line,
            },
        },
    });
    paths.insert(path.to_owned(), json!({ "post": operation }));
}
