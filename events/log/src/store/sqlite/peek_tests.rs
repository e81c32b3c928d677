//! A look changes nothing, also beside a log that was left by a crash.

use std::{collections::BTreeMap, fs, path::Path};

use super::*;
use crate::store::{
    EventStore as _, StreamReader as _,
    sqlite::{
        SqliteStore,
        testing::{open, put},
    },
    testing::LOG,
};

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    // What maps a write-ahead log is made anew by whoever opens it.
    let entries = entries.filter(|entry| !entry.path().to_string_lossy().ends_with("-shm"));
    entries
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .collect()
}

async fn store(folder: &Path) -> SqliteStore {
    let store = open(&folder.join("log.db")).unwrap();
    for n in 0..3 {
        put(&store, n).await.unwrap();
    }
    store
}

#[tokio::test]
async fn a_look_leaves_the_files_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.db");
    assert!(LogPeek::open(&path).unwrap().is_none());
    assert!(files(folder.path()).is_empty());

    let store = store(folder.path()).await;
    let head = store.head().await.unwrap();
    let left = tempfile::tempdir().unwrap();
    for name in ["log.db", "log.db-wal"] {
        fs::copy(folder.path().join(name), left.path().join(name)).unwrap();
    }
    store.shutdown().await;
    for folder in [folder.path(), left.path()] {
        let before = files(folder);
        let peek = LogPeek::open(&folder.join("log.db")).unwrap().unwrap();
        assert_eq!(peek.head().unwrap(), head);
        assert_eq!(peek.log_id().unwrap(), LOG);
        assert!(peek.leaf(head.position).unwrap().is_some());
        assert!(peek.leaf(Position(head.position.0 + 1)).unwrap().is_none());
        assert!(!peek.keeps_mark().unwrap());
        drop(peek);
        assert_eq!(before, files(folder));
    }
}

#[tokio::test]
async fn what_a_log_is_told_about_its_mark_it_remembers() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path()).await;
    store.remember_mark().await.unwrap();
    store.remember_mark().await.unwrap();
    store.shutdown().await;
    let peek = LogPeek::open(&folder.path().join("log.db")).unwrap().unwrap();
    assert!(peek.keeps_mark().unwrap());
}

#[tokio::test]
async fn process_managers_are_set_back_to_the_end_of_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path()).await;
    let head = store.head().await.unwrap().position;
    store.save_checkpoint("ahead", Position(head.0 + 7)).await.unwrap();
    store.save_checkpoint("behind", Position(1)).await.unwrap();
    store.set_back_checkpoints(head).await.unwrap();
    assert_eq!(store.checkpoint("ahead").await.unwrap(), head);
    assert_eq!(store.checkpoint("behind").await.unwrap(), Position(1));
    store.shutdown().await;
}
