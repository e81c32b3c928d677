//! Questions to the log, each of them one statement on a pooled connection.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use events::{
    envelope::{Instant, Position, Recorded, Version},
    ids::{CommandId, StreamName},
};
use quick_cache::sync::Cache;
use sqlx::{PgConnection, Row as _, postgres::PgRow};

use super::{
    commit::went_backwards,
    failure::Failure,
    rows::{self, PART, attempt_columns, event_columns, ledger_columns},
    schema::{self, sql},
};
use crate::{
    postgres::Database,
    store::{
        Head, LedgerEntry, RecordedAttempt,
        links::{Part, damage},
        recent::{CHECKS, RECENT, first_changed},
        sequencer::LogState,
        shared::Shared,
    },
};

/// How many names of streams are remembered, at some 40 bytes each.
const REMEMBERED_NAMES: usize = 256 * 1024;
/// How long the head may take: one row, for which everybody waits.
const HEAD: Duration = Duration::from_secs(4);

/// The reading half of the store.
#[derive(Clone)]
pub(super) struct Reader {
    database: Database,
    /// The same, for the head.
    heads: Database,
    shared: Arc<Shared>,
    /// Which stream a key stands for: it never changes.
    names: Arc<Cache<i64, StreamName>>,
}

impl Reader {
    pub(super) fn new(database: Database, shared: Arc<Shared>) -> Self {
        let heads = database.clone().within(HEAD);
        Self { database, heads, shared, names: Arc::new(Cache::new(REMEMBERED_NAMES)) }
    }

    pub(super) const fn database(&self) -> &Database {
        &self.database
    }

    /// Where the log ends, now. Wakes those who wait for it.
    pub(super) async fn head(&self) -> Result<Head, Failure> {
        // Whoever showed this saw it in the database before this question was asked.
        let seen = self.shared.published().head.position;
        let state = self.heads.run(|connection| Box::pin(schema::state(connection)));
        let head = state.await?.head;
        if head.position < seen {
            let failure = Failure::Damaged(went_backwards(seen, head.position).into());
            self.shared.stop(failure.clone().into());
            return Err(failure);
        }
        self.shared.settle(head.position).await;
        self.shared.saw(head);
        Ok(head)
    }

    /// At most `limit` events after `after`; `head` is known to be there.
    pub(super) async fn log(
        &self,
        after: Position,
        head: Position,
        limit: usize,
    ) -> Result<Vec<Arc<Recorded>>, Failure> {
        let query = sqlx::query(concat!(
            "select ",
            event_columns!(),
            " from events where position > $1 order by position limit $2"
        ));
        let query = query.bind(after.sql()).bind(sql(limit as u64));
        let events = self.events(query).await?;
        let dense = follow(after.0, events.iter().map(|event| event.position.0));
        let whole =
            events.len() == limit || events.last().map_or(after, |last| last.position) >= head;
        if dense && whole { Ok(events) } else { Err(Failure::damaged("a position is missing")) }
    }

    /// At most `limit` events of a stream after `after`.
    pub(super) async fn stream(
        &self,
        stream: StreamName,
        after: Version,
        limit: usize,
    ) -> Result<Vec<Arc<Recorded>>, Failure> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let part = Part { log: self.shared.log, stream, after, limit };
        let query = sqlx::query(PART)
            .bind(stream.id)
            .bind(stream.category.name())
            .bind(sql(part.first().0))
            .bind(sql(part.rows() as u64));
        let found = self.database.run(move |connection| {
            Box::pin(async move {
                let rows = query.fetch_all(connection).await?;
                // Decoded here, in the task, and not where somebody waits for it.
                Ok(follow_part(part, &rows))
            })
        });
        found.await?.map_err(|failure| match failure {
            Failure::Damaged(what) if !what.starts_with("stream ") => {
                Failure::Damaged(damage(stream, &what).into())
            }
            other => other,
        })
    }

    /// Runs a question for [`event_columns`], and names the streams of what it finds.
    async fn events(&self, query: Query) -> Result<Vec<Arc<Recorded>>, Failure> {
        let remembered = Arc::clone(&self.names);
        let found = self.database.run(move |connection| {
            Box::pin(async move {
                let rows = query.fetch_all(&mut *connection).await?;
                let names = name_streams(connection, &rows, &remembered).await;
                // Decoded here, in the task, and not where somebody waits for it.
                Ok(names.and_then(|names| decode(&rows, &names)))
            })
        });
        found.await?
    }

    /// The ledger's lines of these commands.
    pub(super) async fn ledger(
        &self,
        commands: Vec<CommandId>,
    ) -> Result<Vec<Option<LedgerEntry>>, Failure> {
        let ids: Vec<_> = commands.iter().map(|command| command.0).collect();
        let query = sqlx::query(concat!(ledger_columns!(), " where c.command_id = any ($1)"));
        let mut found = HashMap::with_capacity(ids.len());
        for row in self.rows(query.bind(ids)).await? {
            let entry = rows::ledger_entry(&row, self.shared.log)?;
            found.insert(entry.command_id, entry);
        }
        Ok(commands.iter().map(|command| found.get(command).copied()).collect())
    }

    /// At most `limit` lines of the ledger whose commands follow `after`.
    pub(super) async fn ledger_page(
        &self,
        after: Option<CommandId>,
        limit: usize,
    ) -> Result<Vec<LedgerEntry>, Failure> {
        let query = sqlx::query(concat!(
            ledger_columns!(),
            " where $1 is null or c.command_id > $1 order by c.command_id limit $2"
        ));
        let query = query.bind(after.map(|command| command.0)).bind(sql(limit as u64));
        let log = self.shared.log;
        self.rows(query).await?.iter().map(|row| rows::ledger_entry(row, log)).collect()
    }

    /// What is damaged at the end of the log: the place and what is wrong.
    pub(super) async fn look_at_the_end(&self, state: LogState) -> Vec<(String, Arc<str>)> {
        let log = self.shared.log;
        let after = Position(state.head.position.0.saturating_sub(RECENT));
        let limit = usize::try_from(RECENT).unwrap_or(usize::MAX);
        let events = self.log(after, Position::START, limit).await;
        let attempts = self.attempts(state.attempts.saturating_sub(RECENT), limit).await;
        let ledger = sqlx::query(concat!(
            ledger_columns!(),
            " where c.command_id in (select command_id from events where position > $1)"
        ));
        let ledger = self.rows(ledger.bind(after.sql())).await;
        let ledger = ledger.and_then(|rows| {
            rows.iter().try_for_each(|row| rows::ledger_entry(row, log).map(drop))
        });
        let mut looked = vec![
            ("log", events.map(|events| first_changed(log, &events))),
            ("attempts", attempts.map(|_| None)),
            ("checkpoints", self.checkpoints().await.map(|_| None)),
            ("ledger", ledger.map(|()| None)),
        ];
        for check in &CHECKS {
            let found = self.rows(sqlx::query(check.sql).bind(after.sql())).await;
            let told = |row: &PgRow| {
                let position = row.try_get::<i64, _>(1).unwrap_or_default();
                format!("position {position}: {}", check.what)
            };
            looked.push((check.kind, found.map(|rows| rows.first().map(told))));
        }
        let mut damage = Vec::new();
        for (place, found) in looked {
            match found {
                Ok(None) => {}
                Ok(Some(what)) => damage.push((place.to_owned(), what.into())),
                Err(Failure::Damaged(what)) => damage.push((place.to_owned(), what)),
                // What cannot be asked now is no damage.
                Err(failure) => {
                    tracing::warn!(?failure, place, "the end of the log was not checked");
                }
            }
        }
        damage
    }

    /// Where every process manager stands.
    pub(super) async fn checkpoints(&self) -> Result<Vec<(String, Position)>, Failure> {
        let query =
            sqlx::query("select name, position, checksum from process_checkpoints order by name");
        let log = self.shared.log;
        self.rows(query).await?.iter().map(|row| rows::checkpoint(row, log)).collect()
    }

    /// At most `limit` attempts after number `after`.
    pub(super) async fn attempts(
        &self,
        after: u64,
        limit: usize,
    ) -> Result<Vec<RecordedAttempt>, Failure> {
        let query = sqlx::query(concat!(
            "select ",
            attempt_columns!(),
            " from attempts where number > $1 order by number limit $2"
        ));
        let rows = self.rows(query.bind(sql(after)).bind(sql(limit as u64))).await?;
        rows.iter().map(|row| rows::attempt(row, self.shared.log)).collect()
    }

    /// Where a process manager stands.
    pub(super) async fn checkpoint(&self, name: &'static str) -> Result<Position, Failure> {
        let sql = "select name, position, checksum from process_checkpoints where name = $1";
        let rows = self.rows(sqlx::query(sql).bind(name)).await?;
        let Some(row) = rows.first() else { return Ok(Position::START) };
        Ok(rows::checkpoint(row, self.shared.log)?.1)
    }

    /// The last position that was recorded at or before `instant`.
    pub(super) async fn position_at(&self, instant: Instant) -> Result<Position, Failure> {
        let found: Option<i64> = self
            .database
            .run(move |connection| {
                let sql = "select position_at($1, position) from log_head";
                Box::pin(sqlx::query_scalar(sql).bind(instant.micros()).fetch_one(connection))
            })
            .await?;
        found.map(Position::from_sql).ok_or_else(|| Failure::damaged("a position is missing"))
    }

    async fn rows(&self, query: Query) -> Result<Vec<PgRow>, Failure> {
        Ok(self.database.run(|connection| Box::pin(query.fetch_all(connection))).await?)
    }
}

fn follow_part(part: Part, rows: &[PgRow]) -> Result<Vec<Arc<Recorded>>, Failure> {
    let Some(first) = rows.first() else { return Ok(Vec::new()) };
    let stream = rows::stream_row(first, 20)?;
    let mut events = Vec::with_capacity(rows.len());
    for row in rows {
        events.extend(rows::event_row(row, stream.name)?);
    }
    let events = part.follow(stream, events, Position(u64::MAX));
    events.map_err(|what| Failure::Damaged(what.into()))
}

type Query = sqlx::query::Query<'static, sqlx::Postgres, sqlx::postgres::PgArguments>;

/// Whether these are the numbers after `after`, each and in order.
fn follow(after: u64, numbers: impl Iterator<Item = u64>) -> bool {
    (1..).zip(numbers).all(|(nth, number)| number.checked_sub(after) == Some(nth))
}

/// The names of the streams of some events: what is not remembered is asked for at once.
async fn name_streams(
    connection: &mut PgConnection,
    events: &[PgRow],
    remembered: &Cache<i64, StreamName>,
) -> Result<HashMap<i64, StreamName>, Failure> {
    let mut names = HashMap::new();
    let mut missing = HashSet::new();
    for event in events {
        let key = rows::stream_key(event)?;
        if names.contains_key(&key) || missing.contains(&key) {
            continue;
        }
        if let Some(name) = remembered.get(&key) {
            names.insert(key, name);
        } else {
            missing.insert(key);
        }
    }
    if !missing.is_empty() {
        let missing: Vec<i64> = missing.into_iter().collect();
        let sql = "select category, id, stream_key from streams where stream_key = any ($1)";
        for row in sqlx::query(sql).bind(missing).fetch_all(connection).await? {
            let (key, name) = (row.try_get(2)?, rows::stream_name(&row, 0)?);
            remembered.insert(key, name);
            names.insert(key, name);
        }
    }
    Ok(names)
}

fn decode(
    events: &[PgRow],
    names: &HashMap<i64, StreamName>,
) -> Result<Vec<Arc<Recorded>>, Failure> {
    let decode = |row: &PgRow| {
        let name = names.get(&rows::stream_key(row)?);
        let name = name.ok_or_else(|| Failure::damaged("an event is in no stream"))?;
        Ok(Arc::new(rows::event(row, *name)?))
    };
    events.iter().map(decode).collect()
}
