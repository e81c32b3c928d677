//! What operators ask, and the answers that any operation may give.

use serde_json::{Map, Value, json};

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
    work(
        paths,
        "/admin/replay",
        "replay",
        "Rebuilds every read model beside the live one, compares, switches",
    );
    work(paths, "/admin/verify", "verify", "Checks the whole log");
    work(paths, "/admin/backup", "backup", "Copies the log and the keys to a new folder");
    paths["/admin/backup"]["post"]["requestBody"] = json!({
        "required": true,
        "content": { "application/json": {
            "schema": {
                "type": "object", "required": ["to"], "additionalProperties": false,
                "properties": { "to": {
                    "type": "string", "minLength": 1, "maxLength": 200,
                    "description": "The folder to make, on the machine of the service.",
                } },
            },
            "example": { "to": "2026-11-27" },
        } },
    });
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
            "422": { "$ref": "#/components/responses/Refused" },
        },
    });
    paths.insert(path.to_owned(), json!({ "post": operation }));
}

/// The statuses that any operation may answer: name, meaning, an example of a code.
const COMMON: [(&str, &str, &str, &str); 15] = [
    ("400", "Malformed", "The request cannot be read.", "query.malformed"),
    ("401", "Unauthenticated", "There is no valid token.", "auth.required"),
    ("403", "Forbidden", "The token does not have the scope for this.", "access.denied"),
    ("404", "NotFound", "There is no such thing, or none that may be seen.", "record.not_found"),
    ("408", "TooSlow", "The request did not arrive in time.", "request.too_slow"),
    ("411", "LengthRequired", "The length of the body must be told.", "request.length_required"),
    ("413", "TooLarge", "The body, the list or what it makes is too large.", "body.too_large"),
    ("414", "UriTooLong", "The address is too long.", "target.too_long"),
    (
        "415",
        "Unsupported",
        "The body must be JSON in UTF-8, not compressed.",
        "body.unsupported_media_type",
    ),
    ("421", "Misdirected", "The host is none that this service answers for.", "host.unknown"),
    ("422", "Refused", "A rule refused it.", "backup.by_database"),
    (
        "429",
        "TooMany",
        "Too many requests of this kind: wait as `Retry-After` says.",
        "rate.limited",
    ),
    ("431", "HeadersTooLarge", "The headers are too large.", "headers.too_large"),
    ("500", "Failed", "A mistake of the product's own.", "internal"),
    ("503", "Unavailable", "Not now: try again as `Retry-After` says.", "query.behind"),
];

pub(super) fn name_of(status: &str) -> &'static str {
    COMMON.iter().find(|(known, ..)| *known == status).map_or("Failed", |(_, name, ..)| name)
}

/// The answers that operations refer to.
pub(super) fn responses() -> Map<String, Value> {
    let response = |(status, name, description, code): &(&str, &str, &str, &str)| {
        let status: u16 = status.parse().unwrap_or_default();
        let mut response = json!({
            "description": description,
            "content": { "application/problem+json": {
                "schema": { "$ref": "#/components/schemas/Problem" },
                "example": { "status": status, "code": code, "title": name, "detail": description },
            } },
        });
        let header = |description: &str| json!({ "description": description, "schema": { "type": "string" } });
        match status {
            401 => response["headers"] = json!({ "WWW-Authenticate": header("`Bearer`.") }),
            429 | 503 => response["headers"] = json!({ "Retry-After": header("Seconds to wait.") }),
            _ => {}
        }
        ((*name).to_owned(), response)
    };
    COMMON.iter().map(response).collect()
}
