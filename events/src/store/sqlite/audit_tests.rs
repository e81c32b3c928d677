//! That the thorough check finds nothing where nothing is wrong, and each thing that is.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use rusqlite::Connection;
use tempfile::tempdir;

use super::{
    SqliteStore,
    testing::{append, open, put},
};
use crate::{
    envelope::{Position, Version},
    store::{
        EventFeed as _, EventStore as _, StoreError, StreamReader as _,
        audit::{Audit as _, Audited, Found},
        changes::CHANGES,
        contract::good,
        testing::attempts,
    },
};

async fn fill(path: &Path) {
    let store = open(path).unwrap();
    for n in 1..=4 {
        good(put(&store, n).await);
    }
    good(store.append(vec![append(90, &[])]).await.remove(0));
    good(store.record_attempts(attempts(3)).await);
    good(store.save_checkpoint("processes", Position(7)).await);
    store.shutdown().await;
}

async fn audited(store: &SqliteStore) -> BTreeMap<&'static str, Found> {
    let Audited { found, .. } = good(store.audit(Arc::new(|_, _, _| {})).await);
    found
}

fn meddle(path: &Path, sql: &str) {
    let meddler = Connection::open(path).unwrap();
    assert!(meddler.execute(sql, []).unwrap() > 0, "{sql}");
    meddler.close().unwrap();
}

#[tokio::test]
async fn a_log_that_is_as_it_was_written_has_no_finding() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("log.db");
    fill(&path).await;
    let store = open(&path).unwrap();
    let whole = good(store.audit(Arc::new(|_, _, _| {})).await);
    let expected = Audited { streams: 5, commands: 5, attempts: 3, ..Audited::default() };
    assert_eq!(whole, expected);
    assert_eq!(store.damage(), []);
    store.shutdown().await;
    assert_eq!(SqliteStore::check_copy(&path).unwrap(), expected);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is made beside a copy");
}

#[tokio::test]
async fn whatever_is_changed_is_found_and_told_by_its_kind() {
    let folder = tempdir().unwrap();
    let whole = folder.path().join("whole.db");
    fill(&whole).await;
    for (n, (sql, kind)) in CHANGES.iter().enumerate() {
        let path = folder.path().join(format!("{n}.db"));
        fs::copy(&whole, &path).unwrap();
        meddle(&path, sql);
        let copy = SqliteStore::check_copy(&path).unwrap();
        assert!(copy.found.contains_key(kind), "{sql}: {:?}", copy.found);
        // Some of them keep the log from being opened at all.
        if let Ok(store) = open(&path) {
            assert!(audited(&store).await.contains_key(kind), "{sql}");
            store.shutdown().await;
        }
    }
}

#[tokio::test]
async fn an_index_that_leads_elsewhere_is_found() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("log.db");
    fill(&path).await;
    let meddler = Connection::open(&path).unwrap();
    // The table is changed while nothing tells the database that there is an index on it.
    meddler
        .execute_batch(
            "pragma writable_schema = on; \
             update sqlite_schema set type = 'x' where name = 'streams_by_name'; \
             pragma writable_schema = reset;",
        )
        .ok();
    meddler.close().ok();
    let store = open(&path);
    if let Ok(store) = store {
        let found = audited(&store).await;
        assert!(found.contains_key("schema") || found.contains_key("database"), "{found:?}");
        store.shutdown().await;
    }
}

#[tokio::test]
async fn a_damaged_stream_stops_and_the_others_go_on() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("log.db");
    fill(&path).await;
    meddle(&path, "update streams set version = 1 where stream_key = 2");
    let store = open(&path).unwrap();
    let damaged = append(2, &[]).stream;
    let read = store.read_stream(damaged, Version::NONE, 10).await;
    let Err(StoreError::Damaged(what)) = read else { panic!("{read:?}") };
    assert!(what.contains(&damaged.to_string()), "{what}");
    assert_eq!(good(store.read_stream(append(3, &[]).stream, Version::NONE, 10).await).len(), 2);
    // Whoever appends does not take the row's word either.
    let mut more = append(200, &["more"]);
    (more.stream, more.expected) = (damaged, Version(1));
    let mut other = append(201, &["more"]);
    (other.stream, other.expected) = (append(3, &[]).stream, Version(2));
    let answers = store.append(vec![more, other]).await;
    assert!(answers[0].is_err(), "{answers:?}");
    assert!(answers[1].is_ok(), "{answers:?}");
    let places: Vec<_> = store.damage().into_iter().map(|damage| damage.place).collect();
    assert_eq!(places, [damaged.to_string()]);
    store.shutdown().await;
}

#[tokio::test]
async fn a_start_looks_at_the_end_of_the_log() {
    let folder = tempdir().unwrap();
    let whole = folder.path().join("whole.db");
    fill(&whole).await;
    let changes = [
        ("update events set leaf = zeroblob(32) where position = 8", "log"),
        ("update events set before_position = 1 where position = 8", "links"),
        ("update commands set events = 1 where position = 8", "ledger"),
        ("update attempts set count = 9 where number = 3", "attempts"),
        ("update process_checkpoints set position = 8", "checkpoints"),
    ];
    for (n, (sql, place)) in changes.iter().enumerate() {
        let path = folder.path().join(format!("{n}.db"));
        fs::copy(&whole, &path).unwrap();
        meddle(&path, sql);
        let store = open(&path).unwrap();
        let damage = store.damage();
        assert!(damage.iter().any(|damage| damage.place == *place), "{sql}: {damage:?}");
        good(put(&store, 70).await);
        store.shutdown().await;
    }
}
