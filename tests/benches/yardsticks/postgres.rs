//! The bare group commit on PostgreSQL, and the bare reading of a log there.

use std::{hint::black_box, time::Instant};

use serde_json::Value;
use sqlx::{Connection, Executor, PgConnection, Row};
use tests::PostgresServer;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{
    GROUP, PAYLOAD,
    callers::{self, Waiting},
};
use crate::load::Seen;

/// How many events a page holds.
const PAGE: i64 = 10_000;
/// The database of the bare writer.
const DATABASE: &str = "yardstick";

/// One statement, and so one transaction, for a group. The unique index alone keeps the versions.
const INSERT: &str = "insert into bare_events (stream, version, payload) \
                      select s, 1, p from unnest($1::uuid[], $2::bytea[]) as t (s, p)";
/// Every column of the log, as a reader of the product asks for them.
const READ: &str = "select position, stream_key, version, recorded_at, effective_at, \
                    schema_version, event_id, actor_id, on_behalf_of, command_id, causation_id, \
                    correlation_id, type, actor_kind, channel, payload_sha256, leaf, payload \
                    from annals.events where position > $1 order by position limit $2";

/// Makes the database of the bare writer on a server; answers with its address.
pub(crate) async fn prepare(server: &PostgresServer) -> anyhow::Result<String> {
    let mut connection = PgConnection::connect(server.url()).await?;
    connection.execute("create database yardstick").await?;
    connection.close().await?;
    Ok(server.database(DATABASE))
}

/// Callers in this process, one connection, one statement and commit for a group of those who wait.
pub(crate) async fn group_commit(
    address: &str,
    callers: usize,
    seconds: f64,
) -> anyhow::Result<Seen> {
    let mut connection = PgConnection::connect(address).await?;
    connection
        .execute(
            "drop table if exists bare_events;
             create table bare_events (position bigint generated always as identity primary key,
                 stream uuid not null, version bigint not null, payload bytea not null);
             create unique index bare_events_stream on bare_events (stream, version);",
        )
        .await?;
    let (sender, receiver) = callers::queue();
    let writer = tokio::spawn(write_groups(connection, receiver));
    let seen = callers::run(sender, callers, seconds).await?;
    writer.await??;
    Ok(seen)
}

async fn write_groups(
    mut connection: PgConnection,
    mut receiver: mpsc::Receiver<Waiting>,
) -> anyhow::Result<()> {
    let mut group = Vec::with_capacity(GROUP);
    while receiver.recv_many(&mut group, GROUP).await > 0 {
        let streams: Vec<Uuid> =
            group.iter().map(|(stream, _)| Uuid::from_u128(u128::from(*stream))).collect();
        let payloads = vec![[b'x'; PAYLOAD].to_vec(); group.len()];
        sqlx::query(INSERT).bind(streams).bind(payloads).execute(&mut connection).await?;
        for (_, answer) in group.drain(..) {
            // A caller that is gone needs no answer.
            answer.send(()).ok();
        }
    }
    connection.close().await?;
    Ok(())
}

/// Reads the product's whole log in pages, one after another; answers with events per second.
pub(crate) async fn read_log(address: &str, parse: bool) -> anyhow::Result<f64> {
    let mut connection = PgConnection::connect(address).await?;
    let begun = Instant::now();
    let (mut after, mut events) = (0_i64, 0_usize);
    loop {
        let rows = sqlx::query(READ).bind(after).bind(PAGE).fetch_all(&mut connection).await?;
        let Some(last) = rows.last() else { break };
        after = last.try_get("position")?;
        events += rows.len();
        for row in &rows {
            let payload = row.try_get_raw(17)?;
            let payload = payload.as_bytes().map_err(|error| anyhow::anyhow!(error))?;
            if parse {
                let payload: Value = serde_json::from_slice(payload)?;
                black_box(payload);
            } else {
                black_box(payload);
            }
        }
    }
    let per_second = events as f64 / begun.elapsed().as_secs_f64();
    connection.close().await?;
    Ok(per_second)
}
