//! What is looked at at each start: the end of the log. It is what a crash or a bad disk hits first, and
//! it costs the same however long the log is.

use events::{envelope::Recorded, ids::LogId};

use super::{
    audit::{Check, Refers},
    links::check_hashes,
};

/// How many events, and how many attempts, are looked at.
pub(crate) const RECENT: u64 = 1_000;

/// Their links and their lines of the ledger; `$1` is the position after which they lie.
pub(crate) const CHECKS: [Check; 2] = [
    Check {
        kind: "links",
        refers: Refers::Position,
        what: "the event does not follow the one before it in its stream",
        sql: "select count(*) over (), e.position from events e \
            left join events b on b.stream_key = e.stream_key and b.version = e.version - 1 \
            where e.position > $1 and ((e.version = 1 and e.before_position <> 0) \
            or (e.version > 1 and (b.position is null or b.position <> e.before_position \
                or b.leaf <> e.before_leaf))) limit 20",
    },
    Check {
        kind: "ledger",
        refers: Refers::Position,
        what: "the event is not among those that the ledger says of its command",
        sql: "select count(*) over (), e.position from events e \
            left join commands c on c.command_id = e.command_id \
            where e.position > $1 and (c.command_id is null or c.stream_key <> e.stream_key \
            or e.version > c.version or e.version <= c.version - c.events \
            or e.position - c.position <> e.version - c.version) limit 20",
    },
];

/// The first of some events that is not what its hashes say.
pub(crate) fn first_changed(log: LogId, events: &[impl AsRef<Recorded>]) -> Option<String> {
    events.iter().map(AsRef::as_ref).find_map(|event| {
        let what = check_hashes(log, event).err()?;
        Some(format!("position {}, stream {}: {what}", event.position, event.stream))
    })
}
