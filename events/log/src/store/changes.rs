//! What is changed behind a store's back to see whether a check finds it, the same for every database.

use std::sync::Arc;

use events::envelope::{Position, Version};

use crate::store::{
    EventStore, StoreError,
    audit::{Audit, Audited},
    contract::good,
    testing::{append, attempts, put},
};

/// A statement that changes something, and the kind of finding that must tell it.
pub(super) const CHANGES: [(&str, &str); 17] = [
    ("update events set before_position = 1 where position = 4", "links"),
    ("update events set before_leaf = leaf where position = 4", "links"),
    ("update events set before_position = 1 where position = 3", "links"),
    ("update events set version = version + 7 where position = 4", "links"),
    ("update events set stream_key = 77 where position = 4", "streams"),
    ("update streams set version = version + 1 where stream_key = 2", "streams"),
    ("delete from streams where stream_key = 2", "streams"),
    ("delete from events where position = 4", "ledger"),
    ("update events set command_id = actor_id where position = 4", "ledger"),
    ("update commands set position = position + 1 where position = 4", "ledger"),
    ("update commands set events = 1 where position = 4", "ledger"),
    ("delete from commands where position = 4", "ledger"),
    ("update commands set actor_kind = 'process' where position = 4", "ledger"),
    (
        "update events set event_id = (select event_id from events where position = 3) \
         where position = 4",
        "event_ids",
    ),
    ("update attempts set code = 'x' where number = 2", "attempts"),
    ("update process_checkpoints set position = 3", "checkpoints"),
    ("update log_head set recorded_at = recorded_at + 1", "head"),
];

/// The same at the end of the log, where each start looks, and the place that it tells.
pub(super) const AT_THE_END: [(&str, &str); 5] = [
    ("update events set leaf = payload_sha256 where position = 8", "log"),
    ("update events set before_position = 1 where position = 8", "links"),
    ("update commands set events = 1 where position = 8", "ledger"),
    ("update attempts set count = 9 where number = 3", "attempts"),
    ("update process_checkpoints set position = 8", "checkpoints"),
];

/// What makes a stream that was filled end too early.
pub(super) const CUT: &str = "update streams set version = 1 where stream_key = 2";

/// A few of everything that a store keeps.
pub(super) async fn fill(store: &impl EventStore) {
    for n in 1..=4 {
        good(put(store, n).await);
    }
    good(store.append(vec![append(90, &[])]).await.remove(0));
    good(store.record_attempts(attempts(3)).await);
    good(store.save_checkpoint("processes", Position(7)).await);
}

/// What a check says of that.
pub(super) fn filled() -> Audited {
    Audited { streams: 5, commands: 5, attempts: 3, ..Audited::default() }
}

pub(super) async fn audited(store: &impl Audit) -> Audited {
    good(store.audit(Arc::new(|_, _, _| {})).await)
}

/// A store that was filled, and [`CUT`].
pub(super) async fn a_damaged_stream_stops_and_the_others_go_on(store: &impl EventStore) {
    let (damaged, whole) = (append(2, &[]).stream, append(3, &[]).stream);
    let read = store.read_stream(damaged, Version::NONE, 10).await;
    let Err(StoreError::Damaged(what)) = read else { panic!("{read:?}") };
    assert!(what.contains(&damaged.to_string()), "{what}");
    assert_eq!(good(store.read_stream(whole, Version::NONE, 10).await).len(), 2);
    // Whoever appends does not take the row's word either.
    let mut more = append(200, &["more"]);
    (more.stream, more.expected) = (damaged, Version(1));
    let mut other = append(201, &["more"]);
    (other.stream, other.expected) = (whole, Version(2));
    let answers = store.append(vec![more, other]).await;
    assert!(answers[0].is_err(), "{answers:?}");
    assert!(answers[1].is_ok(), "{answers:?}");
}
