//! The query API's part of the OpenAPI document, made from the types.

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
};
use crate::{
    access::{ListedToken, TOKEN_LIST},
    customers::{connections::Connection, timeline::Entry},
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
        let header = |description: &str| json!({ "description": description, "schema": { "type": "string" } });
        let operation = json!({
            "operationId": path.trim_start_matches('/').replace("/{id}/", "-").replace("/{id}", "-one"),
            "tags": ["queries"],
            "summary": summary,
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
                "default": {
                    "description": "Why not.",
                    "content": { "application/problem+json": { "schema": self.problem } },
                },
            },
        });
        self.paths.insert(path.to_owned(), json!({ "get": operation }));
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
        let position = json!({ "type": "string", "pattern": "^[0-9]+$" });
        let parameters = vec![
            query("after", &position, "Only events after this position."),
            query("limit", &json!({ "type": "integer", "minimum": 1 }), "How many at most."),
            query("category", &json!({ "type": "string" }), "Only streams of this kind."),
            query("stream", &json!({ "type": "string" }), "Only this stream: `category-uuid`."),
            query("wait", &json!({ "type": "boolean" }), "At the end, wait for what comes."),
        ];
        let summary = "The log, CloudEvents 1.0, one a line. Needs the scope `audit`.";
        let line = json!({ "type": "object" });
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

fn uuid() -> Value {
    json!({ "type": "string", "format": "uuid" })
}

fn query(name: &str, schema: &Value, description: &str) -> Value {
    json!({ "name": name, "in": "query", "schema": schema, "description": description })
}

fn text(name: &str, description: &str) -> Value {
    query(name, &json!({ "type": "string" }), description)
}

/// The parameters that say which moment a question is about.
fn time(both_senses: bool) -> Vec<Value> {
    let mut parameters = vec![
        text(
            "at_least",
            "Wait until the answer holds at this position or a later one, or say 503.",
        ),
        query(
            "fresh",
            &json!({ "type": "boolean", "default": true }),
            "Wait, for half a second at most, until the answer holds at the end the log had when the \
             question came in. Moments of the past, and the further pages of a list, never wait.",
        ),
        text(
            "as_of",
            "A position, an instant of RFC 3339, or a day: its end in the organisation's zone. \
             Between 1900 and 2199.",
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
        text("cursor", "Where the page begins: `next` of the page before."),
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
        Test::Text => (json!({ "type": "string" }), "Is this."),
        Test::Folded => (json!({ "type": "string" }), "Is this, in whatever case."),
        Test::Contains => (json!({ "type": "string" }), "Contains this, in whatever case."),
        Test::OneOf(names) => (json!({ "type": "string", "enum": names }), "Is this."),
        Test::Currency => {
            (json!({ "type": "string", "pattern": "^[A-Z]{3}$" }), "Is this currency.")
        }
        Test::FromDay => (json!({ "type": "string", "format": "date" }), "Is this day or later."),
        Test::ToDay => (json!({ "type": "string", "format": "date" }), "Is this day or earlier."),
        Test::From => (json!({ "type": "string", "format": "date-time" }), "Is then or later."),
        Test::Before => (json!({ "type": "string", "format": "date-time" }), "Is earlier."),
    };
    query(filter.parameter, &schema, description)
}

fn narrowing_of_timelines() -> Vec<Value> {
    let date = json!({ "type": "string", "format": "date" });
    vec![
        text("kind", "Only events of this type: `opportunity.won`."),
        text("record_type", "Only events on this kind of record."),
        text("channel", "Only what came in this way."),
        query("actor", &uuid(), "Only what this user did."),
        query("from", &date, "From this day on."),
        query("to", &date, "Up to the end of this day."),
    ]
}

fn narrowing_of_connections() -> Vec<Value> {
    vec![
        query("role", &uuid(), "Only with this role of the other side."),
        text("with", "Only with this kind of record."),
        query("ended", &json!({ "type": "boolean" }), "Only ended ones, or only others."),
    ]
}

fn splitting(with_parties: bool) -> Vec<Value> {
    let mut names: Vec<_> = By::ALL.iter().map(|(_, name)| *name).collect();
    names.extend(["quarter", "year"]);
    let date = json!({ "type": "string", "format": "date" });
    let mut parameters = vec![
        query("by", &json!({ "type": "string", "enum": names }), "By what the sums are split."),
        query("subtree", &json!({ "type": "boolean" }), "With all accounts below the account."),
        query("owner", &uuid(), "Only sales of this user."),
        query("manager", &uuid(), "Only sales of users who report to this one."),
        text("office", "Only sales of users of this office."),
        text("stage", "Only in this stage."),
        text("product", "Only of this product."),
        text("currency", "Only in this currency."),
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
