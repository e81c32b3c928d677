//! A log of an older build: it is carried over wherever the carrying is killed, nothing of it changes
//! but its format, and an older build refuses it from the first step on.

use std::{
    env, fs,
    path::Path,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use events::{
    envelope::{Position, Version},
    ids::CommandId,
};
use rusqlite::Connection;
use tempfile::tempdir;
use uuid::Uuid;

use super::{
    OpenError, OpenOptions, SqliteStore, schema,
    testing::{append, assert_whole, clock, open, options, put},
};
use crate::{
    store::{
        Append, EventStore as _,
        contract::{event, good},
        ladder::FORMAT,
        testing::attempts,
    },
    testing::told,
};

/// Where a child process finds the log that it shall carry over.
const CHILD: &str = "ANNALS_CARRIED_BY_A_CHILD";
/// At which step it shall die.
const DIES_AT: &str = "ANNALS_CHILD_DIES_AT";

/// More of it than fits into one step of any table.
async fn fill(store: &SqliteStore) {
    for n in 1..=12 {
        good(put(store, n).await);
    }
    for n in 1..=6 {
        let command_id = CommandId(Uuid::from_u128(1_000 + n));
        let events = vec![event(command_id, 0, "later")];
        let longer = Append { command_id, expected: Version(2), events, ..append(3, &[]) };
        let stream = append(u64::try_from(n).unwrap(), &[]).stream;
        good(store.append(vec![Append { stream, ..longer }]).await.remove(0));
    }
    good(store.append(vec![append(90, &[])]).await.remove(0));
    good(store.record_attempts(attempts(20)).await);
    good(store.save_checkpoint("reactions", Position(7)).await);
}

/// A log of this build at `now`, and the same as the first format has it at `old`.
async fn make(now: &Path, old: &Path) {
    let store = open(now).unwrap();
    fill(&store).await;
    store.shutdown().await;
    let lower = Connection::open(old).unwrap();
    lower.execute_batch(schema::TABLES).unwrap();
    lower.pragma_update(None, "application_id", 0x416E_6E4C).unwrap();
    lower.pragma_update(None, "user_version", 1).unwrap();
    lower.query_row("pragma journal_mode = wal", [], |_| Ok(())).unwrap();
    lower.execute("attach ?1 as now", [now.to_str().unwrap()]).unwrap();
    for table in tables(&lower) {
        let sql =
            format!("select group_concat(name, ', ') from pragma_table_info('{table}', 'main')");
        let columns: String = lower.query_row(&sql, [], |row| row.get(0)).unwrap();
        let sql = format!(
            "delete from main.{table}; \
             insert into main.{table} select {columns} from now.{table}"
        );
        lower.execute_batch(&sql).unwrap();
    }
    lower.execute_batch("detach now").unwrap();
    lower.close().unwrap();
}

fn tables(connection: &Connection) -> Vec<String> {
    let sql = "select name from main.sqlite_schema where type = 'table' order by name";
    let mut statement = connection.prepare(sql).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

/// Everything in it: tables, indexes, columns and rows.
fn contents(path: &Path) -> Vec<String> {
    let connection = Connection::open(path).unwrap();
    let mut all = Vec::new();
    let mut queries = vec!["select * from sqlite_schema order by name".to_owned()];
    queries.extend(tables(&connection).iter().map(|table| format!("select * from {table}")));
    for query in queries {
        let mut statement = connection.prepare(&query).unwrap();
        let columns = if query.contains("sqlite_schema") { 3 } else { statement.column_count() };
        let rows = statement.query_map([], |row| {
            let value = |column| row.get::<_, rusqlite::types::Value>(column);
            (0..columns).map(value).collect::<Result<Vec<_>, _>>()
        });
        all.extend(rows.unwrap().map(|row| format!("{query}: {:?}", row.unwrap())));
    }
    all
}

fn format_of(path: &Path) -> u32 {
    let header = fs::read(path).unwrap();
    u32::from_be_bytes(header[60..64].try_into().unwrap())
}

#[tokio::test]
async fn a_log_of_an_older_format_is_carried_over_and_nothing_else_changes() {
    let folder = tempdir().unwrap();
    let (now, old) = (folder.path().join("now.db"), folder.path().join("old.db"));
    make(&now, &old).await;
    let told = Arc::new(Mutex::new(Vec::new()));
    let hear = {
        let told = Arc::clone(&told);
        Arc::new(move |carried: &_| told.lock().unwrap().push(Clone::clone(carried)))
    };
    let store = SqliteStore::open(&old, OpenOptions { hear, ..options() }).unwrap();
    assert_eq!(assert_whole(&store).await.len(), 30);
    good(put(&store, 500).await);
    store.shutdown().await;
    let told: Vec<crate::store::ladder::Carried> = told.lock().unwrap().clone();
    for (what, total) in [("events", 30), ("ledger", 19), ("attempts", 20)] {
        let steps: Vec<_> = told.iter().filter(|carried| carried.what == what).collect();
        assert!(steps.len() > 2 && steps[0].done == 0, "{what}: {steps:?}");
        assert!(steps.iter().all(|step| step.total == total && step.to == FORMAT), "{steps:?}");
        assert_eq!(steps.last().unwrap().done, total, "{what}");
    }
    let store = open(&now).unwrap();
    good(put(&store, 500).await);
    store.shutdown().await;
    assert_eq!(contents(&old), contents(&now));
    assert_eq!(format_of(&old), FORMAT);
}

#[tokio::test]
async fn whoever_only_takes_what_is_there_carries_nothing_over() {
    let folder = tempdir().unwrap();
    let (now, old) = (folder.path().join("now.db"), folder.path().join("old.db"));
    make(&now, &old).await;
    let bytes = fs::read(&old).unwrap();
    let opened = SqliteStore::open_existing(&old, clock(), 1);
    assert!(matches!(opened, Err(OpenError::Older(path)) if path == old));
    assert!(fs::read(&old).unwrap() == bytes, "it was written to");
    SqliteStore::open(&old, options()).unwrap().shutdown().await;
    SqliteStore::open_existing(&old, clock(), 1).unwrap().shutdown().await;
}

#[tokio::test]
async fn a_log_of_this_format_is_not_carried() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("log.db");
    for _ in 0..2 {
        let hear = Arc::new(|carried: &_| panic!("{carried:?}"));
        let store = SqliteStore::open(&path, OpenOptions { hear, ..options() }).unwrap();
        store.shutdown().await;
    }
}

#[test]
fn a_child_carries_a_log_until_it_dies() {
    let Some(path) = told(CHILD) else { return };
    let dies_at: usize = told(DIES_AT).unwrap().parse().unwrap();
    let steps = AtomicUsize::new(0);
    let hear = Arc::new(move |_: &_| {
        if steps.fetch_add(1, Ordering::SeqCst) == dies_at {
            std::process::abort();
        }
    });
    SqliteStore::open(path, OpenOptions { hear, ..options() }).unwrap();
}

#[tokio::test]
async fn a_carrying_that_is_killed_at_any_step_goes_on() {
    let folder = tempdir().unwrap();
    let (now, old) = (folder.path().join("now.db"), folder.path().join("old.db"));
    make(&now, &old).await;
    let expected = contents(&now);
    let mut deaths = 0;
    loop {
        let path = folder.path().join(format!("dies at {deaths}.db"));
        fs::copy(&old, &path).unwrap();
        let child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "store::sqlite::carrying::a_child_carries_a_log_until_it_dies"])
            .env(CHILD, &path)
            .env(DIES_AT, deaths.to_string())
            .output()
            .unwrap();
        if child.status.success() {
            break;
        }
        // What an older build looks at before anything else: the file itself.
        assert_eq!(format_of(&path), FORMAT, "an older build would write to it");
        let store = open(&path).unwrap();
        assert_whole(&store).await;
        store.shutdown().await;
        assert_eq!(contents(&path), expected, "killed at step {deaths}");
        deaths += 1;
    }
    assert!(deaths > 9, "it died {deaths} times");
}

#[tokio::test]
async fn what_is_damaged_is_carried_over_and_stops_where_it_is_loaded() {
    let folder = tempdir().unwrap();
    let (now, old) = (folder.path().join("now.db"), folder.path().join("old.db"));
    make(&now, &old).await;
    let meddler = Connection::open(&old).unwrap();
    meddler.execute("update events set version = 9 where position = 1", []).unwrap();
    meddler.close().unwrap();
    let store = open(&old).unwrap();
    let streams = [append(1, &[]).stream, append(2, &[]).stream];
    let read = |stream| crate::store::StreamReader::read_stream(&store, stream, Version::NONE, 9);
    assert!(read(streams[0]).await.is_err(), "the second event has none before it");
    assert_eq!(good(read(streams[1]).await).len(), 3);
    store.shutdown().await;
}

#[tokio::test]
async fn a_place_that_is_none_is_told() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("log.db");
    open(&path).unwrap().shutdown().await;
    let meddler = Connection::open(&path).unwrap();
    meddler.execute("insert into meta values ('carry', x'00')", []).unwrap();
    meddler.close().unwrap();
    assert!(matches!(open(&path), Err(OpenError::Damaged(_))));
}
