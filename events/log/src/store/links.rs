//! A stream as it was read from the tables, followed link by link: what a lookup by a damaged index or
//! a changed row would give is found out here, and only that stream stops.

use std::sync::Arc;

use events::{
    envelope::{Position, Recorded, Version},
    evidence::{leaf, sha256},
    ids::{LogId, StreamName},
};

use super::sequencer::{Before, StreamKey};

/// What the row of a stream says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StreamRow {
    /// Its number.
    pub(crate) key: StreamKey,
    /// Its name.
    pub(crate) name: StreamName,
    /// Its length.
    pub(crate) version: Version,
}

/// What the row of an event says.
#[derive(Clone, Debug)]
pub(crate) struct EventRow {
    /// The number of its stream.
    pub(crate) key: StreamKey,
    /// The event before it, as it was when this one was written; none for the first.
    pub(crate) before: Option<Before>,
    /// The event.
    pub(crate) event: Recorded,
}

/// A part of a stream that is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    pub(crate) log: LogId,
    pub(crate) stream: StreamName,
    /// Events after this version.
    pub(crate) after: Version,
    /// At most so many of them.
    pub(crate) limit: usize,
}

impl Part {
    /// The version to read from: the one before the part too, so that its first link is followed.
    pub(crate) fn first(self) -> Version {
        Version(self.after.0.max(1))
    }

    /// How many rows to read.
    pub(crate) fn rows(self) -> usize {
        self.limit.saturating_add(usize::from(self.after > Version::NONE))
    }

    /// The events of the part up to the `head` that may be seen, if the rows are what was written.
    /// `rows` are those from [`Part::first`] on, as many as [`Part::rows`] where there are so many.
    pub(crate) fn follow(
        self,
        row: StreamRow,
        rows: Vec<EventRow>,
        head: Position,
    ) -> Result<Vec<Arc<Recorded>>, String> {
        self.check(row, &rows).map_err(|what| damage(self.stream, &what))?;
        let events = rows.into_iter().map(|row| row.event);
        let seen = events.filter(|event| event.version > self.after && event.position <= head);
        Ok(seen.map(Arc::new).collect())
    }

    fn check(self, row: StreamRow, rows: &[EventRow]) -> Result<(), String> {
        if row.name != self.stream {
            return Err(format!("its row is that of {}", row.name));
        }
        let mut before: Option<&EventRow> = None;
        // Rows first: the version after the last there can be is not asked for.
        for (found, version) in rows.iter().zip(self.first().0..) {
            self.check_event(row.key, Version(version), found)?;
            if let Some(before) = before {
                let (event, link) = (&before.event, Before::of(&before.event));
                if found.before != Some(link) || found.event.position <= event.position {
                    return Err(format!("version {version} does not follow the one before it"));
                }
            }
            before = Some(found);
        }
        let last = before.map_or(Version(self.first().0 - 1), |last| last.event.version);
        let is_end = rows.len() < self.rows();
        // Beyond its end nothing of a stream is read.
        let is_beyond = rows.is_empty() && row.version < self.first();
        if is_beyond || row.version == last || (row.version > last && !is_end) {
            return Ok(());
        }
        Err(format!("its row says {} versions, and its events end at {last}", row.version))
    }

    fn check_event(self, key: StreamKey, version: Version, row: &EventRow) -> Result<(), String> {
        let event = &row.event;
        if event.version != version {
            return Err(format!("version {version} is missing"));
        }
        if row.key != key || event.stream != self.stream {
            return Err(format!("version {version} is of another stream"));
        }
        if row.before.is_some() != (version.0 > 1) {
            return Err(format!("version {version} does not follow the one before it"));
        }
        check_hashes(self.log, event).map_err(|what| format!("version {version}: {what}"))
    }
}

/// Whether an event is what its hashes say.
pub(crate) fn check_hashes(log: LogId, recorded: &Recorded) -> Result<(), &'static str> {
    let Recorded { stream, version, recorded_at, event, leaf: stored, .. } = recorded;
    if sha256(&event.payload) != event.payload_sha256 {
        return Err("the payload does not match its hash");
    }
    if leaf(log, *stream, *version, *recorded_at, event) != *stored {
        return Err("the header does not match its leaf hash");
    }
    Ok(())
}

/// How the damage of one stream is told.
pub(crate) fn damage(stream: StreamName, what: &str) -> String {
    format!("stream {stream}: {what}")
}

impl Before {
    /// As the next event of the stream refers to it.
    pub(crate) const fn of(event: &Recorded) -> Self {
        Self { position: event.position, leaf: event.leaf }
    }
}

#[cfg(test)]
#[path = "links_tests.rs"]
mod tests;
