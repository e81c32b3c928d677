//! `GET /`: what this is and where to go, for people who open the address.
//! `GET /schemas/{type}/{version}`: the JSON Schema of every event.

use std::{collections::BTreeMap, sync::OnceLock};

use axum::{
    Router,
    extract::Path,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use events::CrmEvent;

use crate::serve::problem;

const TEXT: &str = "\
Annals: a CRM backend whose records are the sum of their history.

  /openapi.json           every command and question, with examples
  /livez  /readyz         whether it lives, whether it can do its work
  /metrics  /version      how it fares, which build it is
  /schemas/{type}/{version}   the JSON Schema of an event

Commands go to POST /commands/{Name}, questions are GET; both ask for a bearer token.
`annals help` and `annals commands` say the rest; README.md of the project has a walk through.
";

const HTML: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<title>Annals</title>
<h1>Annals</h1>
<p>A CRM backend whose records are the sum of their history.</p>
<ul>
<li><a href=\"/openapi.json\">openapi.json</a>: every command and question, with examples</li>
<li><a href=\"/livez\">livez</a>, <a href=\"/readyz\">readyz</a>: whether it lives, whether it can do its work</li>
<li><a href=\"/metrics\">metrics</a>, <a href=\"/version\">version</a>: how it fares, which build it is</li>
<li><a href=\"/schemas/account.created/1\">schemas/{type}/{version}</a>: the JSON Schema of an event</li>
</ul>
<p>Commands go to <code>POST /commands/{Name}</code>, questions are <code>GET</code>; both ask for a
bearer token. <code>annals help</code> and <code>annals commands</code> say the rest;
<code>README.md</code> of the project has a walk through.</p>
</html>
";

/// Both routes. They ask for no token and tell nothing about any record.
#[must_use = "routes do nothing until they are served"]
pub fn router() -> Router {
    Router::new().route("/", get(start)).route("/schemas/{type}/{version}", get(schema))
}

/// The page as the caller's `Accept` wants it: text for programs, HTML for whoever asks for that.
async fn start(headers: HeaderMap) -> Response {
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("");
    let place = |media: &str| accepted.find(media).unwrap_or(usize::MAX);
    let html = place("text/html");
    if html < place("text/plain").min(place("application/json")) {
        return ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], HTML).into_response();
    }
    if place("application/json") < place("text/plain") {
        let links = serde_json::json!({
            "name": "annals",
            "description": "A CRM backend whose records are the sum of their history.",
            "document": "/openapi.json",
            "health": ["/livez", "/readyz", "/metrics", "/version"],
        });
        return axum::Json(links).into_response();
    }
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], TEXT).into_response()
}

/// Every published schema as JSON text, by type and version.
fn schemas() -> &'static BTreeMap<(String, u16), String> {
    static SCHEMAS: OnceLock<BTreeMap<(String, u16), String>> = OnceLock::new();
    SCHEMAS.get_or_init(|| {
        let published = CrmEvent::published().into_iter();
        let one = |published: events::category::Published| {
            let name = published.event_type.name.into_owned();
            ((name, published.event_type.version), published.schema.as_value().to_string())
        };
        published.map(one).collect()
    })
}

async fn schema(Path((name, version)): Path<(String, String)>) -> Response {
    // A version has one spelling: `01` is none.
    let number = version.parse::<u16>().ok().filter(|number| number.to_string() == version);
    match number.and_then(|number| schemas().get(&(name, number))) {
        Some(schema) => {
            let kind = [(header::CONTENT_TYPE, "application/schema+json")];
            (kind, schema.as_str()).into_response()
        }
        None => {
            problem(StatusCode::NOT_FOUND, "schema.unknown", "no event has that type and version")
        }
    }
}
