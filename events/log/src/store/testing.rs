//! What the tests of the stores on disk have in common.

use std::sync::Arc;

use events::{
    envelope::{Instant, Position, Recorded, Version},
    evidence::leaf,
    ids::{Category, CommandId, LogId, StreamName},
};
use uuid::Uuid;

use crate::store::{
    Append, AppendError, Appended, Attempt, Clock, EventFeed, EventStore, Fingerprint,
    contract::{ACTOR, MORNING, event, good},
};

pub(super) fn clock() -> Clock {
    Arc::new(|| MORNING)
}

pub(super) const LOG: LogId = LogId(Uuid::from_u128(1));

/// Command number `n`, the first of stream number `n`.
pub(super) fn append(n: u64, words: &[&str]) -> Append {
    let command_id = CommandId(Uuid::from_u128(u128::from(n)));
    Append {
        command_id,
        fingerprint: Fingerprint([7; 32]),
        actor: ACTOR,
        stream: StreamName { category: Category::Account, id: Uuid::from_u128(u128::from(n)) },
        expected: Version::NONE,
        events: (0..).zip(words).map(|(ordinal, word)| event(command_id, ordinal, word)).collect(),
    }
}

pub(super) async fn put(store: &impl EventStore, n: u64) -> Result<Appended, AppendError> {
    store.append(vec![append(n, &[&format!("word {n}"), "more"])]).await.remove(0)
}

/// So many refused commands.
pub(super) fn attempts(count: u64) -> Vec<Attempt> {
    let attempt = |n: u64| Attempt {
        at: MORNING,
        actor: ACTOR,
        command_id: CommandId(Uuid::from_u128(n.into())),
        command: "Accept\0Quote".into(),
        stream: n.is_multiple_of(2).then(|| append(n, &[]).stream),
        code: "quote.not_active".into(),
        token: None,
        count: 1,
    };
    (1..=count).map(attempt).collect()
}

pub(super) async fn whole_log(store: &impl EventFeed) -> Vec<Arc<Recorded>> {
    // A store that is shared hears what others appended when it is asked for the head.
    good(store.feed_head().await);
    good(store.read(Position::START, usize::MAX).await)
}

/// Asserts that a log is whole: dense, with right versions, times, leaves and ledger.
pub(super) async fn assert_whole<S: EventStore + EventFeed>(store: &S) -> Vec<Arc<Recorded>> {
    let log = whole_log(store).await;
    let head = good(store.head().await);
    assert_eq!(head.position.0, log.len() as u64);
    let mut last = Instant::from_micros(0);
    for (position, event) in (1..).zip(&log) {
        assert_eq!(event.position.0, position);
        assert!(event.recorded_at >= last);
        last = event.recorded_at;
        let made_again =
            leaf(store.log_id(), event.stream, event.version, event.recorded_at, &event.event);
        assert_eq!(event.leaf, made_again);
        let command = event.event.cause.command_id;
        let [Some(entry)] = good(store.lookup(vec![command]).await)[..] else {
            panic!("the event at {position} has no line in the ledger");
        };
        assert_eq!(entry.receipt.stream, event.stream);
        let stream = good(store.read_stream(event.stream, Version::NONE, usize::MAX).await);
        let of_command = stream.iter().filter(|event| event.event.cause.command_id == command);
        let versions: Vec<u64> = of_command.map(|event| event.version.0).collect();
        let (last, count) = (entry.receipt.version.0, u64::from(entry.receipt.events));
        assert!(versions.into_iter().eq(last - count + 1..=last), "half a command was stored");
    }
    log
}
