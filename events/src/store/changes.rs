//! What is changed behind a store's back to see whether a check finds it, the same for every database.

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
