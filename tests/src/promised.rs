//! What the OpenAPI document promises of errors: held against every answer that a test gets.

use std::{collections::BTreeMap, sync::OnceLock};

use hyper::Method;
use serde_json::Value;

/// Codes by operation and status.
type Promises = BTreeMap<(String, String, u16), Vec<String>>;

/// Demands that the document names the code of an error that an operation was answered with. What is no
/// operation, has an error of its own.
///
/// # Panics
/// When the document does not know that error.
pub(crate) fn demand_promised(method: &Method, path: &str, status: u16, body: &[u8]) {
    let method = if *method == Method::HEAD { Method::GET } else { method.clone() };
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let Ok(problem) = serde_json::from_slice::<Value>(body) else { return };
    let code = problem["code"].as_str().unwrap_or_default();
    let Some(operation) = operation(&method, path) else {
        let is_known = ["route.unknown", "command.unknown", "method.not_allowed"].contains(&code);
        assert!(is_known || status < 404, "{method} {path}: {status} {code} of no operation");
        return;
    };
    let key = (method.to_string().to_lowercase(), operation.clone(), status);
    let codes = promises().get(&key).map_or(&[][..], Vec::as_slice);
    assert!(
        codes.iter().any(|known| known == code),
        "{method} {operation}: the document has no {status} {code}, but {codes:?}"
    );
}

/// The path of the document that a path of a request is one of.
fn operation(method: &Method, path: &str) -> Option<String> {
    let method = method.to_string().to_lowercase();
    let mut paths =
        promises().keys().filter(|(known, ..)| *known == method).map(|(_, path, _)| path);
    paths.find(|known| is_of(path, known)).cloned()
}

fn is_of(path: &str, pattern: &str) -> bool {
    let (mut parts, mut patterns) = (path.split('/'), pattern.split('/'));
    let fits = patterns.by_ref().all(|pattern| {
        parts.next().is_some_and(|part| {
            if pattern.starts_with('{') { !part.is_empty() } else { pattern == part }
        })
    });
    fits && parts.next().is_none()
}

fn promises() -> &'static Promises {
    static PROMISES: OnceLock<Promises> = OnceLock::new();
    PROMISES.get_or_init(|| {
        let document = deploy::document::document();
        let mut promises = Promises::new();
        for (path, item) in document["paths"].as_object().expect("paths") {
            for (method, operation) in item.as_object().expect("operations") {
                for (status, answer) in operation["responses"].as_object().expect("responses") {
                    let status = status.parse().expect("a status");
                    let key = (method.clone(), path.clone(), status);
                    promises.insert(key, codes(&document, answer));
                }
            }
        }
        promises
    })
}

fn codes(document: &Value, answer: &Value) -> Vec<String> {
    let shared = answer["$ref"].as_str().map(|reference| reference.trim_start_matches('#'));
    let answer = shared.and_then(|pointer| document.pointer(pointer)).unwrap_or(answer);
    let codes = "/content/application~1problem+json/schema/allOf/1/properties/code/enum";
    let codes = answer.pointer(codes).and_then(Value::as_array).into_iter().flatten();
    codes.filter_map(|code| code.as_str().map(str::to_owned)).collect()
}
