//! The errors of every operation: which statuses it can end with, and which codes each of them has.
//!
//! The crates of the APIs name the codes that are an operation's own. What it shares with others stands
//! here: what the connection answers, the gates, whoever looks at tokens and reads bodies, the stores.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use crate::admission::is_gated;

/// Which operations answer with a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    /// All: the connection does, or what is around every route.
    All,
    /// What passes a gate.
    Gated,
    /// What asks for a token.
    Token,
    /// What asks for a token with a scope.
    Scope,
    /// What a known caller can be refused: that is kept, and counted.
    Refusable,
    /// What reads a body.
    Body,
    /// A single command.
    Command,
    /// A single command that is judged by the time.
    Timed,
    /// What is answered from the log.
    Log,
    /// What keeps refusals beside the log itself.
    Kept,
    /// What is answered from the read models.
    Question,
    /// What opens the personal values of one record.
    Record,
    /// The rebuilding of the read models.
    Replay,
}

/// Every code that operations share.
const CODES: &[(u16, &str, Of)] = &[
    (400, "request.malformed", Of::All),
    (400, "request.invalid", Of::All),
    (400, "target.malformed", Of::All),
    (400, "host.malformed", Of::All),
    (400, "body.length_malformed", Of::All),
    (400, "body.incomplete", Of::Body),
    (400, "json.malformed", Of::Body),
    (400, "json.duplicate_key", Of::Body),
    (400, "json.too_deep", Of::Body),
    (401, "auth.required", Of::Token),
    (403, "access.denied", Of::Scope),
    (408, "request.too_slow", Of::All),
    (408, "body.too_slow", Of::Body),
    (413, "body.too_large", Of::Body),
    (413, "command.too_large", Of::Command),
    (414, "target.too_long", Of::All),
    (415, "body.unsupported_media_type", Of::Body),
    (421, "host.unknown", Of::All),
    (429, "share.exceeded", Of::Gated),
    (429, "auth.too_often", Of::Token),
    (429, "refusals.too_many", Of::Refusable),
    (431, "head.too_large", Of::All),
    (500, "internal", Of::All),
    (503, "query.damaged", Of::Question),
    (503, "server.busy", Of::All),
    (503, "overloaded", Of::Gated),
    (503, "command.timeout", Of::Command),
    (503, "command.contended", Of::Command),
    (503, "clock.jumped", Of::Timed),
    (503, "keys.unavailable", Of::Command),
    (503, "key.unreadable", Of::Command),
    (503, "key.unreadable", Of::Record),
    (503, "log.damaged", Of::Log),
    (503, "log.damaged", Of::Question),
    (503, "store.unavailable", Of::Log),
    (503, "query.behind", Of::Question),
    (503, "query.unavailable", Of::Question),
    (503, "replay.standby", Of::Replay),
    (505, "http.version", Of::All),
    (507, "store.full", Of::Kept),
];

/// What each status means, and what the shared answer with it is called.
const STATUSES: [(u16, &str, &str); 14] = [
    (400, "Malformed", "The request cannot be read."),
    (401, "Unauthenticated", "There is no valid token."),
    (403, "Forbidden", "The token does not have the scope for this."),
    (408, "TooSlow", "The request did not arrive in time."),
    (413, "TooLarge", "The body, the list or what it makes is too large."),
    (414, "UriTooLong", "The request line is too long."),
    (415, "Unsupported", "The body must be JSON in UTF-8, not compressed."),
    (421, "Misdirected", "The host is none that this service answers for."),
    (429, "TooMany", "Too many requests of this kind: wait as `Retry-After` says."),
    (431, "HeadersTooLarge", "The headers are too large, or too many."),
    (500, "Failed", "A mistake of the product's own."),
    (503, "Unavailable", "Not now: try again as `Retry-After` says."),
    (505, "UnknownVersion", "HTTP/1.1 and HTTP/1.0 are spoken here."),
    (507, "Full", "No room is left for new events."),
];

/// An operation of the document.
struct Operation<'a> {
    path: &'a str,
    id: &'a str,
    tag: &'a str,
    needs_token: bool,
    needs_scope: bool,
    has_body: bool,
}

impl Operation<'_> {
    fn is(&self, of: Of) -> bool {
        let first = self.path.split('/').nth(1).unwrap_or_default();
        let is_command = self.path.starts_with("/commands/");
        let is_log = ["commands", "attempts", "processes", "me", "admin"].contains(&first);
        match of {
            Of::All => true,
            Of::Gated => is_gated(self.path),
            Of::Token => self.needs_token,
            Of::Scope => self.needs_scope,
            Of::Refusable => self.needs_scope || is_command,
            Of::Body => self.has_body,
            Of::Command => is_command,
            // The confirmation of the time waits for no time.
            Of::Timed => is_command && self.path != "/commands/ConfirmClock",
            Of::Log => is_log,
            Of::Kept => is_log && self.is(Of::Refusable),
            // The query API of a cluster answers for the attempts as well.
            Of::Question => self.tag == "queries" || self.path == "/attempts",
            Of::Record => self.tag == "queries" && self.path.contains("{id}"),
            Of::Replay => self.path == "/admin/replay",
        }
    }

    /// The shared codes with that status.
    fn codes(&self, status: u16) -> Vec<&'static str> {
        let with_it = CODES.iter().filter(|(known, _, of)| *known == status && self.is(*of));
        let mut codes: Vec<_> = with_it.map(|(_, code, _)| *code).collect();
        codes.dedup();
        codes
    }

    /// What a shared answer of this operation is called. What all have that ask for a token, or all that
    /// there are, is called by its status alone; other answers are called by the kind of operation, or
    /// by the only operation that has them.
    fn names(&self, status: u16, name: &str) -> Vec<String> {
        let with_it = CODES.iter().filter(|(known, _, of)| *known == status && self.is(*of));
        if with_it.into_iter().all(|(.., of)| matches!(of, Of::All | Of::Token | Of::Scope)) {
            return vec![name.to_owned()];
        }
        let kind = match self.tag {
            _ if self.path == "/commands" => "list",
            _ if self.is(Of::Record) => "record",
            tag => tag,
        };
        [kind, self.id].map(|of| capital(of) + name).to_vec()
    }
}

/// The shared answers, by the names under which operations refer to them.
#[derive(Default)]
pub(super) struct Shared(Map<String, Value>);

impl Shared {
    /// Adds to an operation who may call it, and every error that it shares with others.
    pub(super) fn complete(&mut self, path: &str, operation: &mut Value) {
        let is_open = operation["security"].as_array().is_some_and(Vec::is_empty);
        let scope = operation["x-required-scope"].as_str().unwrap_or_default().to_owned();
        if !is_open {
            let scopes: Vec<_> =
                [scope.as_str()].into_iter().filter(|scope| !scope.is_empty()).collect();
            operation["security"] = json!([{ "token": scopes }]);
        }
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (id, tag) = (text(&operation["operationId"]), text(&operation["tags"][0]));
        let known = Operation {
            path,
            id: &id,
            tag: &tag,
            needs_token: !is_open,
            needs_scope: !scope.is_empty(),
            has_body: operation.get("requestBody").is_some(),
        };
        let Some(responses) = operation["responses"].as_object_mut() else { return };
        for (status, name, description) in STATUSES {
            let codes = known.codes(status);
            if codes.is_empty() {
                continue;
            }
            match responses.get_mut(&status.to_string()) {
                Some(own) => add_codes(own, status, &codes),
                None => {
                    let answer = answer(status, description, &codes);
                    let shared = self.refer(known.names(status, name), answer);
                    responses.insert(status.to_string(), shared);
                }
            }
        }
        responses.iter_mut().for_each(|(status, own)| add_example(status, own));
        responses.sort_keys();
    }

    /// A reference to an answer, by the first of the names that is free or means the same.
    fn refer(&mut self, names: Vec<String>, answer: Value) -> Value {
        let fits = |name: &String| self.0.get(name).is_none_or(|known| *known == answer);
        let name = names.into_iter().find(fits).unwrap_or_default();
        let reference = format!("#/components/responses/{name}");
        self.0.insert(name, answer);
        json!({ "$ref": reference })
    }

    /// All of them, for the document.
    pub(super) fn into_components(self) -> Map<String, Value> {
        let mut all = self.0;
        all.sort_keys();
        all
    }
}

fn capital(text: &str) -> String {
    let (first, rest) = text.split_at_checked(1).unwrap_or_default();
    first.to_ascii_uppercase() + rest
}

/// An error whose code is one of these.
pub(super) fn answer(status: u16, description: &str, codes: &[&str]) -> Value {
    let problem = json!({ "allOf": [
        { "$ref": "#/components/schemas/Problem" },
        { "properties": { "code": { "enum": codes } } },
    ] });
    let mut answer = json!({
        "description": description,
        "content": { "application/problem+json": {
            "schema": problem,
            "example": example(status, codes.first().copied().unwrap_or_default(), description),
        } },
    });
    let header =
        |description: &str| json!({ "description": description, "schema": { "type": "string" } });
    match status {
        401 => answer["headers"] = json!({ "WWW-Authenticate": header("`Bearer`.") }),
        429 | 503 => answer["headers"] = json!({ "Retry-After": header("Seconds to wait.") }),
        _ => {}
    }
    answer
}

/// Adds shared codes to an answer that an operation describes itself.
fn add_codes(own: &mut Value, status: u16, codes: &[&str]) {
    let known = "/content/application~1problem+json/schema/allOf/1/properties/code/enum";
    if let Some(known) = own.pointer_mut(known).and_then(Value::as_array_mut) {
        known.extend(codes.iter().map(|code| Value::from(*code)));
    } else {
        // What it describes is no problem: the answer of `/readyz`.
        own["content"]["application/problem+json"] =
            answer(status, "", codes)["content"]["application/problem+json"].take();
    }
}

/// Gives a problem that an operation describes itself an example.
fn add_example(status: &str, own: &mut Value) {
    let Some(media) = own.pointer_mut("/content/application~1problem+json") else { return };
    let codes = &media["schema"]["allOf"][1]["properties"]["code"]["enum"];
    let code = codes[0].as_str().unwrap_or_default().to_owned();
    let example = example(status.parse().unwrap_or_default(), &code, "What is wrong here.");
    media["example"] = example;
}

fn example(status: u16, code: &str, description: &str) -> Value {
    let title = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    json!({ "status": status, "code": code, "title": title, "detail": description })
}
