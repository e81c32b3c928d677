//! The net below every change of shape: a log with every type of event, and what it answers.
//!
//! `log.jsonl` is a log, `answers.txt` what it was asked and what came back, byte for byte. A build loads
//! the one into each database and asks again. An answer that changes on purpose is written anew by
//! `ANNALS_NET=answers`, in a commit that says why; `ANNALS_NET=log` lives the life of the log anew, which
//! is only done where something is to be added to it: the log is for ever.

mod deals;
mod deeds;
mod fixture;
mod life;
mod questions;
mod site;

use std::collections::BTreeSet;

use events_log::{keys::KeyEraser as _, testing::TestDatabase};
use fixture::Line;
use questions::Question;
use site::Site;

/// What a run does with the fixture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Compare,
    WriteAnswers,
    WriteLog,
}

#[expect(clippy::disallowed_methods, reason = "what is written is said by who starts the run")]
fn mode() -> Mode {
    match std::env::var("ANNALS_NET").as_deref() {
        Ok("log") => Mode::WriteLog,
        Ok("answers") => Mode::WriteAnswers,
        Ok(other) => panic!("ANNALS_NET={other}: `log` or `answers`"),
        Err(_) => Mode::Compare,
    }
}

/// The answers of a log that was put there just now.
async fn answers(site: &Site, questions: Vec<Question>) -> Vec<(Question, String)> {
    let (side, asked) = site.answer().await;
    let answers = questions::ask(site, &asked, questions).await;
    side.close().await;
    answers
}

/// The same, and the second page of each list that has one.
async fn first_answers(site: &Site, questions: Vec<Question>) -> Vec<(Question, String)> {
    let (side, asked) = site.answer().await;
    let mut answers = questions::ask(site, &asked, questions).await;
    let more = answers.iter().filter_map(questions::next).collect();
    answers.extend(questions::ask(site, &asked, more).await);
    side.close().await;
    answers
}

/// Fails at the first answer that is another, and says how many are.
fn compare(found: &[(Question, String)], right: &[(Question, String)]) {
    let others: Vec<_> = found.iter().zip(right).filter(|(found, right)| found != right).collect();
    if let Some(((question, found), (_, right))) = others.first() {
        let count = others.len();
        panic!("{count} answers are others: {question:?}\nright: {right}\nfound: {found}");
    }
    assert_eq!(found.len(), right.len());
}

async fn ask_again(site: &Site) {
    fixture::load(site, fixture::read()).await;
    let right = questions::read();
    let asked = right.iter().map(|(question, _)| question.clone()).collect();
    let found = answers(site, asked).await;
    compare(&found, &right);
}

#[tokio::test]
async fn a_log_that_was_written_down_answers_the_same_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::on_sqlite(folder.path());
    match mode() {
        Mode::Compare => ask_again(&site).await,
        Mode::WriteAnswers => {
            fixture::load(&site, fixture::read()).await;
            let asked = questions::read().into_iter().map(|(question, _)| question).collect();
            questions::write(&answers(&site, asked).await);
        }
        Mode::WriteLog => {
            let lived = life::live(&site).await;
            fixture::write(&fixture::dump(&site, lived.forgotten.clone()).await);
            for key in lived.forgotten {
                site.keys.destroy(key).await.unwrap();
            }
            questions::write(&first_answers(&site, questions::all(&lived.named)).await);
        }
    }
}

#[tokio::test]
async fn a_log_that_was_written_down_answers_the_same_on_postgresql() {
    let Some(database) = TestDatabase::new("net") else { return };
    if mode() == Mode::Compare {
        ask_again(&Site::on_postgres(&database).await).await;
    }
}

/// The one version whose sealed field only a build of before could make. That it is read stands beside its
/// golden.
const ONLY_GOLDEN: [&str; 1] = ["user.added v1"];

#[test]
fn every_type_of_event_is_in_the_log_that_was_written_down() {
    let lock = include_str!("../../events/schemas.lock");
    let name = |line: &str| {
        let mut words = line.split(' ');
        format!("{} v{}", words.next().unwrap(), words.next().unwrap())
    };
    let known: BTreeSet<_> = lock.lines().map(name).collect();
    let mut found = BTreeSet::new();
    for line in fixture::read() {
        if let Line::Accepted { append, .. } = line {
            let name = |event: &events::NewEvent| {
                format!("{} v{}", event.event_type.name, event.event_type.version)
            };
            found.extend(append.events.iter().map(name));
        }
    }
    let missing: Vec<_> = known.difference(&found).collect();
    assert_eq!(missing, ONLY_GOLDEN, "types that are not in tests/net/log.jsonl");
}
