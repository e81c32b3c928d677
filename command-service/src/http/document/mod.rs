//! The write API's part of the OpenAPI document, made from the types.

mod asked;
mod codes;

use events::access::Access;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::{
    evidence::{Attempts, Me, Processes},
    list::{Item, ItemAnswer},
    one::AcceptedBody,
    problem::Problem,
};
use crate::command::{Entry, commands};

pub use asked::narrow;
use codes::refusals;

/// The pattern of an instant of RFC 3339 that the product takes.
const INSTANT: &str = "^(19|20|21)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])\
     [Tt]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,9})?\
     ([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$";

/// The paths of the write API. The schemas of what callers send are added to `asked`, those of what
/// they are answered to `answered`.
#[must_use]
pub fn paths(asked: &mut SchemaGenerator, answered: &mut SchemaGenerator) -> Map<String, Value> {
    let mut paths = Map::new();
    let problem = answered.subschema_for::<Problem>().to_value();
    add_commands(asked, answered, &problem, &mut paths);
    add_list(asked, answered, &problem, &mut paths);
    let page = json!([
        { "name": "after", "in": "query", "description": "Only attempts with a greater number.",
          "schema": { "type": "integer", "minimum": 0, "maximum": i64::MAX }, "example": 0 },
        { "name": "limit", "in": "query", "description": "How many items.",
          "schema": { "type": "integer", "minimum": 1, "maximum": 200 }, "example": 50 },
    ]);
    let mut question =
        |path: &str, scope: &str, summary: &str, parameters: Value, schema: Schema| {
            let mut responses =
                json!({ "200": answer("The answer.", "application/json", schema.as_value()) });
            if parameters.as_array().is_some_and(|list| !list.is_empty()) {
                responses["422"] = refused(&problem, "A parameter is wrong.", &["query.invalid"]);
            }
            let operation = json!({
                "operationId": path.trim_start_matches('/'),
                "tags": ["evidence"],
                "summary": summary,
                "x-required-scope": scope,
                "parameters": parameters,
                "responses": responses,
            });
            paths.insert(path.to_owned(), json!({ "get": operation }));
        };
    question(
        "/attempts",
        "audit",
        "The commands that were refused, oldest first.",
        page,
        answered.subschema_for::<Attempts>(),
    );
    question(
        "/processes",
        "audit",
        "How far the process managers are.",
        json!([]),
        answered.subschema_for::<Processes>(),
    );
    question(
        "/me",
        "",
        "Who the token acts for, and what it opens.",
        json!([]),
        answered.subschema_for::<Me>(),
    );
    paths
}

/// The one scope that opens it; none where any token does.
fn scope_of(access: Access) -> &'static str {
    match access {
        Access::Scope(scope) => scope.name(),
        Access::Open | Access::AnyToken => "",
    }
}

fn answer(description: &str, media: &str, schema: &Value) -> Value {
    json!({ "description": description, "content": { media: { "schema": schema } } })
}

/// A refusal whose code is one of these.
fn refused(problem: &Value, description: &str, codes: &[&str]) -> Value {
    let schema = json!({ "allOf": [problem, { "properties": { "code": { "enum": codes } } }] });
    answer(description, "application/problem+json", &schema)
}

/// What is wrong with the headers of a list of commands.
const HEADERS: [&str; 3] = ["header.repeated", "header.malformed", "channel.invalid"];

/// What else can be wrong with those of a single command.
const OWN_HEADERS: [&str; 3] =
    ["idempotency_key.invalid", "if_match.invalid", "effective_at.invalid"];

/// What every command can be refused with by its body, besides its own rules.
const BODY: &[&str] = &["command.invalid", "command.reused", "reason.invalid"];

fn add_commands(
    asked: &mut SchemaGenerator,
    answered: &mut SchemaGenerator,
    problem: &Value,
    paths: &mut Map<String, Value>,
) {
    let accepted = answered.subschema_for::<AcceptedBody>();
    for entry in commands() {
        let schema = (entry.schema)(asked);
        let description = asked
            .definitions()
            .get(entry.name)
            .and_then(|schema| schema.get("description")?.as_str())
            .unwrap_or(entry.name)
            .to_owned();
        let summary = description.split(". ").next().unwrap_or_default().trim_end_matches('.');
        let operation = json!({
            "operationId": entry.name,
            "tags": ["commands"],
            "summary": summary.replace('\n', " "),
            "description": format!("{description}\n\n{}", entry.access.sentence()),
            "x-required-scope": scope_of(entry.access),
            "parameters": parameters(true),
            "requestBody": {
                "required": true,
                "content": { "application/json": { "schema": schema } },
            },
            "responses": responses(&entry, &accepted, problem),
        });
        paths.insert(format!("/commands/{}", entry.name), json!({ "post": operation }));
    }
}

fn responses(entry: &Entry, accepted: &Schema, problem: &Value) -> Value {
    let text =
        |description: &str| json!({ "description": description, "schema": { "type": "string" } });
    let mut taken = answer("It took effect.", "application/json", accepted.as_value());
    taken["headers"] = json!({
        "ETag": text("The record's version after it, in quotes."),
        "Annals-Position": text("Hand this to a query as `at_least`."),
        "Idempotency-Replayed": text("`true` where it had been accepted before."),
    });
    let rules = [refusals(entry.category, 422), BODY.to_vec()].concat();
    json!({
        "200": taken,
        "400": refused(problem, "It cannot be read.", &[HEADERS, OWN_HEADERS].concat()),
        "404": refused(problem, "A record that it names is not there.", &refusals(entry.category, 404)),
        "412": refused(
            problem,
            "The record has another version than `If-Match` says.",
            &refusals(entry.category, 412),
        ),
        "422": refused(problem, "A rule or the form of the body refused it.", &rules),
    })
}

fn add_list(
    asked: &mut SchemaGenerator,
    answered: &mut SchemaGenerator,
    problem: &Value,
    paths: &mut Map<String, Value>,
) {
    let item = asked.subschema_for::<Item<Map<String, Value>>>();
    let item_answer = answered.subschema_for::<ItemAnswer>();
    let list = json!({ "type": "array", "maxItems": super::MAX_LIST, "items": item });
    let answers = json!({ "type": "array", "items": item_answer });
    let example = json!([{
        "id": "0190a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b", "type": "CreateAccount",
        "data": { "name": "Contoso" },
    }]);
    let operation = json!({
        "operationId": "commands",
        "tags": ["commands"],
        "summary": "A list of commands, answered item by item",
        "description": "Items on one record run in order, others together; after a refused item the \
            rest of its record answers `command.not_tried`. Each item's refusal is one of those that \
            its command has on its own.",
        "x-required-scope": "write",
        "parameters": [channel()],
        "requestBody": {
            "required": true,
            "content": { "application/json": { "schema": list, "example": example } },
        },
        "responses": {
            "200": answer("One answer for each, in order.", "application/json", &answers),
            "400": refused(problem, "It cannot be read.", &HEADERS),
            "413": refused(problem, "It is too large.", &["list.too_long"]),
            "422": refused(problem, "It is no list of commands.", &["list.invalid"]),
        },
    });
    paths.insert("/commands".to_owned(), json!({ "post": operation }));
}

fn header(name: &str, schema: &Value, description: &str, example: &str) -> Value {
    json!({ "name": name, "in": "header", "required": false, "schema": schema,
        "description": description, "example": example })
}

fn channel() -> Value {
    header(
        "Annals-Channel",
        &json!({ "type": "string", "enum": ["api", "import"] }),
        "By which way the commands come, where it is not `api`.",
        "api",
    )
}

fn parameters(with_channel: bool) -> Value {
    let tag = "(W/)?\"[!#-~]*\"";
    let mut all = vec![
        header(
            "Idempotency-Key",
            &json!({ "type": "string", "format": "uuid", "not": { "enum": asked::NO_IDS },
                "pattern": asked::ID }),
            "Makes the command happen once, however often it is sent.",
            "0190a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b",
        ),
        header(
            "If-Match",
            &json!({ "type": "string", "format": "annals-entity-tags",
                "pattern": format!("^([*]|{tag}( *, *{tag})*)$") }),
            "The versions that the record may have, as ETag gives them: \"7\"; or `*`, any.",
            "\"7\"",
        ),
        header(
            "Annals-Effective-At",
            &json!({ "type": "string", "format": "date-time", "pattern": INSTANT }),
            "Business time, when it differs from now: an instant of RFC 3339 from 1900 to 2199. It \
             needs a reason, unless the command itself names a day.",
            "2026-11-02T09:00:00Z",
        ),
        header(
            "Annals-Reason",
            &json!({ "type": "string", "minLength": 1, "pattern": "^[ -~]*[!-~][ -~]*$" }),
            "Why, at most 20,000 characters. Sealed with the event. UTF-8, or the value form of RFC \
             8187: UTF-8''Pre%C3%A7o%20alto; an item of `POST /commands` has a `reason` instead.",
            "Told by telephone",
        ),
    ];
    if with_channel {
        all.push(channel());
    }
    Value::from(all)
}
