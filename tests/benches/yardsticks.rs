//! What the machine can do at all, in the same run: a bare echo, a bare group commit, a bare flush.

use std::{
    fs::File,
    io::{Seek, Write},
    net::SocketAddr,
    path::Path,
    time::{Duration, Instant},
};

use axum::{Json, Router, routing::post};
use hdrhistogram::Histogram;
use rusqlite::{Connection, params};
use serde_json::Value;
use tokio::{net::TcpListener, sync::mpsc, sync::oneshot, task::JoinSet};

use crate::load::{Seen, micros};

/// How many events a group of the bare writer holds at most.
const GROUP: usize = 1_024;

/// An echo of JSON on axum: HTTP and nothing else.
pub(crate) async fn echo() -> anyhow::Result<SocketAddr> {
    let router = Router::new().route("/echo", post(|Json(body): Json<Value>| async { Json(body) }));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

/// How long a 4 KiB write with `fdatasync` takes.
pub(crate) fn flush(folder: &Path, seconds: f64) -> anyhow::Result<Seen> {
    let mut file = File::create(folder.join("flush"))?;
    file.set_len(4 * 1024 * 1024)?;
    file.sync_all()?;
    let block = [7_u8; 4_096];
    let mut latency = Histogram::<u64>::new(3)?;
    let started = Instant::now();
    let until = started + Duration::from_secs_f64(seconds);
    let mut offset = 0;
    while Instant::now() < until {
        let begun = Instant::now();
        file.seek(std::io::SeekFrom::Start(offset))?;
        file.write_all(&block)?;
        file.sync_data()?;
        offset = (offset + 4_096) % (4 * 1024 * 1024);
        latency.saturating_record(micros(begun));
    }
    Ok(Seen { per_second: latency.len() as f64 / started.elapsed().as_secs_f64(), latency })
}

type Waiting = (u64, oneshot::Sender<()>);

/// The bare group-commit loop: callers in this process, one writer, a version check and an insert
/// each, SQLite in WAL with `synchronous=FULL`. No HTTP, no domain, no seal, no hash.
pub(crate) async fn group_commit(
    folder: &Path,
    callers: usize,
    seconds: f64,
) -> anyhow::Result<Seen> {
    let path = folder.join(format!("bare-{callers}.db"));
    let connection = bare_log(&path)?;
    let (sender, receiver) = mpsc::channel::<Waiting>(4 * GROUP);
    let writer = std::thread::spawn(move || write_groups(connection, receiver));
    let started = Instant::now();
    let until = started + Duration::from_secs_f64(seconds);
    let mut workers = JoinSet::new();
    for worker in 0..callers as u64 {
        let sender = sender.clone();
        workers.spawn(async move {
            let mut latency = Histogram::<u64>::new(3)?;
            let mut stream = worker << 32;
            while Instant::now() < until {
                let begun = Instant::now();
                let (answer, answered) = oneshot::channel();
                sender.send((stream, answer)).await?;
                answered.await?;
                stream += 1;
                latency.saturating_record(micros(begun));
            }
            Ok::<_, anyhow::Error>(latency)
        });
    }
    drop(sender);
    let mut latency = Histogram::<u64>::new(3)?;
    while let Some(worker) = workers.join_next().await {
        latency.add(worker??)?;
    }
    let per_second = latency.len() as f64 / started.elapsed().as_secs_f64();
    writer.join().map_err(|_| anyhow::anyhow!("the bare writer failed"))??;
    Ok(Seen { per_second, latency })
}

fn bare_log(path: &Path) -> anyhow::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.execute_batch(
        "create table events (position integer primary key, stream integer not null,
             version integer not null, payload blob not null);
         create unique index events_stream on events (stream, version);",
    )?;
    Ok(connection)
}

fn write_groups(
    mut connection: Connection,
    mut receiver: mpsc::Receiver<Waiting>,
) -> anyhow::Result<()> {
    let payload = [b'x'; 360];
    let mut position = 0_i64;
    let mut group = Vec::with_capacity(GROUP);
    while receiver.blocking_recv_many(&mut group, GROUP) > 0 {
        let transaction = connection.transaction()?;
        {
            let mut check = transaction
                .prepare_cached("select coalesce(max(version), 0) from events where stream = $1")?;
            let mut insert =
                transaction.prepare_cached("insert into events values ($1, $2, $3, $4)")?;
            for (stream, _) in &group {
                let stream = i64::try_from(*stream)?;
                let version: i64 = check.query_row([stream], |row| row.get(0))?;
                position += 1;
                insert.execute(params![position, stream, version + 1, payload])?;
            }
        }
        transaction.commit()?;
        for (_, answer) in group.drain(..) {
            // A caller that is gone needs no answer.
            answer.send(()).ok();
        }
    }
    Ok(())
}
