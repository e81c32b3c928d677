//! The check is held against builds that make a mistake: it has to see each of them.

use std::process::Command;

use events_log::bus::nemesis::Dice;
use tests::{planted_binary, without_settings};
use tokio::runtime::Handle;

use super::{
    TURN,
    faults::Fault,
    run::{Plan, run},
};

/// Within how many faults a mistake has to be seen.
const BUDGET: u64 = 12;

/// Runs the check on a build with that mistake, which has to end with one of these words.
async fn is_caught(mistake: &'static str, faults: &'static [Fault], words: &[&str]) {
    let _turn = TURN.lock().await;
    let seed = Dice::new(u64::try_from(mistake.len()).unwrap()).roll(1_000_000);
    let plan = Plan { seed, faults, rounds: BUDGET, replay_every: 4, planted: Some(mistake) };
    let runtime = Handle::current();
    let checking = tokio::task::spawn_blocking(move || runtime.block_on(run(plan)));
    let Err(failed) = checking.await else {
        panic!("{mistake}: nothing was seen of it in {BUDGET} faults");
    };
    let why = failed.into_panic();
    let why = why.downcast_ref::<String>().expect("the check says why");
    assert!(words.iter().any(|words| why.contains(words)), "{mistake} was not why: {why}");
    eprintln!("{mistake} was caught: {why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_acknowledges_before_the_commit_is_caught() {
    let faults = &[Fault::EndTransactions, Fault::KillPostgres, Fault::KillCommandService];
    // It is lost, or another process does not see yet what was acknowledged, or the next step of a
    // sale is refused because the one before is not there.
    let words = &[
        "is lost",
        "went backwards",
        "shows version",
        "was told",
        "record.not_found",
        "at_least.unknown",
        "quote.no_lines",
        "quote.not_active",
    ];
    is_caught("acknowledge-before-commit", faults, words).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_moves_the_checkpoint_apart_from_the_rows_is_caught() {
    // Nothing else comes between the two: what the database forgets, it forgets of both.
    let faults = &[Fault::KillProjectionService];
    is_caught("checkpoint-apart", faults, &["lag behind", "different"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_the_sequence_of_the_stream_for_the_position_is_caught() {
    let faults = &[Fault::PurgeStream, Fault::DeleteStream, Fault::DeleteFolder];
    let words = &["lag behind", "different", "does not end"];
    is_caught("sequence-as-position", faults, words).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_draws_positions_from_a_plain_sequence_is_caught() {
    let faults = &[Fault::EndSessions, Fault::HoldHead, Fault::KillPostgres];
    is_caught("plain-sequence", faults, &["a position is missing"]).await;
}

#[test]
fn a_build_with_mistakes_starts_only_when_it_is_told_which() {
    let output = without_settings(Command::new(planted_binary()))
        .arg("serve")
        .output()
        .expect("the binary runs");
    let line = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{line}");
    assert!(line.starts_with("annals: this build makes mistakes on purpose"), "{line}");
}
