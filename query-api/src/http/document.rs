//! The query API's part of the OpenAPI document, made from the types.

use events::ids::Category;
use projection_service::{
    access::{OrganizationRecord, UserRecord},
    customers::{AccountRecord, ConnectionRoleRecord, ConnectionView, ContactRecord, NoteRecord},
    sales::{OpportunityRecord, OrderRecord, QuoteRecord},
};
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::{
    answer::Page,
    params::MAX_LIMIT,
    problem::Problem,
    routes::{CONNECTIONS, LISTS, NOTES},
    shapes::{ID, MOMENT, POSITION, categories, currency, day, instant, sought, uuid},
};
use crate::{
    access::{ListedToken, TOKEN_LIST},
    customers::{connections::Connection, timeline::Entry},
    feed::MAX_EVENTS,
    history::Happened,
    list::{Filter, List, Test},
    sales::{chains::Sale, ledger::By, revenue::Revenue},
};

/// The paths of the query API; the schemas they need are added to `generator`.
#[must_use]
pub fn paths(generator: &mut SchemaGenerator) -> Map<String, Value> {
    let mut document = Document { problem: schema::<Problem>(generator), paths: Map::new() };
    document.records(generator);
    for (records, is_customer) in [("accounts", true), ("contacts", true), ("opportunities", false)]
    {
        let path = |what: &str| format!("/{records}/{{id}}/{what}");
        let timeline = schema::<Page<Entry>>(generator);
        let parameters = [time(true), page(), narrowing_of_timelines()].concat();
        document.add(
            &path("timeline"),
            "What happened around it, newest first.",
            parameters,
            &timeline,
        );
        let connections = schema::<Page<Connection>>(generator);
        let parameters = [time(true), page(), narrowing_of_connections()].concat();
        document.add(
            &path("connections"),
            "How it is related to others.",
            parameters,
            &connections,
        );
        if is_customer {
            let sales = schema::<Page<Sale>>(generator);
            let chain = vec![query("chain", &uuid(), "Only this sale.")];
            let parameters = [time(false), page(), chain].concat();
            document.add(&path("sales"), "Its sales with their documents.", parameters, &sales);
            let revenue = schema::<Revenue>(generator);
            let parameters = [time(true), page(), splitting(false)].concat();
            document.add(
                &path("expected-revenue"),
                "What it is expected to bring.",
                parameters,
                &revenue,
            );
        }
    }
    let revenue = schema::<Revenue>(generator);
    for (path, summary) in [
        ("/expected-revenue", "What revenue is, or was, to be expected."),
        ("/pipeline", "What is open, won and lost."),
    ] {
        document.add(path, summary, [time(true), page(), splitting(true)].concat(), &revenue);
    }
    let organization = schema::<OrganizationRecord>(generator);
    document.add("/organization", "The organisation.", time(false), &organization);
    let tokens = schema::<Page<ListedToken>>(generator);
    let parameters = [time(false), page(), of_list(&TOKEN_LIST)].concat();
    let summary = "Tokens: all for the scope `admin`, else those of the caller. Never a secret.";
    document.add(TOKEN_LIST.path, summary, parameters, &tokens);
    document.feed();
    document.paths
}

/// What no question can be asked with.
const BAD: &[&str] = &[
    "query.malformed",
    "parameter.repeated",
    "as_of.invalid",
    "at_least.invalid",
    "at_least.unknown",
];

/// What a parameter is refused with.
const REFUSED: &[&str] = &["parameter.invalid", "parameter.unknown", "as_of.future", "log_begins"];

/// What questions with a parameter can be refused with besides: status, parameter, code.
const BY_PARAMETER: &[(u16, &str, &str)] = &[
    (400, "after", "after.invalid"),
    (400, "after", "after.unknown"),
    (400, "cursor", "cursor.invalid"),
    (422, "by", "by.unknown"),
    (422, "sort", "sort.unknown"),
];

struct Document {
    problem: Value,
    paths: Map<String, Value>,
}

impl Document {
    fn add(&mut self, path: &str, summary: &str, parameters: Vec<Value>, answer: &Value) {
        self.operation(path, summary, parameters, "application/json", answer);
    }

    fn operation(
        &mut self,
        path: &str,
        summary: &str,
        mut parameters: Vec<Value>,
        media: &str,
        answer: &Value,
    ) {
        if path.contains("{id}") {
            parameters.insert(
                0,
                json!({ "name": "id", "in": "path", "required": true, "schema": uuid() }),
            );
        }
        let is_evidence = path == "/events" || path.ends_with("/history");
        let header = |description: &str| json!({ "description": description, "schema": { "type": "string" } });
        let mut operation = json!({
            "operationId": path.trim_start_matches('/').replace("/{id}/", "-").replace("/{id}", "-one"),
            "tags": ["queries"],
            "summary": summary,
            "x-required-scope": if is_evidence { "audit" } else { "read" },
            "parameters": parameters,
            "responses": {
                "200": {
                    "description": summary,
                    "headers": {
                        "Annals-Position": header("The position at which the answer holds."),
                        "Annals-Head": header(
                            "Where the log ended when the question came in; a later position than \
                             that of the answer says that the answer is not the newest.",
                        ),
                        "Annals-Log": header("The log it is from."),
                    },
                    "content": { media: { "schema": answer } },
                },
            },
        });
        self.add_refusals(path, &mut operation);
        self.paths.insert(path.to_owned(), json!({ "get": operation }));
    }

    /// How the question can be refused, status by status.
    fn add_refusals(&self, path: &str, operation: &mut Value) {
        let refused = |description: &str, codes: &[&str]| {
            let schema =
                json!({ "allOf": [self.problem, { "properties": { "code": { "enum": codes } } }] });
            json!({
                "description": description,
                "content": { "application/problem+json": { "schema": schema } },
            })
        };
        let (mut bad, mut codes) = (BAD.to_vec(), REFUSED.to_vec());
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        for parameter in parameters {
            let by_it = BY_PARAMETER.iter().filter(|(_, name, _)| parameter["name"] == *name);
            for (status, _, code) in by_it {
                if *status == 400 { bad.push(code) } else { codes.push(code) }
            }
            let senses = parameter["schema"]["enum"].as_array();
            if parameter["name"] == "sense" && senses.is_some_and(|senses| senses.len() == 1) {
                bad.push("sense.unsupported");
            }
        }
        let list = LISTS.iter().find(|list| list.path == path);
        if list.is_some_and(|list| list.sorts.iter().any(|sort| sort.needs.is_some())) {
            codes.push("sort.needs_filter");
        }
        let responses = &mut operation["responses"];
        responses["400"] = refused("It cannot be read, or asks for no moment of this log.", &bad);
        responses["422"] =
            refused("A parameter is unknown or has a value it does not take.", &codes);
        if path.contains("{id}") || path == "/organization" {
            let description = "There is no such record, or there was none at that time.";
            responses["404"] = refused(description, &["record.not_found"]);
        }
    }

    fn records(&mut self, generator: &mut SchemaGenerator) {
        let shapes = [
            shapes::<AccountRecord>(generator),
            shapes::<ContactRecord>(generator),
            shapes::<OpportunityRecord>(generator),
            shapes::<QuoteRecord>(generator),
            shapes::<OrderRecord>(generator),
            shapes::<ConnectionRoleRecord>(generator),
            shapes::<UserRecord>(generator),
        ];
        let history = schema::<Page<Happened>>(generator);
        for (list, (one, many)) in LISTS.into_iter().zip(shapes) {
            let parameters = [time(false), page(), of_list(list)].concat();
            self.add(list.path, "A page of the list.", parameters, &many);
            self.one(list.path, &one, &history);
        }
        self.one(CONNECTIONS, &schema::<ConnectionView>(generator), &history);
        self.one(NOTES, &schema::<NoteRecord>(generator), &history);
    }

    fn one(&mut self, path: &str, one: &Value, history: &Value) {
        let path = format!("{path}/{{id}}");
        self.add(&path, "The record.", time(true), one);
        let summary = "Every event of the record. Needs the scope `audit`.";
        self.add(&format!("{path}/history"), summary, [time(false), page()].concat(), history);
    }

    fn feed(&mut self) {
        let position = json!({ "type": "string", "pattern": POSITION, "example": "0" });
        let limit =
            json!({ "type": "integer", "minimum": 1, "maximum": MAX_EVENTS, "example": 100 });
        let stream = json!({ "type": "string", "pattern": format!(
            "^({})-{}", Category::ALL.map(Category::name).join("|"), &ID[1..]
        ) });
        let parameters = vec![
            query("after", &position, "Only events after this position."),
            query("limit", &limit, "How many at most."),
            query("category", &categories(), "Only streams of this kind."),
            query("stream", &stream, "Only this stream: `category-uuid`."),
            query("wait", &json!({ "type": "boolean" }), "At the end, wait for what comes."),
        ];
        let summary = "The log, CloudEvents 1.0, one a line. Needs the scope `audit`.";
        let line = json!({ "type": "string", "description": "Lines of JSON: one event each." });
        let parameters = [time(false), parameters].concat();
        self.operation("/events", summary, parameters, "application/x-ndjson", &line);
    }
}

fn schema<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    generator.subschema_for::<T>().to_value()
}

fn shapes<T: JsonSchema>(generator: &mut SchemaGenerator) -> (Value, Value) {
    (schema::<T>(generator), schema::<Page<T>>(generator))
}

fn query(name: &str, schema: &Value, description: &str) -> Value {
    json!({ "name": name, "in": "query", "schema": schema, "description": description })
}

fn text(name: &str, description: &str) -> Value {
    query(name, &sought(), description)
}

/// The parameters that say which moment a question is about.
fn time(both_senses: bool) -> Vec<Value> {
    let mut parameters = vec![
        query(
            "at_least",
            &json!({ "type": "string", "pattern": POSITION, "example": "1" }),
            "Wait until the answer holds at this position or a later one, or say 503.",
        ),
        query(
            "fresh",
            &json!({ "type": "boolean", "default": true }),
            "Wait, for half a second at most, until the answer holds at the end the log had when the \
             question came in. Moments of the past, and the further pages of a list, never wait.",
        ),
        query(
            "as_of",
            &json!({ "type": "string", "anyOf": [{ "pattern": POSITION }, { "pattern": MOMENT }],
                "example": "1" }),
            "A position, an instant of RFC 3339, or a day: its end in the organisation's zone. Days \
             and instants from 1900 to 2199.",
        ),
    ];
    let senses: &[&str] = if both_senses { &["recorded", "effective"] } else { &["recorded"] };
    let schema = json!({ "type": "string", "enum": senses });
    parameters.push(query("sense", &schema, "What was known then, or what was true then."));
    parameters
}

fn page() -> Vec<Value> {
    let limit = json!({ "type": "integer", "minimum": 1, "maximum": MAX_LIMIT });
    vec![
        query("limit", &limit, "How many items."),
        query(
            "cursor",
            &json!({ "type": "string", "pattern": "^[A-Za-z0-9_-]{1,2000}$" }),
            "Where the page begins: `next` of the page before.",
        ),
    ]
}

fn of_list(list: &List) -> Vec<Value> {
    let sorts = list
        .sorts
        .iter()
        .flat_map(|sort| [sort.parameter.to_owned(), format!("-{}", sort.parameter)]);
    let sorts = json!({ "type": "string", "enum": sorts.collect::<Vec<_>>() });
    let mut parameters = vec![query("sort", &sorts, "The order; with `-` the other way round.")];
    parameters.extend(list.filters().map(of_filter));
    parameters
}

fn of_filter(filter: &Filter) -> Value {
    let (schema, description) = match filter.test {
        Test::Id => (uuid(), "Is this id."),
        Test::Text => (sought(), "Is this."),
        Test::Folded => (sought(), "Is this, in whatever case."),
        Test::Contains => (sought(), "Contains this, in whatever case."),
        Test::OneOf(names) => (json!({ "type": "string", "enum": names }), "Is this."),
        Test::Currency => (currency(), "Is this currency."),
        Test::FromDay => (day(), "Is this day or later."),
        Test::ToDay => (day(), "Is this day or earlier."),
        Test::From => (instant(), "Is then or later."),
        Test::Before => (instant(), "Is earlier."),
    };
    query(filter.parameter, &schema, description)
}

fn narrowing_of_timelines() -> Vec<Value> {
    let date = day();
    vec![
        text("kind", "Only events of this type: `opportunity.won`."),
        query("record_type", &categories(), "Only events on this kind of record."),
        query(
            "channel",
            &json!({ "type": "string", "enum": ["api", "import", "process", "system"] }),
            "Only what came in this way.",
        ),
        query("actor", &uuid(), "Only what this user did."),
        query("from", &date, "From this day on."),
        query("to", &date, "Up to the end of this day."),
    ]
}

fn narrowing_of_connections() -> Vec<Value> {
    vec![
        query("role", &uuid(), "Only with this role of the other side."),
        query("with", &categories(), "Only with this kind of record."),
        query("ended", &json!({ "type": "boolean" }), "Only ended ones, or only others."),
    ]
}

fn splitting(with_parties: bool) -> Vec<Value> {
    let mut names: Vec<_> = By::ALL.iter().map(|(_, name)| *name).collect();
    names.extend(["quarter", "year"]);
    let date = day();
    let mut parameters = vec![
        query("by", &json!({ "type": "string", "enum": names }), "By what the sums are split."),
        query("subtree", &json!({ "type": "boolean" }), "With all accounts below the account."),
        query("owner", &uuid(), "Only sales of this user."),
        query("manager", &uuid(), "Only sales of users who report to this one."),
        text("office", "Only sales of users of this office."),
        text("stage", "Only in this stage."),
        text("product", "Only of this product."),
        query("currency", &currency(), "Only in this currency."),
        query("period_from", &date, "Only what closes in this month or later."),
        query("period_to", &date, "Only what closes in this month or earlier."),
    ];
    if with_parties {
        parameters.push(query("account", &uuid(), "Only of this account."));
        parameters.push(query("contact", &uuid(), "Only of this contact."));
    }
    parameters
}

#[cfg(test)]
#[path = "document_tests.rs"]
mod tests;
