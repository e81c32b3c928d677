//! The catalogue of bad input, line by line: what goes in, and what has to come back.
//!
//! Sections 3.1 to 3.10 of the plan for reliability; where the product's own documents promise
//! another answer, theirs is expected, and the row says why.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it has to be")]

// Lines, requests, calls, lists.
mod row;
// The installation that requests are sent to.
mod world;
// How requests are sent and judged, and how the binary is called.
mod run;
mod calls;
// 3.1 to 3.10.
mod wire;
mod json;
mod text;
mod figures;
mod commands;
mod access;
mod questions;
mod lists;
mod outgoing;
mod operator;

use row::{Proof, Row};

/// How many lines the catalogue has.
const LINES: u16 = 164;

/// Every line, in order.
fn catalogue() -> Vec<Row> {
    [
        wire::rows(),
        json::rows(),
        text::rows(),
        figures::rows(),
        commands::rows(),
        access::rows(),
        questions::rows(),
        lists::rows(),
        outgoing::rows(),
        operator::rows(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[test]
fn every_line_of_the_catalogue_is_named_once_and_in_order() {
    let numbers: Vec<_> = catalogue().iter().map(|row| row.number).collect();
    assert_eq!(numbers, (1..=LINES).collect::<Vec<_>>());
}

#[test]
fn every_line_has_an_answer_or_says_in_one_word_what_there_is_none_of() {
    for row in catalogue() {
        assert!(!row.proofs.is_empty(), "{}, {}", row.number, row.what);
        for proof in &row.proofs {
            match proof {
                Proof::Asks(asks) => assert!(!asks.is_empty(), "{}", row.number),
                Proof::Sends(sends) => assert!(!sends.is_empty(), "{}", row.number),
                Proof::Calls(calls) => assert!(!calls.is_empty(), "{}", row.number),
                Proof::Lists(lists) => assert!(!lists.is_empty(), "{}", row.number),
                Proof::Not(why) => {
                    assert!(!why.is_empty() && !why.contains(' '), "{}: {why}", row.number);
                }
                Proof::Journey(_) | Proof::Test(_) => {}
            }
        }
    }
}

#[test]
fn every_test_that_a_line_names_is_there() {
    let root = tests::project_root();
    let mut named = 0;
    for row in catalogue() {
        for proof in &row.proofs {
            let Proof::Test(name) = proof else { continue };
            let (file, function) = name.split_once("::").expect("a file and a test");
            let text = std::fs::read_to_string(root.join(file));
            let text = text.unwrap_or_else(|error| panic!("{}: {file}: {error}", row.number));
            let definition = format!("fn {function}(");
            let (before, _) = text
                .split_once(&definition)
                .unwrap_or_else(|| panic!("{}: {file} has no test {function}", row.number));
            let is_test = before.rsplit("\n\n").next().is_some_and(|it| it.contains("test"));
            assert!(is_test, "{}: {function} is no test", row.number);
            named += 1;
        }
    }
    assert!(named > 20, "{named}");
}

#[tokio::test]
async fn the_transport_and_http() {
    run::run(&wire::rows()).await;
}

#[tokio::test]
async fn json_that_is_none_or_says_what_no_field_holds() {
    run::run(&json::rows()).await;
}

#[tokio::test]
async fn texts_and_what_tells_records_apart() {
    run::run(&text::rows()).await;
}

#[tokio::test]
async fn money_numbers_and_time() {
    run::run(&figures::rows()).await;
}

#[tokio::test]
async fn commands_and_what_makes_one_happen_once() {
    run::run(&commands::rows()).await;
}

#[tokio::test]
async fn who_is_let_in_and_to_what() {
    run::run(&access::rows()).await;
}

#[tokio::test]
async fn questions_searches_and_the_log_as_a_stream() {
    run::run(&questions::rows()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_that_are_imported() {
    calls::run(&lists::rows()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_and_settings() {
    calls::run(&operator::rows()).await;
}
