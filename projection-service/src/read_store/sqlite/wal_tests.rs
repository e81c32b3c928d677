//! The write-ahead log stays within its bound while rows are written and read, and goes at the end.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use events::Position;

use super::Bound;
use crate::{
    read_store::{Checkpoint, Commit, Interval, ReadStore, SqliteReadStore, TableChanges},
    testing::{LINE, TALLY, THING, thing},
};

/// 2 MiB. However slow the machine is, whoever reads for a moment is waited for.
const SMALL: Bound = Bound { copied_from: 128, most: 512, patience: Duration::from_secs(60) };
/// The same, where whoever reads for long is not waited for.
const HASTY: Bound = Bound { patience: Duration::from_millis(4), ..SMALL };
const PAGE: u64 = 4_096 + 24;
const BATCHES: u64 = 400;
const ROWS: u64 = 200;

fn wal_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

fn wal(path: &Path) -> u64 {
    fs::metadata(wal_of(path)).map_or(0, |metadata| metadata.len())
}

fn open(path: &Path, bound: Bound) -> SqliteReadStore {
    SqliteReadStore::open_bounded(path, &[&THING, &LINE, &TALLY], bound).unwrap()
}

/// Rows all over the table, so that each batch touches many of its pages.
async fn write(store: &SqliteReadStore, batch: u64) {
    let from = Position(batch * ROWS);
    let begun = (0..ROWS).map(|row| {
        let id = u8::try_from((row * 7 + batch) % 256).unwrap();
        let position = Position(from.0 + row + 1);
        Interval { row: thing(id, 1), from: position, to: Some(Position(position.0 + 1)) }
    });
    let table = TableChanges::History { table: &THING, closed: vec![], begun: begun.collect() };
    let reached = Checkpoint { position: Position(from.0 + ROWS), ..Checkpoint::default() };
    store.commit(Commit { expected: from, reached, tables: vec![table] }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn it_exceeds_its_bound_by_no_more_than_a_batch_while_rows_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("read-1.db");
    let store = Arc::new(open(&path, SMALL));
    let is_over = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (store, is_over) = (store.clone(), is_over.clone());
            tokio::spawn(async move {
                let mut read = 0_u64;
                while !is_over.load(Ordering::Relaxed) {
                    let mut snapshot = store.snapshot().await.unwrap();
                    let cut = snapshot.position();
                    snapshot.page(&THING, cut, None, 50).await.unwrap();
                    read += 1;
                }
                read
            })
        })
        .collect();
    let (mut longest, mut most, mut written, mut before) = (0, 0, 0, 0);
    for batch in 0..BATCHES {
        write(&store, batch).await;
        // The next piece of work begins when the one before has been cleared up after.
        store.checkpoint().await.unwrap();
        let now = wal(&path);
        most = most.max(now.saturating_sub(before));
        written += now.saturating_sub(before);
        longest = longest.max(now);
        before = now;
    }
    is_over.store(true, Ordering::Relaxed);
    for reader in readers {
        assert!(reader.await.unwrap() > 0);
    }
    let bound = u64::try_from(SMALL.most).unwrap() * PAGE;
    assert!(written > 3 * bound, "{written} bytes say nothing of a bound of {bound}");
    assert!(longest <= bound + most, "{longest}; {bound} are the bound, {most} the largest batch");
    store.close().await;
    assert!(!wal_of(&path).exists(), "it is still there after the end");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_long_reader_held_up_is_cleared_away_when_it_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("read-1.db");
    let store = open(&path, HASTY);
    write(&store, 0).await;
    let mut snapshot = store.snapshot().await.unwrap();
    snapshot.page(&TALLY, Position(ROWS), None, 1).await.unwrap();
    let bound = u64::try_from(SMALL.most).unwrap() * PAGE;
    let mut batch = 1;
    while wal(&path) < bound + bound / 2 {
        write(&store, batch).await;
        batch += 1;
    }
    drop(snapshot);
    // Nothing is written any more.
    let cleared = async {
        while wal(&path) > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), cleared).await.unwrap();
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_comparison_does_not_hold_it_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("read-1.db");
    let store = open(&path, SMALL);
    write(&store, 0).await;
    let mut snapshot = store.snapshot().await.unwrap();
    let cut = snapshot.position();
    let first = snapshot.page(&THING, cut, None, 1_000).await.unwrap();
    let is_over = Arc::new(AtomicBool::new(false));
    let told = is_over.clone();
    let comparing = tokio::spawn(async move {
        while !told.load(Ordering::Relaxed) {
            let again = snapshot.page(&THING, cut, None, 1_000).await.unwrap();
            assert!(first == again, "what it shows has moved");
        }
        snapshot.position()
    });
    let bound = u64::try_from(SMALL.most).unwrap() * PAGE;
    let (mut longest, mut most, mut begun_again, mut before) = (0, 0, 0, 0);
    for batch in 1.. {
        write(&store, batch).await;
        store.checkpoint().await.unwrap();
        let now = wal(&path);
        most = most.max(now.saturating_sub(before));
        longest = longest.max(now);
        begun_again += u32::from(now < before);
        before = now;
        if begun_again == 3 {
            break;
        }
    }
    assert!(longest <= bound + most, "{longest}; {bound} are the bound, {most} the largest batch");
    is_over.store(true, Ordering::Relaxed);
    assert_eq!(comparing.await.unwrap(), cut);
    store.close().await;
}
