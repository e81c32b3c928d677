//! The threads that read: each with a connection of its own that cannot write.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread::{self, JoinHandle},
};

use events::{
    envelope::{Instant, Position, Recorded, Version},
    ids::{CommandId, LogId, StreamName},
};
use rusqlite::{Connection, Statement};
use tokio::sync::oneshot;

use super::{
    failure::Failure,
    rows::{
        self, PART, STREAM_BY_KEY, StreamNames, attempt_columns, event_columns, ledger_columns,
    },
    schema::{OpenError, connect_reader, number, sql},
};
use crate::store::{LedgerEntry, RecordedAttempt, StoreError, checksum, links::Part};

type Job = Box<dyn FnOnce(&mut Reader<'_>) + Send>;

/// The pool.
pub(super) struct Readers {
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
}

impl Readers {
    /// Starts `count` threads.
    pub(super) fn start(
        path: &Path,
        log: LogId,
        count: usize,
    ) -> Result<(Self, Vec<JoinHandle<()>>), OpenError> {
        let (jobs, inbox) = mpsc::channel::<Job>();
        let inbox = Arc::new(Mutex::new(inbox));
        let mut threads = Vec::with_capacity(count);
        for _ in 0..count.max(1) {
            let connection = connect_reader(path)?;
            // The statements are tried here once, so that a table that is not as it should be is
            // an error of opening.
            drop(Reader::new(&connection, log)?);
            let inbox = Arc::clone(&inbox);
            let work = move || serve(&connection, log, &inbox);
            threads.push(thread::Builder::new().name("annals-log-reader".into()).spawn(work)?);
        }
        Ok((Self { jobs: Mutex::new(Some(jobs)) }, threads))
    }

    /// Runs a piece of reading on one of the threads.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut Reader<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |reader| {
            if !answer.is_closed() {
                // Whoever asked may be gone by now; then nobody needs the answer.
                answer.send(read(reader).map_err(|failure| failure.to_store_error())).ok();
            }
        });
        let closed = || StoreError::Unavailable("the event log is closed".into());
        self.jobs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            .and_then(|jobs| jobs.send(job).ok())
            .ok_or_else(closed)?;
        answered.await.map_err(|_| closed())?
    }

    /// Lets the threads end after what they have been given.
    pub(super) fn close(&self) {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

fn serve(connection: &Connection, log: LogId, inbox: &Mutex<mpsc::Receiver<Job>>) {
    let Ok(mut reader) = Reader::new(connection, log) else { return };
    loop {
        // The lock is held while waiting: the next thread waits for the lock instead.
        let job = inbox.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        job(&mut reader);
    }
}

/// One thread's prepared statements.
pub(super) struct Reader<'c> {
    id: LogId,
    log: Statement<'c>,
    stream: Statement<'c>,
    stream_by_key: Statement<'c>,
    ledger: Statement<'c>,
    ledger_page: Statement<'c>,
    checkpoints: Statement<'c>,
    counts: Statement<'c>,
    attempts: Statement<'c>,
    checkpoint: Statement<'c>,
    recorded_at: Statement<'c>,
    names: StreamNames,
}

impl<'c> Reader<'c> {
    pub(super) fn new(connection: &'c Connection, id: LogId) -> Result<Self, rusqlite::Error> {
        Ok(Self {
            id,
            log: connection.prepare(concat!(
                "select ",
                event_columns!(),
                " from events where position > ?1 and position <= ?2 order by position limit ?3"
            ))?,
            stream: connection.prepare(PART)?,
            stream_by_key: connection.prepare(STREAM_BY_KEY)?,
            ledger: connection.prepare(concat!(ledger_columns!(), " where c.command_id = ?1"))?,
            ledger_page: connection.prepare(concat!(
                ledger_columns!(),
                " where c.command_id > ?1 order by c.command_id limit ?2"
            ))?,
            checkpoints: connection.prepare(
                "select name, position, checksum from process_checkpoints order by name",
            )?,
            counts: connection.prepare(
                "select (select count(*) from commands), (select count(*) from attempts)",
            )?,
            attempts: connection.prepare(concat!(
                "select ",
                attempt_columns!(),
                " from attempts where number > ?1 order by number limit ?2"
            ))?,
            checkpoint: connection.prepare(
                "select name, position, checksum from process_checkpoints where name = ?1",
            )?,
            recorded_at: connection
                .prepare("select recorded_at from events where position = ?1")?,
            names: StreamNames::default(),
        })
    }

    /// At most `limit` events after `after` and up to `head`.
    pub(super) fn log(
        &mut self,
        after: Position,
        head: Position,
        limit: usize,
    ) -> Result<Vec<Arc<Recorded>>, Failure> {
        let rows = self.log.query((after.sql(), head.sql(), sql(limit as u64)))?;
        let events = collect(rows, limit, &mut self.names, &mut self.stream_by_key)?;
        let dense = (after.0 + 1..).zip(&events).all(|(next, event)| event.position.0 == next);
        let whole =
            events.len() == limit || events.last().map_or(after, |last| last.position) >= head;
        if dense && whole { Ok(events) } else { Err(Failure::damaged("a position is missing")) }
    }

    /// At most `limit` events of a stream after `after`, up to the `head` of the log.
    pub(super) fn stream(
        &mut self,
        stream: StreamName,
        after: Version,
        head: Position,
        limit: usize,
    ) -> Result<Vec<Arc<Recorded>>, Failure> {
        let part = Part { log: self.id, stream, after, limit };
        if limit == 0 {
            return Ok(Vec::new());
        }
        self.part(part, head).map_err(|failure| failure.within(stream))
    }

    fn part(&mut self, part: Part, head: Position) -> Result<Vec<Arc<Recorded>>, Failure> {
        let mut found = self.stream.query((
            &part.stream.id.as_bytes()[..],
            part.stream.category.name(),
            sql(part.first().0),
            sql(part.rows() as u64),
        ))?;
        let (mut stream, mut rows) = (None, Vec::new());
        while let Some(row) = found.next()? {
            if stream.is_none() {
                stream = Some(rows::stream_row(row, 20)?);
            }
            // A stream without events from there on has one row, with no event in it.
            if row.get::<_, Option<i64>>(24)?.is_some() {
                if row.get::<_, Option<i64>>(0)?.is_none() {
                    return Err(Failure::damaged("one of its events is missing"));
                }
                rows.push(rows::event_row(row, &mut self.names, &mut self.stream_by_key)?);
            }
        }
        let Some(stream) = stream else { return Ok(Vec::new()) };
        part.follow(stream, rows, head).map_err(|what| Failure::Damaged(what.into()))
    }

    /// The ledger's lines of these commands.
    pub(super) fn ledger(
        &mut self,
        commands: &[CommandId],
    ) -> Result<Vec<Option<LedgerEntry>>, Failure> {
        let mut entries = Vec::with_capacity(commands.len());
        for command in commands {
            let mut rows = self.ledger.query([&command.0.as_bytes()[..]])?;
            entries.push(rows.next()?.map(|row| rows::ledger_entry(row, self.id)).transpose()?);
        }
        Ok(entries)
    }

    /// At most `limit` lines of the ledger whose command ids follow `after`.
    pub(super) fn ledger_page(
        &mut self,
        after: Option<CommandId>,
        limit: usize,
    ) -> Result<Vec<LedgerEntry>, Failure> {
        // No id is shorter than none.
        let after = after.as_ref().map_or(&[][..], |after| &after.0.as_bytes()[..]);
        let mut rows = self.ledger_page.query((after, sql(limit as u64)))?;
        let mut entries = Vec::new();
        while let Some(row) = rows.next()? {
            entries.push(rows::ledger_entry(row, self.id)?);
        }
        Ok(entries)
    }

    /// Where every process manager stands.
    pub(super) fn checkpoints(&mut self) -> Result<Vec<(String, Position)>, Failure> {
        let mut rows = self.checkpoints.query([])?;
        let mut checkpoints = Vec::new();
        while let Some(row) = rows.next()? {
            checkpoints.push(checkpoint(row, self.id)?);
        }
        Ok(checkpoints)
    }

    /// How many commands are in the ledger, and how many in the attempt log.
    pub(super) fn counts(&mut self) -> Result<(u64, u64), Failure> {
        Ok(self.counts.query_row([], |row| Ok((number(row, 0)?, number(row, 1)?)))?)
    }

    /// At most `limit` attempts after number `after`.
    pub(super) fn attempts(
        &mut self,
        after: u64,
        limit: usize,
    ) -> Result<Vec<RecordedAttempt>, Failure> {
        let mut rows = self.attempts.query((sql(after), sql(limit as u64)))?;
        let mut attempts = Vec::new();
        while let Some(row) = rows.next()? {
            attempts.push(rows::attempt(row, self.id)?);
        }
        Ok(attempts)
    }

    /// Where a process manager stands.
    pub(super) fn checkpoint(&mut self, name: &str) -> Result<Position, Failure> {
        let mut rows = self.checkpoint.query([name])?;
        Ok(match rows.next()? {
            Some(row) => checkpoint(row, self.id)?.1,
            None => Position::START,
        })
    }

    /// The last position up to `head` that was recorded at or before `instant`. The time of
    /// recording never decreases, so halving finds it.
    pub(super) fn position_at(
        &mut self,
        instant: Instant,
        head: Position,
    ) -> Result<Position, Failure> {
        let (mut at_or_before, mut after) = (0, head.0 + 1);
        while after - at_or_before > 1 {
            let middle = at_or_before + (after - at_or_before) / 2;
            let mut rows = self.recorded_at.query([sql(middle)])?;
            let row = rows.next()?.ok_or_else(|| Failure::damaged("a position is missing"))?;
            if Instant::from_micros(row.get(0)?) <= instant {
                at_or_before = middle;
            } else {
                after = middle;
            }
        }
        Ok(Position(at_or_before))
    }
}

/// Where a process manager stands, with its name.
fn checkpoint(row: &rusqlite::Row<'_>, log: LogId) -> Result<(String, Position), Failure> {
    let (name, position): (String, _) = (row.get(0)?, Position(number(row, 1)?));
    if row.get_ref(2)?.as_blob() == Ok(&checksum::of_checkpoint(log, &name, position)) {
        return Ok((name, position));
    }
    Err(Failure::damaged("the checkpoint of a process does not match its checksum"))
}

fn collect(
    mut rows: rusqlite::Rows<'_>,
    limit: usize,
    names: &mut StreamNames,
    by_key: &mut Statement<'_>,
) -> Result<Vec<Arc<Recorded>>, Failure> {
    let mut events = Vec::with_capacity(limit.min(64));
    while let Some(row) = rows.next()? {
        events.push(Arc::new(rows::event(row, names, by_key)?));
    }
    Ok(events)
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
