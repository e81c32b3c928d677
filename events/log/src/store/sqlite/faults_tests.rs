//! What the store does when it is killed, when the disk is full, when a write fails, and when it is
//! not alone.

use std::{
    fs::{self, OpenOptions},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use events::envelope::{Position, Recorded};
use rusqlite::Connection;
use tempfile::tempdir;

use super::{
    BackupError, SqliteStore,
    schema::{self, write_ahead_log},
    testing::{append, assert_whole, clock, open, put, whole_log},
};
use crate::store::{
    AppendError, EventFeed as _, EventStore as _, MAX_PAYLOAD, StoreError, StreamReader as _,
    contract::good,
};

/// What `kill -9` at this moment would leave: the file and as much of the write-ahead log as is there.
/// It comes out of the page cache; what a power cut leaves is proven in `tests/faults/disk`.
/// (The file itself does not change while the write-ahead log is short.)
fn crash_image(path: &Path, to: &Path) -> PathBuf {
    fs::create_dir_all(to).unwrap();
    let copy = to.join("log.db");
    fs::copy(path, &copy).unwrap();
    fs::copy(write_ahead_log(path), write_ahead_log(&copy)).unwrap();
    copy
}

fn assert_prefix(prefix: &[Arc<Recorded>], log: &[Arc<Recorded>]) {
    assert!(prefix.len() <= log.len());
    assert!(prefix.iter().zip(log).all(|(stored, there)| stored == there));
}

const WRITERS: u64 = 8;
const COMMANDS: u64 = 30;

/// Appends command after command, and notes the last position that was acknowledged to anyone.
async fn write(store: Arc<SqliteStore>, writer: u64, acknowledged: Arc<AtomicU64>) {
    for n in 0..COMMANDS {
        let position = good(put(&store, writer * 1_000 + n).await).receipt().position;
        acknowledged.fetch_max(position.0, Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_was_acknowledged_survives_a_crash_under_load() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("log.db");
    let store = Arc::new(open(&path).unwrap());
    let acknowledged = Arc::new(AtomicU64::new(0));
    let writers: Vec<_> = (0..WRITERS)
        .map(|n| tokio::spawn(write(Arc::clone(&store), n, Arc::clone(&acknowledged))))
        .collect();
    let all = WRITERS * COMMANDS * 2;
    let mut images = Vec::new();
    loop {
        let head = good(store.head().await).position;
        let before = acknowledged.load(Ordering::SeqCst);
        let image = crash_image(&path, &folder.path().join(format!("image {}", images.len())));
        images.push((before, image));
        if head.0 == all {
            break;
        }
        store.wait(head).await;
    }
    for writer in writers {
        good(writer.await);
    }
    let log = assert_whole(&store).await;
    assert_eq!(log.len() as u64, all);
    let under_load = images.iter().filter(|(before, _)| (1..all).contains(before)).count();
    assert!(under_load > 0, "no crash happened under load");
    for (acknowledged, image) in images {
        let recovered = open(&image).unwrap();
        let stored = assert_whole(&recovered).await;
        assert!(stored.len() as u64 >= acknowledged, "an acknowledged command was lost");
        assert_prefix(&stored, &log);
        recovered.shutdown().await;
    }
    store.shutdown().await;
}

#[tokio::test]
async fn a_write_ahead_log_cut_anywhere_opens_as_a_prefix() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("log.db");
    let store = open(&path).unwrap();
    for n in 0..10 {
        good(put(&store, n).await);
    }
    let log = whole_log(&store).await;
    let length = fs::metadata(write_ahead_log(&path)).unwrap().len();
    let mut lengths = Vec::new();
    for cut in 0..=20 {
        let image = crash_image(&path, &folder.path().join(format!("cut {cut}")));
        let file = OpenOptions::new().write(true).open(write_ahead_log(&image)).unwrap();
        file.set_len(length * cut / 20).unwrap();
        let recovered = open(&image).unwrap();
        let stored = assert_whole(&recovered).await;
        assert_prefix(&stored, &log);
        lengths.push(stored.len());
        recovered.shutdown().await;
    }
    assert!(lengths.is_sorted());
    assert_eq!((lengths.first(), lengths.last()), (Some(&0), Some(&log.len())));
    store.shutdown().await;
}

#[tokio::test]
async fn a_full_disk_refuses_and_the_next_command_that_fits_is_stored() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("log.db");
    open(&path).unwrap().shutdown().await;
    let opened = schema::open(&path, None, &crate::store::ladder::unheard()).unwrap();
    // As if the disk had room for these pages only.
    opened.connection.pragma_update_and_check(None, "max_page_count", 60, |_| Ok(())).unwrap();
    let store = SqliteStore::start(&path, opened, clock(), 1).unwrap();
    good(put(&store, 1).await);
    for n in 2..5 {
        let refused = store.append(vec![append(n, &[&"x".repeat(MAX_PAYLOAD)])]).await.remove(0);
        assert!(matches!(refused, Err(AppendError::Store(StoreError::Full))), "{refused:?}");
        assert_eq!(good(store.head().await).position, Position(2));
    }
    let stored = good(put(&store, 2).await).receipt();
    assert_eq!(stored.position, Position(4), "a refused command burnt a position");
    assert_eq!(assert_whole(&store).await.len(), 4);
    store.shutdown().await;
}

#[tokio::test]
async fn after_a_failed_write_nothing_is_acknowledged_any_more() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("log.db");
    let store = Arc::new(open(&path).unwrap());
    good(put(&store, 1).await);
    let meddler = Connection::open(&path).unwrap();
    meddler.execute_batch("drop table process_checkpoints").unwrap();
    let told = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.failed().await }
    });
    let failed = store.save_checkpoint("orders", Position(1)).await;
    assert!(matches!(failed, Err(StoreError::Unavailable(_))), "{failed:?}");
    let refused = put(&store, 2).await;
    assert!(matches!(refused, Err(AppendError::Store(StoreError::Unavailable(_)))), "{refused:?}");
    assert!(matches!(good(told.await), StoreError::Unavailable(_)));
    assert!(store.lookup(vec![append(1, &[]).command_id]).await.is_err());
    // What was acknowledged can still be read.
    assert_eq!(whole_log(&store).await.len(), 2);
    store.shutdown().await;
}

#[tokio::test]
async fn a_hole_in_the_log_is_told_and_not_passed_over() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("log.db");
    let store = open(&path).unwrap();
    for n in 0..3 {
        good(put(&store, n).await);
    }
    store.shutdown().await;
    let store = open(&path).unwrap();
    let meddler = Connection::open(&path).unwrap();
    meddler.execute("delete from events where position = 3", []).unwrap();
    for (after, limit) in [(0, 10), (2, 1), (2, 10)] {
        let read = store.read(Position(after), limit).await;
        assert!(matches!(read, Err(StoreError::Damaged(_))), "{limit} after {after}: {read:?}");
    }
    assert_eq!(good(store.read(Position(3), 10).await).len(), 3);
    store.shutdown().await;
}

#[tokio::test]
async fn two_stores_on_one_file_lose_nothing_and_share_one_order() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("log.db");
    let (left, right) = (open(&path).unwrap(), open(&path).unwrap());
    for n in 0..20 {
        let store = if n % 3 == 0 { &left } else { &right };
        let position = good(put(store, n).await).receipt().position;
        assert_eq!(position, Position(n * 2 + 2));
    }
    // A stream that one of them remembers at an old length.
    let mut more = append(900, &["by the left"]);
    more.stream = append(1, &[]).stream;
    more.expected = events::Version(2);
    good(left.append(vec![more.clone()]).await.remove(0));
    more.command_id = append(901, &[]).command_id;
    let late = right.append(vec![more]).await.remove(0);
    assert!(matches!(late, Err(AppendError::Conflict { actual: events::Version(3) })), "{late:?}");
    good(put(&right, 902).await);
    assert_eq!(whole_log(&right).await.len(), 43);
    left.shutdown().await;
    right.shutdown().await;
    let store = open(&path).unwrap();
    assert_eq!(whole_log(&store).await.len(), 43);
    store.shutdown().await;
}

#[tokio::test]
async fn a_backup_made_while_writing_is_a_whole_prefix() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("log.db");
    let store = Arc::new(open(&path).unwrap());
    good(put(&store, 0).await);
    let writer = tokio::spawn({
        let store = Arc::clone(&store);
        async move {
            for n in 1..200 {
                good(put(&store, n).await);
            }
        }
    });
    let mut copies = Vec::new();
    for n in 0..5 {
        let copy = folder.path().join(format!("copy {n}.db"));
        let before = good(store.head().await);
        let head = good(store.backup_to(&copy).await);
        assert!(head.position >= before.position, "the copy is older than the question");
        copies.push((head, copy));
    }
    good(writer.await);
    let log = whole_log(&store).await;
    for (head, path) in copies {
        let copy = SqliteStore::open_existing(&path, clock(), 1).unwrap();
        assert_eq!(good(copy.head().await), head);
        let stored = assert_whole(&copy).await;
        assert_eq!(stored.len() as u64, head.position.0);
        assert_prefix(&stored, &log);
        copy.shutdown().await;
    }
    store.shutdown().await;
}

#[tokio::test]
async fn a_backup_never_overwrites() {
    let folder = tempdir().unwrap();
    let store = open(&folder.path().join("log.db")).unwrap();
    let there = folder.path().join("there");
    fs::write(&there, "precious").unwrap();
    let refused = store.backup_to(&there).await;
    assert!(matches!(refused, Err(BackupError::Exists(_))), "{refused:?}");
    assert_eq!(fs::read(&there).unwrap(), b"precious");
    store.shutdown().await;
}

#[tokio::test]
async fn the_write_ahead_log_stays_bounded() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("log.db");
    let store = open(&path).unwrap();
    let large = "x".repeat(MAX_PAYLOAD);
    let mut longest = 0;
    for n in 0..120 {
        good(store.append(vec![append(n, &[&large])]).await.remove(0));
        longest = longest.max(store.size().unwrap().write_ahead_log);
    }
    assert!(longest > 8 << 20, "it was copied too eagerly: {longest} bytes");
    assert!(longest < 90 << 20, "it grew to {longest} bytes");
    store.shutdown().await;
}

#[tokio::test]
async fn a_writer_that_panics_is_seen_to_have_failed() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("log.db");
    let broken: crate::store::Clock = Arc::new(|| panic!("the clock is broken"));
    let options = super::OpenOptions { clock: broken, ..super::testing::options() };
    let store = SqliteStore::open(&path, options).unwrap();
    let refused = put(&store, 1).await;
    assert!(matches!(refused, Err(AppendError::Store(StoreError::Unavailable(_)))), "{refused:?}");
    assert!(matches!(store.failed().await, StoreError::Unavailable(_)));
    assert!(whole_log(&store).await.is_empty());
    store.shutdown().await;
}
