//! Decisions, projections and the language wait for nothing and read no clock.

use std::path::PathBuf;

use crate::files::{is_tests_file, root, rust_files, shown, text_of};

/// Where the language, decisions and projections live: pure code, without waiting and without a clock. A
/// place that is not there is a mistake in this list.
const PURE: [&str; 19] = [
    "events/src/access",
    "events/src/customers",
    "events/src/sales",
    "events/src/money",
    "events/src/values",
    "events/src/personal.rs",
    "command-service/src/access",
    "command-service/src/customers",
    "command-service/src/sales",
    "command-service/src/processes",
    "command-service/src/body",
    "command-service/src/aggregate.rs",
    "command-service/src/refusal.rs",
    "projection-service/src/access",
    "projection-service/src/customers",
    "projection-service/src/sales",
    "projection-service/src/fold",
    "projection-service/src/record.rs",
    "projection-service/src/table.rs",
];

#[test]
fn decisions_and_projections_wait_for_nothing_and_read_no_clock() {
    for place in PURE {
        let impure: Vec<_> = pure_files(place)
            .iter()
            .flat_map(|path| {
                let lines = impure_lines(&text_of(path));
                lines.into_iter().map(|line| format!("{}:{line}", shown(path)))
            })
            .collect();
        assert!(impure.is_empty(), "{impure:#?}");
    }
}

#[test]
fn whatever_waits_or_reads_a_clock_is_found_in_every_pure_place() {
    for place in PURE {
        for path in pure_files(place) {
            let text = text_of(&path);
            for planted in ["async fn planted() {}", "let it = planted.await;", "Instant::now()"] {
                let found = impure_lines(&format!("{text}\n{planted}"));
                assert_eq!(found.len(), 1, "{}: {planted}", shown(&path));
            }
        }
    }
}

/// The production files of a pure place.
fn pure_files(place: &str) -> Vec<PathBuf> {
    let path = root().join(place);
    let mut files = if path.is_file() { vec![path] } else { rust_files(&path) };
    files.retain(|path| !is_tests_file(path));
    assert!(!files.is_empty(), "{place}: there is nothing to look at");
    files
}

/// The lines that wait or read a clock, each with its number.
fn impure_lines(text: &str) -> Vec<String> {
    let is_impure = |line: &str| {
        let code = line.split("//").next().unwrap_or_default();
        let clock = has_word(code, "now") && code.contains("now(");
        clock || has_word(code, "async") || has_word(code, "await")
    };
    let lines = text.lines().enumerate().filter(|(_, line)| is_impure(line));
    lines.map(|(number, line)| format!("{}: {line}", number + 1)).collect()
}

fn has_word(line: &str, word: &str) -> bool {
    line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|part| part == word)
}
