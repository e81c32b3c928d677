//! The bare group commit on SQLite.

use std::path::Path;

use rusqlite::{Connection, params};
use tokio::sync::mpsc;

use super::{
    GROUP, PAYLOAD,
    callers::{self, Waiting},
};
use crate::load::Seen;

/// Callers in this process, one writer, a version check and an insert each, SQLite in WAL with
/// `synchronous=FULL`. No HTTP, no domain, no seal, no hash.
pub(crate) async fn group_commit(
    folder: &Path,
    callers: usize,
    seconds: f64,
) -> anyhow::Result<Seen> {
    let connection = bare_log(&folder.join(format!("bare-{callers}.db")))?;
    let (sender, receiver) = callers::queue();
    let writer = std::thread::spawn(move || write_groups(connection, receiver));
    let seen = callers::run(sender, callers, seconds).await?;
    writer.join().map_err(|_| anyhow::anyhow!("the bare writer failed"))??;
    Ok(seen)
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
    let payload = [b'x'; PAYLOAD];
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
