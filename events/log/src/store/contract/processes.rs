//! What is kept beside the log: refused commands, and where process managers stand.

use events::{
    envelope::{Actor, ActorKind, Instant, Position},
    ids::TokenId,
};
use uuid::Uuid;

use super::{ACTOR, Log, Subject, good};
use crate::store::{Attempt, RecordedAttempt};

fn attempt<S: Subject>(log: &Log<S>, n: u64) -> Attempt {
    let kind = if n.is_multiple_of(2) { ActorKind::Process } else { ActorKind::User };
    Attempt {
        at: Instant::from_micros(1_000_000 + i64::try_from(n).unwrap_or_default()),
        actor: Actor { kind, id: Uuid::from_u128(u128::from(n)) },
        command_id: log.command(&format!("attempt {n}")),
        command: format!("AcceptQuote{n} \u{fc}").into(),
        stream: (!n.is_multiple_of(3)).then(|| log.stream(&format!("s{n}"))),
        code: "quote.not_active".into(),
        token: n.is_multiple_of(2).then(|| TokenId(Uuid::from_u128(u128::from(n) << 64))),
        count: 1,
    }
}

async fn attempts<S: Subject>(log: &Log<S>, after: u64, limit: usize) -> Vec<RecordedAttempt> {
    good(log.store().attempts(after, limit).await)
}

/// 1, 2, 3, over several calls, with every field.
pub async fn attempts_are_numbered_and_kept_as_they_were<S: Subject>() {
    let log = Log::<S>::fresh().await;
    let first = log.store().record_attempts((1..=4).map(|n| attempt(&log, n)).collect()).await;
    assert_eq!(good(first), 1);
    good(log.store().record_attempts(Vec::new()).await);
    let first = log.store().record_attempts((5..=6).map(|n| attempt(&log, n)).collect()).await;
    assert_eq!(good(first), 5, "the number of the first of them");
    let expected: Vec<_> =
        (1..=6).map(|n| RecordedAttempt { number: n, attempt: attempt(&log, n) }).collect();
    assert_eq!(attempts(&log, 0, 100).await, expected);
}

/// After a number, at most so many.
pub async fn attempts_are_read_in_pages<S: Subject>() {
    let log = Log::<S>::fresh().await;
    assert!(attempts(&log, 0, 10).await.is_empty());
    good(log.store().record_attempts((1..=10).map(|n| attempt(&log, n)).collect()).await);
    let numbers = |page: Vec<RecordedAttempt>| page.iter().map(|a| a.number).collect::<Vec<_>>();
    assert_eq!(numbers(attempts(&log, 0, 3).await), [1, 2, 3]);
    assert_eq!(numbers(attempts(&log, 3, 3).await), [4, 5, 6]);
    assert_eq!(numbers(attempts(&log, 9, 3).await), [10]);
    assert!(attempts(&log, 10, 3).await.is_empty());
    assert!(attempts(&log, u64::MAX, 3).await.is_empty());
    assert!(attempts(&log, 0, 0).await.is_empty());
}

/// One row stands for many; its count never falls, and the rest of it stays as it was.
pub async fn an_attempt_stands_for_more_and_never_for_less<S: Subject>() {
    let log = Log::<S>::fresh().await;
    let tried: Vec<Attempt> = (1..=3).map(|n| attempt(&log, n)).collect();
    good(log.store().record_attempts(tried.clone()).await);
    let recorded = |number: usize, count| {
        let attempt = Attempt { count, ..tried[number - 1].clone() };
        RecordedAttempt { number: number as u64, attempt }
    };
    good(log.store().raise_attempts(vec![recorded(2, 7), recorded(3, 1 << 40)]).await);
    good(log.store().raise_attempts(vec![recorded(2, 5), recorded(2, 9), recorded(2, 8)]).await);
    good(log.store().raise_attempts(Vec::new()).await);
    let expected = [recorded(1, 1), recorded(2, 9), recorded(3, 1 << 40)];
    assert_eq!(attempts(&log, 0, 10).await, expected);
    let log = log.reopened().await;
    good(log.store().raise_attempts(vec![recorded(2, 10)]).await);
    assert_eq!(attempts(&log, 1, 1).await, [recorded(2, 10)]);
}

/// They are evidence beside the log, not part of it.
pub async fn attempts_do_not_move_the_log<S: Subject>() {
    let log = Log::<S>::fresh().await;
    let stream = log.stream_of("a", 1).await;
    let head = log.head().await;
    log.set_clock(Instant::from_micros(head.recorded_at.micros() + 5_000_000));
    good(log.store().record_attempts(vec![attempt(&log, 1)]).await);
    assert_eq!(log.head().await, head);
    assert_eq!(log.read().await.len(), 1);
    let receipt = log.stored(log.says("next", stream, 1, &["x"])).await;
    assert_eq!(receipt.position.0, head.position.0 + 1);
}

/// And the numbers go on.
pub async fn attempts_survive_a_restart<S: Subject>() {
    let log = Log::<S>::fresh().await;
    good(log.store().record_attempts(vec![attempt(&log, 1), attempt(&log, 2)]).await);
    let log = log.reopened().await;
    good(log.store().record_attempts(vec![attempt(&log, 3)]).await);
    let expected: Vec<_> =
        (1..=3).map(|n| RecordedAttempt { number: n, attempt: attempt(&log, n) }).collect();
    assert_eq!(attempts(&log, 0, 100).await, expected);
}

/// Never saved is not an error.
pub async fn a_checkpoint_begins_at_the_start<S: Subject>() {
    let log = Log::<S>::fresh().await;
    assert_eq!(good(log.store().checkpoint("orders").await), Position::START);
}

/// Whatever it is told.
pub async fn a_checkpoint_never_goes_backwards<S: Subject>() {
    let log = Log::<S>::fresh().await;
    for (saved, stands) in [(5, 5), (3, 5), (0, 5), (9, 9), (9, 9)] {
        good(log.store().save_checkpoint("orders", Position(saved)).await);
        assert_eq!(good(log.store().checkpoint("orders").await), Position(stands));
    }
}

/// Each has its own.
pub async fn checkpoints_of_two_processes_stay_apart<S: Subject>() {
    let log = Log::<S>::fresh().await;
    good(log.store().save_checkpoint("orders", Position(5)).await);
    good(log.store().save_checkpoint("campaigns", Position(2)).await);
    assert_eq!(good(log.store().checkpoint("orders").await), Position(5));
    assert_eq!(good(log.store().checkpoint("campaigns").await), Position(2));
}

/// A process manager goes on where it stood.
pub async fn a_checkpoint_survives_a_restart<S: Subject>() {
    let log = Log::<S>::fresh().await;
    log.stored(log.says("c", log.stream("a"), 0, &["x"])).await;
    good(log.store().save_checkpoint("orders", Position(1)).await);
    let log = log.reopened().await;
    assert_eq!(good(log.store().checkpoint("orders").await), Position(1));
    assert_eq!(log.read().await[0].event.cause.actor, ACTOR);
}
