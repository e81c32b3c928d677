//! Who sees a commit from outside waits until the writer shows it, and no longer.

use events::envelope::Instant;
use futures_util::FutureExt;

use super::*;
use crate::bus::testing::LOG;

fn shared() -> Shared {
    Shared::new(LOG, Head { position: Position(7), recorded_at: Instant::from_micros(1) })
}

#[tokio::test]
async fn only_the_end_that_is_being_committed_is_waited_for() {
    let shared = shared();
    assert!(shared.settle(Position(9)).now_or_never().is_some(), "nothing is being committed");
    shared.committing(Some(Position(9)));
    assert!(shared.settle(Position(8)).now_or_never().is_some(), "somebody else's end");
    let settled = shared.settle(Position(9));
    tokio::pin!(settled);
    assert!(settled.as_mut().now_or_never().is_none());
    shared.committing(None);
    settled.await;
}

#[tokio::test]
async fn the_next_commit_is_not_waited_for() {
    let shared = shared();
    shared.committing(Some(Position(9)));
    let settled = shared.settle(Position(9));
    tokio::pin!(settled);
    assert!(settled.as_mut().now_or_never().is_none());
    shared.committing(Some(Position(12)));
    assert!(settled.now_or_never().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_hears_nothing_is_not_waited_for() {
    let shared = shared();
    shared.committing(Some(Position(9)));
    let begun = tokio::time::Instant::now();
    shared.settle(Position(9)).await;
    assert!(begun.elapsed() >= SETTLING && begun.elapsed() < 2 * SETTLING);
}

#[tokio::test]
async fn what_is_shown_already_is_not_waited_for() {
    let shared = shared();
    // Refused commands are written down, the log ends where it ended.
    shared.committing(Some(Position(7)));
    assert!(shared.settle(Position(7)).now_or_never().is_some());
}
