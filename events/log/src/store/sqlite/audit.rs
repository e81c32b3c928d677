//! The thorough check of a log in a file, on a connection of its own that cannot write.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use events::{envelope::Position, ids::LogId};
use rusqlite::{Connection, OpenFlags, Row};

use super::{
    carry,
    failure::Failure,
    reader::Reader,
    rows,
    schema::{self, OpenError, connect_reader, number, sql},
};
use crate::store::{
    StoreError,
    audit::{Audited, CHECKS, Check, Finding, HearAudit, KEPT, Refers},
    checksum,
    links::check_hashes,
};

/// How many rows are read at a time.
const PAGE: u64 = 4_096;
/// What the page cache may hold, in KiB: indexes are compared with tables.
const CACHE: i64 = 64 * 1024;
/// The lines of `meta` that there may be.
const META: [&str; 2] = ["keeps_mark", "log_id"];

/// Checks the log at `path`. Blocks.
pub(super) fn audit(path: &Path, log: LogId, hear: &HearAudit) -> Result<Audited, StoreError> {
    let connection = connect_reader(path)
        .and_then(|connection| {
            connection.pragma_update(None, "cache_size", -CACHE)?;
            Ok(connection)
        })
        .map_err(|error| StoreError::Unavailable(error.to_string().into()))?;
    let mut audit = Audit { connection: &connection, log, audited: Audited::default() };
    audit.check_all(hear);
    Ok(audit.audited)
}

/// Checks a copy that nobody has open: every hash too, which a running log has others read.
pub(super) fn check_copy(path: &Path) -> Result<Audited, OpenError> {
    // Nothing is made beside a file that nobody will change.
    let escaped =
        path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(format!("file:{escaped}?immutable=1"), flags)?;
    connection.pragma_update(None, "cache_size", -CACHE)?;
    let log = schema::log_id(&connection)?;
    let mut audit = Audit { connection: &connection, log, audited: Audited::default() };
    audit.check_all(&(Arc::new(|_, _, _| {}) as HearAudit));
    audit.take("events", Audit::check_events);
    Ok(audit.audited)
}

struct Audit<'c> {
    connection: &'c Connection,
    log: LogId,
    audited: Audited,
}

impl Audit<'_> {
    fn check_all(&mut self, hear: &HearAudit) {
        hear("database", 0, 0);
        self.take("database", Self::check_database);
        self.take("schema", Self::check_schema);
        for check in &CHECKS {
            hear(check.kind, 0, 0);
            self.take(check.kind, |audit| audit.ask(check));
        }
        self.take("ledger", |audit| audit.check_ledger(hear));
        self.take("attempts", |audit| audit.check_attempts(hear));
        self.take("checkpoints", Self::check_checkpoints);
    }

    /// Every event is what its hashes say.
    fn check_events(&mut self) -> Result<(), rusqlite::Error> {
        let state = schema::read_state(self.connection)?;
        let mut reader = Reader::new(self.connection, self.log)?;
        let (mut at, mut size) = (0, PAGE);
        while at < state.head.position.0 {
            let limit = usize::try_from(size).unwrap_or(usize::MAX);
            match reader.log(Position(at), state.head.position, limit) {
                Ok(events) => {
                    for event in &events {
                        at = event.position.0;
                        if let Err(what) = check_hashes(self.log, event) {
                            let (position, stream) = (Some(at), Some(event.stream.to_string()));
                            let finding = Finding { position, stream, what: what.to_owned() };
                            self.audited.add("events", finding);
                        }
                    }
                    size = PAGE;
                }
                // Somewhere in this page: one by one, to say where.
                Err(_) if size > 1 => size = 1,
                Err(failure) => {
                    at += 1;
                    let what = what_of(&failure);
                    let finding = Finding { position: Some(at), stream: None, what };
                    self.audited.add("events", finding);
                }
            }
        }
        Ok(())
    }

    /// Makes a check; one that cannot be made is a finding, and the others go on.
    fn take(
        &mut self,
        kind: &'static str,
        check: impl FnOnce(&mut Self) -> Result<(), rusqlite::Error>,
    ) {
        if let Err(error) = check(self) {
            self.audited.add(kind, Finding::of(format!("it cannot be read: {error}")));
        }
    }

    /// The database's own check: pages, and tables against indexes.
    fn check_database(&mut self) -> Result<(), rusqlite::Error> {
        let mut statement = self.connection.prepare("pragma integrity_check(100)")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let said: String = row.get(0)?;
            if said != "ok" {
                for line in said.lines() {
                    self.audited.add("database", Finding::of(line));
                }
            }
        }
        Ok(())
    }

    /// The tables are those that this build makes, and `meta` has the lines it may have.
    fn check_schema(&mut self) -> Result<(), rusqlite::Error> {
        let made = Connection::open_in_memory()?;
        made.execute_batch(schema::TABLES)?;
        made.execute_batch(carry::RUNG_1)?;
        let (expected, found) = (shape(&made)?, shape(self.connection)?);
        for difference in expected.symmetric_difference(&found).take(KEPT) {
            let (kind, name, ..) = difference;
            let what = format!("{kind} {name} is not as this build makes it");
            self.audited.add("schema", Finding::of(what));
        }
        let mut statement = self.connection.prepare("select name from meta")?;
        for name in statement.query_map([], |row| row.get::<_, String>(0))? {
            let name = name?;
            if !META.contains(&&*name) {
                self.audited.add("schema", Finding::of("a line of meta has no known name"));
            }
        }
        Ok(())
    }

    fn ask(&mut self, check: &Check) -> Result<(), rusqlite::Error> {
        let mut statement = self.connection.prepare(check.sql)?;
        let mut rows = statement.query([])?;
        let (mut count, mut first) = (0, Vec::new());
        while let Some(row) = rows.next()? {
            count = number(row, 0)?;
            first.push(self.finding(check, row.get(1)?));
        }
        self.audited.add_some(check.kind, count, first);
        Ok(())
    }

    fn finding(&self, check: &Check, found: i64) -> Finding {
        let what = check.what.to_owned();
        match check.refers {
            Refers::Nothing => Finding::of(what),
            Refers::Stream => {
                let sql = "select category, id from streams where stream_key = ?1";
                let name = self.connection.query_row(sql, [found], stream_name);
                Finding { position: None, stream: name.ok(), what }
            }
            Refers::Position => {
                let sql = "select s.category, s.id from events e join streams s \
                           on s.stream_key = e.stream_key where e.position = ?1";
                let name = self.connection.query_row(sql, [found], stream_name);
                Finding { position: u64::try_from(found).ok(), stream: name.ok(), what }
            }
        }
    }

    fn check_ledger(&mut self, hear: &HearAudit) -> Result<(), rusqlite::Error> {
        let count = |table| format!("select count(*) from {table}");
        let all = |table| self.connection.query_row(&count(table), [], |row| number(row, 0));
        self.audited.streams = all("streams")?;
        let total = all("commands")?;
        let mut statement = self.connection.prepare(concat!(
            rows::ledger_columns!(),
            " where c.command_id > ?1 order by c.command_id limit ?2"
        ))?;
        let mut after = Vec::new();
        loop {
            hear("ledger", self.audited.commands, total);
            let mut rows = statement.query((&after, sql(PAGE)))?;
            let before = self.audited.commands;
            while let Some(row) = rows.next()? {
                after = row.get(0)?;
                self.audited.commands += 1;
                if let Err(failure) = rows::ledger_entry(row, self.log) {
                    let position = row.get(7).ok().map(|at| Position::from_sql(at).0);
                    let stream = stream_name_at(row, 4).ok();
                    let what = what_of(&failure);
                    self.audited.add("ledger", Finding { position, stream, what });
                }
            }
            if self.audited.commands == before {
                return Ok(());
            }
        }
    }

    fn check_attempts(&mut self, hear: &HearAudit) -> Result<(), rusqlite::Error> {
        let total =
            self.connection.query_row("select attempts from log_head", [], |row| number(row, 0))?;
        let mut statement = self.connection.prepare(concat!(
            "select ",
            rows::attempt_columns!(),
            " from attempts where number > ?1 order by number limit ?2"
        ))?;
        let mut after = i64::MIN;
        loop {
            hear("attempts", self.audited.attempts, total);
            let mut rows = statement.query((after, sql(PAGE)))?;
            let before = self.audited.attempts;
            while let Some(row) = rows.next()? {
                after = row.get(0)?;
                self.audited.attempts += 1;
                if let Err(failure) = rows::attempt(row, self.log) {
                    self.audited.add("attempts", Finding::of(what_of(&failure)));
                }
                if after != sql(self.audited.attempts) {
                    let what = format!("attempt {} is missing", self.audited.attempts);
                    self.audited.add("attempts", Finding::of(what));
                    self.audited.attempts = u64::try_from(after).unwrap_or(0);
                }
            }
            if self.audited.attempts == before {
                return Ok(());
            }
        }
    }

    fn check_checkpoints(&mut self) -> Result<(), rusqlite::Error> {
        let sql = "select name, position, checksum from process_checkpoints";
        let mut statement = self.connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (name, position): (String, i64) = (row.get(0)?, row.get(1)?);
            let sum = checksum::of_checkpoint(self.log, &name, Position::from_sql(position));
            if row.get_ref(2)?.as_blob() != Ok(&sum[..]) {
                let what = "the checkpoint of a process does not match its checksum";
                self.audited.add("checkpoints", Finding::of(what));
            }
        }
        Ok(())
    }
}

/// What makes the tables and indexes.
type Shape = BTreeSet<(String, String, Option<String>)>;

fn shape(connection: &Connection) -> Result<Shape, rusqlite::Error> {
    let mut statement = connection.prepare("select type, name, sql from sqlite_schema")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    rows.collect()
}

fn stream_name(row: &Row<'_>) -> Result<String, rusqlite::Error> {
    stream_name_at(row, 0)
}

fn stream_name_at(row: &Row<'_>, column: usize) -> Result<String, rusqlite::Error> {
    let (category, id): (String, Vec<u8>) = (row.get(column)?, row.get(column + 1)?);
    let id = uuid::Uuid::from_slice(&id).unwrap_or_default();
    Ok(format!("{category}-{id}"))
}

fn what_of(failure: &Failure) -> String {
    match failure.to_store_error() {
        StoreError::Damaged(what) | StoreError::Unavailable(what) => what.to_string(),
        StoreError::Full => "no room is left".to_owned(),
    }
}
