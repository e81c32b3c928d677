//! Which files are opened, which are refused, and that a refused one is not touched.

use std::{fs, path::Path};

use rusqlite::Connection;
use tempfile::tempdir;

use super::{
    OpenError, SqliteStore,
    testing::{clock, open, put},
};
use crate::store::{AppendError, StoreError, StreamReader as _, contract::good};

/// The names and bytes of everything in a folder.
fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            (entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path()).unwrap())
        })
        .collect();
    files.sort();
    files
}

/// Asserts that neither way of opening takes the file, nor touches it.
fn assert_refused(folder: &Path, expected: impl Fn(&OpenError) -> bool) {
    let path = folder.join("log.db");
    let before = contents(folder);
    for outcome in [open(&path), SqliteStore::open_existing(&path, clock(), 1)] {
        let Err(error) = outcome else { panic!("it was opened") };
        assert!(expected(&error), "{error:?}");
    }
    assert_eq!(contents(folder), before, "something was written");
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    for bytes in
        ["x".repeat(3), "name;city\n".repeat(50), format!("SQLite format 3\0{}", "x".repeat(200))]
    {
        let folder = tempdir().unwrap();
        fs::write(folder.path().join("log.db"), bytes).unwrap();
        assert_refused(folder.path(), |error| matches!(error, OpenError::Foreign(_)));
    }
}

#[test]
fn the_database_of_another_product_is_refused() {
    let folder = tempdir().unwrap();
    let other = Connection::open(folder.path().join("log.db")).unwrap();
    other.execute_batch("create table events (position integer primary key)").unwrap();
    other.close().unwrap();
    assert_refused(folder.path(), |error| matches!(error, OpenError::Foreign(_)));
}

#[tokio::test]
async fn a_log_of_a_newer_format_is_refused() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("log.db");
    let store = open(&path).unwrap();
    good(put(&store, 1).await);
    store.shutdown().await;
    let newer = Connection::open(&path).unwrap();
    newer.pragma_update(None, "user_version", 3).unwrap();
    newer.close().unwrap();
    assert_refused(folder.path(), |error| matches!(error, OpenError::Newer { found: 3, .. }));
}

#[tokio::test]
async fn a_log_whose_head_is_wrong_is_refused() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("log.db");
    let store = open(&path).unwrap();
    good(put(&store, 1).await);
    store.shutdown().await;
    let meddler = Connection::open(&path).unwrap();
    meddler.execute("delete from events where position = 2", []).unwrap();
    meddler.close().unwrap();
    assert!(matches!(open(&path), Err(OpenError::Damaged(_))));
}

#[test]
fn a_log_that_must_be_there_is_not_made() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("log.db");
    for _ in 0..2 {
        let outcome = SqliteStore::open_existing(&path, clock(), 1);
        assert!(matches!(outcome, Err(OpenError::Missing(_))));
    }
    assert!(contents(folder.path()).is_empty());
}

#[tokio::test]
async fn a_first_start_that_was_cut_short_is_made_good() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("log.db");
    fs::write(&path, "").unwrap();
    let store = open(&path).unwrap();
    good(put(&store, 1).await);
    store.shutdown().await;
}

#[tokio::test]
async fn a_log_keeps_the_id_it_was_made_with() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("log.db");
    let store = open(&path).unwrap();
    let id = store.log_id();
    store.shutdown().await;
    let store = SqliteStore::open_existing(&path, clock(), 1).unwrap();
    assert_eq!(store.log_id(), id);
    store.shutdown().await;
}

#[tokio::test]
async fn after_a_shutdown_one_file_is_left_and_everything_is_refused() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("log.db");
    let store = open(&path).unwrap();
    good(put(&store, 1).await);
    store.shutdown().await;
    let names: Vec<_> = contents(folder.path()).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["log.db"]);
    let refused = put(&store, 2).await;
    assert!(matches!(refused, Err(AppendError::Store(StoreError::Unavailable(_)))), "{refused:?}");
    assert!(matches!(store.head().await, Err(StoreError::Unavailable(_))));
    store.shutdown().await;
}

#[tokio::test]
async fn the_file_says_what_it_is_before_the_write_ahead_log_is_copied() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("log.db");
    let store = open(&path).unwrap();
    good(put(&store, 1).await);
    let header = fs::read(&path).unwrap();
    assert!(header.starts_with(b"SQLite format 3\0"));
    assert_eq!(&header[68..72], b"AnnL");
    store.shutdown().await;
}
