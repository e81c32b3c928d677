//! The document names every code that the product answers with, and none that it does not.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use events::CrmEvent;
use serde_json::Value;

use super::document;

/// Where errors are made.
const SOURCES: [&str; 9] = [
    "command-service/src",
    "query-api/src",
    "deploy/src/serve",
    "deploy/src/admission",
    "deploy/src/admin.rs",
    "deploy/src/backup.rs",
    "deploy/src/start_page.rs",
    "deploy/src/health.rs",
    "deploy/src/cluster/query.rs",
];
/// Codes that no operation has: what they are about is none, or an item of a list.
const ELSEWHERE: [&str; 4] =
    ["route.unknown", "command.unknown", "method.not_allowed", "command.not_tried"];
/// Texts that look like codes and are names of files.
const FILES: [&str; 6] =
    ["log.db", "keys.db", "installation.key", "master.key", "log.mark", "openapi.json"];

#[test]
fn every_code_that_is_written_is_in_the_document_and_no_other() {
    let written = sources();
    let document = document();
    let promised = promised(&document);
    assert!(promised.len() > 100, "{}", promised.len());

    let events = CrmEvent::published().into_iter().map(|event| event.event_type.name.into_owned());
    let no_codes: BTreeSet<_> = events.chain(FILES.map(str::to_owned)).collect();
    let text = document.to_string();
    let is_known = |code: &str| {
        promised.contains(code) || ELSEWHERE.contains(&code) && text.contains(&format!("`{code}`"))
    };
    let unknown: Vec<_> = literals(&written)
        .filter(|text| is_code(text) && !no_codes.contains(*text) && !is_known(text))
        .collect();
    assert_eq!(unknown, Vec::<&str>::new(), "no operation of the document has these");

    let is_written = |code: &String| {
        written.contains(&format!("\"{code}\"")) || written.contains(&format!("\\\"{code}\\\""))
    };
    let invented: Vec<_> = promised.iter().filter(|code| !is_written(code)).collect();
    assert_eq!(invented, Vec::<&String>::new(), "nobody answers with these");
}

#[test]
fn every_error_of_an_operation_names_its_codes() {
    let document = document();
    let shared = document["components"]["responses"].as_object().expect("answers");
    assert!(shared.keys().all(|name| !name.is_empty()));
    let mut errors = 0;
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            for (status, response) in operation["responses"].as_object().expect("responses") {
                if !status.starts_with(['4', '5']) {
                    continue;
                }
                errors += 1;
                let codes = codes(&document, response);
                let unlike: BTreeSet<_> = codes.iter().collect();
                assert!(!codes.is_empty(), "{method} {path} {status}");
                assert_eq!(unlike.len(), codes.len(), "{method} {path} {status}: {codes:?}");
            }
        }
    }
    assert!(errors > 1_000, "{errors}");
}

#[test]
fn every_link_leads_to_an_operation_with_its_parameters() {
    let document = document();
    let items = || document["paths"].as_object().expect("paths").values();
    let operations = || items().flat_map(|item| item.as_object().expect("operations").values());
    let mut links = 0;
    for link in operations().filter_map(|from| from["responses"]["200"]["links"].as_object()) {
        for link in link.values() {
            links += 1;
            let to = operations().find(|to| to["operationId"] == link["operationId"]);
            let known = to.expect("an operation")["parameters"].as_array().expect("parameters");
            for name in link["parameters"].as_object().expect("parameters").keys() {
                assert!(known.iter().any(|known| known["name"] == *name), "{link}");
            }
        }
    }
    assert!(links > 80, "{links}");
}

#[test]
fn no_example_lacks_a_value() {
    let document = document();
    let mut examples = 0;
    each_example(&document["paths"], &mut |example| {
        examples += 1;
        assert!(!example.to_string().contains(":null"), "{example}");
    });
    assert!(examples > 200, "{examples}");
}

fn each_example(value: &Value, hear: &mut dyn FnMut(&Value)) {
    for (name, value) in value.as_object().into_iter().flatten() {
        if name == "example" {
            hear(value);
        }
        each_example(value, hear);
    }
}

/// The codes of all operations.
fn promised(document: &Value) -> BTreeSet<String> {
    let items = document["paths"].as_object().expect("paths").values();
    let operations = items.flat_map(|item| item.as_object().expect("operations").values());
    operations
        .flat_map(|operation| operation["responses"].as_object().expect("responses").values())
        .flat_map(|response| codes(document, response))
        .collect()
}

/// The codes of an answer, which may be one that operations share.
fn codes(document: &Value, response: &Value) -> Vec<String> {
    let shared = response["$ref"].as_str().map(|reference| {
        let pointer = reference.trim_start_matches('#');
        document.pointer(pointer).unwrap_or_else(|| panic!("{reference} leads nowhere"))
    });
    let problem = "/content/application~1problem+json/schema/allOf/1/properties/code/enum";
    let codes = shared.unwrap_or(response).pointer(problem).and_then(Value::as_array);
    codes.into_iter().flatten().map(|code| code.as_str().expect("a code").to_owned()).collect()
}

/// What is between quotation marks.
fn literals(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.trim_start().starts_with("//")).flat_map(|line| {
        let mut parts = line.split('"');
        parts.next();
        parts.map(|part| part.trim_end_matches('\\'))
    })
}

/// Two names with a dot between them. Columns of statements have names of one letter before it.
fn is_code(text: &str) -> bool {
    let is_name = |name: &str| {
        name.len() > 1 && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    let parts = text.split_once('.');
    parts.is_some_and(|(area, rule)| is_name(area) && is_name(rule) && rule != "rs")
}

/// The text of everything that makes errors, without tests and without the document itself.
fn sources() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the project");
    let mut files = Vec::new();
    for source in SOURCES {
        add_files(&root.join(source), &mut files);
    }
    files.iter().map(|file| fs::read_to_string(file).expect("a text")).collect()
}

fn add_files(path: &Path, files: &mut Vec<PathBuf>) {
    if !path.is_dir() {
        return files.push(path.to_owned());
    }
    for entry in fs::read_dir(path).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let is_apart = ["document", "testing", "fixtures"].contains(&name.as_str())
            || name.ends_with("_tests");
        // The folder of the server has a file of that name, which is about documents that it serves.
        if !is_apart || path.ends_with("serve/document.rs") {
            add_files(&path, files);
        }
    }
}
