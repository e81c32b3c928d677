//! A thorough check of what a store holds beside the events' own hashes: tables against indexes, streams
//! against events, links, ledger against events both ways, checksums, numbering.
//!
//! Memory stays bounded however long the log is: whatever must be compared with something else is
//! compared by the database, and of each kind of finding only the first few are kept.

use std::{collections::BTreeMap, sync::Arc};

use events::envelope::{Position, Recorded};

use super::{Answer, EventFeed, StoreError};

/// How many findings of each kind are kept; the rest is counted.
pub const KEPT: usize = 20;

/// Something that is not as it was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The position in the log that it is about, where it is about one.
    pub position: Option<u64>,
    /// The stream that it is about, where it is about one and that is known.
    pub stream: Option<String>,
    /// What is wrong.
    pub what: String,
}

impl Finding {
    /// One without a place in the log.
    pub(crate) fn of(what: impl Into<String>) -> Self {
        Self { position: None, stream: None, what: what.into() }
    }
}

/// The findings of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// How many there are.
    pub count: u64,
    /// The first of them.
    pub first: Vec<Finding>,
}

/// What a check of a store saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audited {
    /// How many streams there are.
    pub streams: u64,
    /// How many lines the ledger has.
    pub commands: u64,
    /// How many attempts there are.
    pub attempts: u64,
    /// What is wrong, by its kind. Empty when all is well.
    pub found: BTreeMap<&'static str, Found>,
}

impl Audited {
    /// Adds a finding.
    pub(crate) fn add(&mut self, kind: &'static str, finding: Finding) {
        self.add_some(kind, 1, [finding]);
    }

    /// Adds `count` findings, of which these are the first.
    pub(crate) fn add_some(
        &mut self,
        kind: &'static str,
        count: u64,
        first: impl IntoIterator<Item = Finding>,
    ) {
        if count > 0 {
            let found = self.found.entry(kind).or_default();
            found.count += count;
            let room = KEPT.saturating_sub(found.first.len());
            found.first.extend(first.into_iter().take(room));
        }
    }
}

/// Hears what is being checked, how much of it is done, and how much there is (0: not known).
pub type HearAudit = Arc<dyn Fn(&'static str, u64, u64) + Send + Sync>;

/// A store that can be checked.
pub trait Audit: EventFeed {
    /// Checks everything that the store holds but the events' own hashes. Others go on meanwhile.
    fn audit(&self, hear: HearAudit) -> Answer<'_, Result<Audited, StoreError>>;

    /// As [`EventFeed::read`], but from what is stored, also where it is
    /// remembered.
    fn stored(
        &self,
        after: Position,
        limit: usize,
    ) -> Answer<'_, Result<Vec<Arc<Recorded>>, StoreError>>;
}

/// What a question of [`CHECKS`] answers with beside the number of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refers {
    /// A position.
    Position,
    /// The number of a stream inside the store.
    Stream,
    /// Nothing that would help.
    Nothing,
}

/// One question to the database: a row for each finding, with the number of all findings.
pub(crate) struct Check {
    pub(crate) kind: &'static str,
    pub(crate) refers: Refers,
    pub(crate) what: &'static str,
    pub(crate) sql: &'static str,
}

/// In the part of SQL that both databases share.
pub(crate) const CHECKS: [Check; 8] = [
    Check {
        kind: "head",
        refers: Refers::Nothing,
        what: "the head row does not say where the tables end",
        sql: "select 1, 0 from log_head h \
            where h.position <> (select coalesce(max(position), 0) from events) \
            or h.position <> (select count(*) from events) \
            or h.recorded_at <> coalesce((select recorded_at from events e \
                where e.position = h.position), 0) \
            or h.streams <> (select coalesce(max(stream_key), 0) from streams) \
            or h.streams <> (select count(*) from streams) \
            or h.attempts <> (select coalesce(max(number), 0) from attempts) \
            or h.attempts <> (select count(*) from attempts)",
    },
    Check {
        kind: "streams",
        refers: Refers::Stream,
        what: "its row does not say how many events it has",
        sql: "select count(*) over (), s.stream_key from streams s \
            where s.version <> (select count(*) from events e where e.stream_key = s.stream_key) \
            or s.version <> (select coalesce(max(version), 0) from events e \
                where e.stream_key = s.stream_key) limit 20",
    },
    Check {
        kind: "streams",
        refers: Refers::Position,
        what: "the event is in no stream",
        sql: "select count(*) over (), e.position from events e \
            left join streams s on s.stream_key = e.stream_key \
            where s.stream_key is null limit 20",
    },
    Check {
        kind: "links",
        refers: Refers::Position,
        what: "the event does not follow the one before it in its stream",
        sql: "select count(*) over (), e.position from events e \
            left join events b on b.stream_key = e.stream_key and b.version = e.version - 1 \
            where e.version < 1 \
            or (e.version = 1 and (e.before_position <> 0 or octet_length(e.before_leaf) > 0)) \
            or (e.version > 1 and (b.position is null or b.position <> e.before_position \
                or b.leaf <> e.before_leaf or b.position >= e.position)) limit 20",
    },
    Check {
        kind: "ledger",
        refers: Refers::Position,
        what: "the event is not among those that the ledger says of its command",
        sql: "select count(*) over (), e.position from events e \
            left join commands c on c.command_id = e.command_id \
            where c.command_id is null or c.stream_key <> e.stream_key or e.version > c.version \
            or e.version <= c.version - c.events \
            or e.position - c.position <> e.version - c.version limit 20",
    },
    Check {
        kind: "ledger",
        refers: Refers::Position,
        what: "a line of the ledger names events that are not there",
        sql: "select count(*) over (), c.position from commands c \
            left join events e on e.stream_key = c.stream_key and e.version = c.version \
            where c.events < 0 or c.version < c.events \
            or c.position > (select position from log_head) \
            or (c.version > 0 and e.position is null) \
            or (c.events > 0 and (e.position <> c.position or e.command_id <> c.command_id \
                or not exists (select 1 from events f where f.stream_key = c.stream_key \
                    and f.version = c.version - c.events + 1 \
                    and f.command_id = c.command_id))) limit 20",
    },
    Check {
        kind: "event_ids",
        refers: Refers::Position,
        what: "the id of the event is there more than once",
        sql: "select count(*) over (), min(position) from events \
            group by event_id having count(*) > 1 limit 20",
    },
    Check {
        kind: "checkpoints",
        refers: Refers::Nothing,
        what: "a process stands beyond the end of the log",
        sql: "select count(*) over (), 0 from process_checkpoints \
            where position < 0 or position > (select position from log_head) limit 20",
    },
];
