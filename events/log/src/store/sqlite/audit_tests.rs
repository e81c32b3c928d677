//! That the thorough check finds nothing where nothing is wrong, and each thing that is.

use std::{fs, path::Path};

use rusqlite::Connection;
use tempfile::tempdir;

use super::{
    SqliteStore,
    testing::{append, open, put},
};
use crate::store::{
    EventFeed as _,
    changes::{self, AT_THE_END, CHANGES, CUT, audited, filled},
    contract::good,
};

async fn fill(path: &Path) {
    let store = open(path).unwrap();
    changes::fill(&store).await;
    store.shutdown().await;
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
    assert_eq!(audited(&store).await, filled());
    assert_eq!(store.damage(), []);
    store.shutdown().await;
    assert_eq!(SqliteStore::check_copy(&path).unwrap(), filled());
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
            assert!(audited(&store).await.found.contains_key(kind), "{sql}");
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
        let found = audited(&store).await.found;
        assert!(found.contains_key("schema") || found.contains_key("database"), "{found:?}");
        store.shutdown().await;
    }
}

#[tokio::test]
async fn a_damaged_stream_stops_and_the_others_go_on() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("log.db");
    fill(&path).await;
    meddle(&path, CUT);
    let store = open(&path).unwrap();
    changes::a_damaged_stream_stops_and_the_others_go_on(&store).await;
    let places: Vec<_> = store.damage().into_iter().map(|damage| damage.place).collect();
    assert_eq!(places, [append(2, &[]).stream.to_string()]);
    store.shutdown().await;
}

#[tokio::test]
async fn a_start_looks_at_the_end_of_the_log() {
    let folder = tempdir().unwrap();
    let whole = folder.path().join("whole.db");
    fill(&whole).await;
    for (n, (sql, place)) in AT_THE_END.iter().enumerate() {
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
