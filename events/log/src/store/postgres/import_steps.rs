//! What the copy of a history writes: each step inside a transaction that has locked the head.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use events::{
    envelope::{Position, Recorded, Version},
    ids::{LogId, StreamName},
};
use sqlx::{PgConnection, postgres::PgBindIterExt as _};

use super::{
    failure::Failure,
    push::{self, Call},
    rows,
    schema::sql,
};
use crate::store::{
    Attempt, Head, LedgerEntry, checksum,
    sequencer::{Before, LogState, Placed, StreamHead, StreamKey},
};

/// Says where the log ends now.
pub(super) async fn move_head(
    connection: &mut PgConnection,
    mut state: LogState,
) -> Result<LogState, sqlx::Error> {
    state.turn += 1;
    let statement = "update log_head set position = $1, recorded_at = $2, streams = $3, \
                     attempts = $4, turn = $5";
    let query = sqlx::query(statement)
        .bind(state.head.position.sql())
        .bind(state.head.recorded_at.micros())
        .bind(sql(state.streams))
        .bind(sql(state.attempts))
        .bind(sql(state.turn));
    query.execute(connection).await?;
    Ok(state)
}

/// The streams that a step is about.
pub(super) struct Streams {
    /// Where they stand.
    known: HashMap<StreamName, StreamHead>,
    /// How many there are with those.
    pub(super) count: u64,
}

impl Streams {
    pub(super) async fn of(
        connection: &mut PgConnection,
        state: LogState,
        names: impl Iterator<Item = StreamName> + Send,
    ) -> Result<Result<Self, Failure>, sqlx::Error> {
        let mut seen = HashSet::new();
        let names: Vec<StreamName> = names.filter(|name| seen.insert(*name)).collect();
        let query = sqlx::query(rows::LAST)
            .bind(names.iter().map(|name| name.id).bind_iter())
            .bind(names.iter().map(|name| name.category.name()).bind_iter());
        let mut known = HashMap::with_capacity(names.len());
        for row in query.fetch_all(connection).await? {
            let found =
                rows::stream_name(&row, 0).and_then(|name| Ok((name, rows::last(&row, name)?)));
            match found {
                Ok((name, (row, last))) => {
                    let head = StreamHead { key: row.key, version: row.version, last };
                    known.insert(name, head);
                }
                Err(failure) => return Ok(Err(failure)),
            }
        }
        let mut count = state.streams;
        for name in names {
            known.entry(name).or_insert_with(|| {
                count += 1;
                StreamHead { key: StreamKey(count), version: Version::NONE, last: None }
            });
        }
        Ok(Ok(Self { known, count }))
    }

    fn key(&self, name: StreamName) -> StreamKey {
        self.known.get(&name).map_or(StreamKey(0), |head| head.key)
    }

    /// Writes those that are new, and how long all of them are.
    pub(super) async fn write(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let statement = "insert into streams (stream_key, version, id, category) \
            select * from unnest($1::bigint[], $2::bigint[], $3::uuid[], $4::text[]) \
            on conflict (stream_key) do update set version = excluded.version";
        let all = || self.known.iter();
        let query = sqlx::query(statement)
            .bind(all().map(|(_, head)| sql(head.key.0)).bind_iter())
            .bind(all().map(|(_, head)| sql(head.version.0)).bind_iter())
            .bind(all().map(|(name, _)| name.id).bind_iter())
            .bind(all().map(|(name, _)| name.category.name()).bind_iter());
        query.execute(connection).await.map(drop)
    }
}

/// Adds events that follow, unless they do not, and moves the head.
pub(super) async fn add_events(
    connection: &mut PgConnection,
    mut state: LogState,
    mut streams: Streams,
    events: Vec<Arc<Recorded>>,
) -> Result<Result<LogState, Failure>, sqlx::Error> {
    let mut keyed = Vec::with_capacity(events.len());
    for event in events {
        let Some(stream) = streams.known.get_mut(&event.stream) else { continue };
        let Head { position, recorded_at } = state.head;
        if event.position.0 != position.0 + 1
            || event.version != stream.version.plus(1)
            || event.recorded_at < recorded_at
        {
            return Ok(Err(Failure::damaged("an event does not follow the one before it")));
        }
        stream.version = event.version;
        let before = stream.last.replace(Before::of(&event));
        state.head = Head { position: event.position, recorded_at: event.recorded_at };
        keyed.push(Placed { key: stream.key, before, event });
    }
    state.streams = streams.count;
    streams.write(connection).await?;
    let statement = "with e as (insert into events (position, stream_key, version, recorded_at, \
            effective_at, schema_version, event_id, actor_id, on_behalf_of, command_id, \
            causation_id, correlation_id, type, actor_kind, channel, payload_sha256, leaf, payload, \
            before_position, before_leaf) \
        select * from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], \
            $6::integer[], $7::uuid[], $8::uuid[], $9::uuid[], $10::uuid[], $11::uuid[], \
            $12::uuid[], $13::text[], $14::text[], $15::text[], $16::bytea[], $17::bytea[], \
            $18::bytea[], $19::bigint[], $20::bytea[]) returning 1) select count(*) from e";
    let call: Call<'_, i64> = sqlx::query_scalar(statement)
        .bind(keyed.iter().map(|placed| placed.event.position.sql()).bind_iter());
    push::events(call, &keyed).fetch_one(&mut *connection).await?;
    move_head(connection, state).await.map(Ok)
}

/// Adds lines of the ledger; those that are there stay.
pub(super) async fn add_ledger(
    connection: &mut PgConnection,
    log: LogId,
    streams: &Streams,
    entries: Vec<LedgerEntry>,
) -> Result<(), sqlx::Error> {
    let keyed: Vec<(StreamKey, LedgerEntry)> =
        entries.into_iter().map(|entry| (streams.key(entry.receipt.stream), entry)).collect();
    let statement = "with c as (insert into commands (command_id, stream_key, version, position, \
            events, actor_id, actor_kind, fingerprint, checksum) \
        select * from unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::integer[], \
            $6::uuid[], $7::text[], $8::bytea[], $9::bytea[]) \
        on conflict (command_id) do nothing returning 1) select count(*) from c";
    let call: Call<'_, i64> = sqlx::query_scalar(statement);
    let sums = push::of_ledger(log, &keyed);
    push::ledger(call, &keyed, &sums).fetch_one(connection).await.map(drop)
}

/// Adds refused commands after number `before`.
pub(super) async fn add_attempts(
    connection: &mut PgConnection,
    log: LogId,
    before: u64,
    attempts: &[Attempt],
) -> Result<(), sqlx::Error> {
    let statement = "with a as (insert into attempts (number, at, actor_kind, actor_id, \
            command_id, command, category, stream_id, code, token, count, checksum) \
        select $1 + nth, at, actor_kind, actor_id, command_id, command, category, stream_id, code, \
            token, count, checksum \
        from unnest($2::bigint[], $3::text[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], \
            $8::uuid[], $9::text[], $10::uuid[], $11::bigint[], $12::bytea[]) \
            with ordinality as a (at, actor_kind, actor_id, command_id, command, category, \
            stream_id, code, token, count, checksum, nth) returning 1) select count(*) from a";
    let call: Call<'_, i64> = sqlx::query_scalar(statement).bind(sql(before));
    let sums = push::of_attempts(log, (before + 1..).zip(attempts));
    push::attempts(call, attempts, &sums).fetch_one(connection).await.map(drop)
}

/// Moves checkpoints, never back.
pub(super) async fn add_checkpoints(
    connection: &mut PgConnection,
    log: LogId,
    checkpoints: &[(String, Position)],
) -> Result<(), sqlx::Error> {
    let statement = "insert into process_checkpoints as p (name, position, checksum) \
        select * from unnest($1::text[], $2::bigint[], $3::bytea[]) \
        on conflict (name) do update set position = excluded.position, \
            checksum = excluded.checksum where excluded.position > p.position";
    let sum = |(name, position): &(String, Position)| {
        checksum::of_checkpoint(log, name, *position).to_vec()
    };
    let query = sqlx::query(statement)
        .bind(checkpoints.iter().map(|(name, _)| name.as_str()).bind_iter())
        .bind(checkpoints.iter().map(|(_, position)| position.sql()).bind_iter())
        .bind(checkpoints.iter().map(sum).bind_iter());
    query.execute(connection).await.map(drop)
}
