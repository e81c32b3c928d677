//! A history that is copied from a file into a database is the same history.

use std::sync::Arc;

use uuid::Uuid;

use super::{
    Importer, PostgresOptions, PostgresStore,
    testing::{append, assert_whole, open, options, put, whole_log},
};
use crate::{
    envelope::{Instant, Position, Version},
    postgres::{PostgresError, Server},
    store::{
        Attempt, EventFeed as _, EventStore as _, StoreError, StreamReader as _,
        contract::{ACTOR, MORNING, good},
        sqlite::{OpenOptions, SqliteStore},
        testing::LOG,
    },
    testing::TestDatabase,
};

const COPY: Uuid = Uuid::from_u128(77);

/// A log with many times, growing streams, quiet commands, attempts and checkpoints.
async fn old_log(folder: &std::path::Path) -> SqliteStore {
    let time = std::sync::atomic::AtomicI64::new(MORNING.micros());
    let clock =
        move || Instant::from_micros(time.fetch_add(1_000, std::sync::atomic::Ordering::SeqCst));
    let options = OpenOptions { log_id: LOG, clock: Arc::new(clock), readers: 1 };
    let store = SqliteStore::open(folder.join("log.db"), options).unwrap();
    for n in 0..40 {
        good(crate::store::testing::put(&store, n).await);
        let mut more = append(1_000 + n, &["more"]);
        more.stream = append(n, &[]).stream;
        more.expected = Version(2);
        let quiet = append(2_000 + n, &[]);
        let answers = store.append(vec![more, quiet]).await;
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        let refused = append(3_000 + n, &[]);
        let attempt = Attempt {
            at: Instant::from_micros(7),
            actor: ACTOR,
            command_id: refused.command_id,
            command: "CreateAccount".into(),
            stream: (n % 2 == 0).then_some(refused.stream),
            code: "account.refused".into(),
        };
        good(store.record_attempts(vec![attempt]).await);
    }
    good(store.save_checkpoint("orders", Position(17)).await);
    good(store.save_checkpoint("numbers", Position(90)).await);
    store
}

/// Copies at most so many pages of each kind, and says whether all is copied.
async fn copy(old: &SqliteStore, importer: &mut Importer, pages: usize) -> bool {
    let mut is_done = true;
    for _ in 0..pages {
        let events = good(old.read(importer.head().position, 13).await);
        let ledger = good(old.ledger_page(importer.last_command(), 11).await);
        let attempts = good(old.attempts(importer.last_attempt(), 7).await);
        is_done = events.is_empty() && ledger.is_empty() && attempts.is_empty();
        good(importer.events(events).await);
        good(importer.ledger(ledger).await);
        good(importer.attempts(attempts).await);
    }
    is_done
}

async fn refusal(server: &Server, options: PostgresOptions) -> String {
    match PostgresStore::open(server, options).await {
        Err(PostgresError::Refused { why, .. }) => why.to_string(),
        opened => panic!("not refused: {:?}", opened.err()),
    }
}

#[tokio::test]
async fn a_history_is_copied_in_several_goes_and_is_the_same() {
    let Some(test) = TestDatabase::new("a_history_is_copied_in_several_goes") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (old, server) = (old_log(folder.path()).await, test.server());
    let mut goes = 0;
    loop {
        goes += 1;
        let mut importer = Importer::begin(&server, LOG, COPY).await.unwrap();
        let is_done = copy(&old, &mut importer, 4).await;
        assert!(refusal(&server, options()).await.contains("is being copied"));
        if !is_done {
            continue;
        }
        for (name, at) in good(old.checkpoints().await) {
            good(importer.checkpoint(&name, at).await);
        }
        good(importer.finish(good(old.head().await)).await);
        break;
    }
    assert!(goes > 2);
    let store = open(&server).await.unwrap();
    assert_eq!(assert_whole(&store).await, good(old.read(Position::START, 1_000).await));
    assert_eq!(good(store.attempts(0, 100).await), good(old.attempts(0, 100).await));
    let ledger = good(old.ledger_page(None, 1_000).await);
    assert_eq!(ledger.len(), 120);
    let commands = ledger.iter().map(|entry| entry.command_id).collect();
    let found = good(store.lookup(commands).await);
    assert!(found.into_iter().flatten().eq(ledger));
    assert_eq!(good(store.checkpoint("orders").await), Position(17));
    assert_eq!(good(store.checkpoint("numbers").await), Position(90));
    // The log goes on where the old one ended, also on a stream that only the ledger knows.
    let mut next = append(5_000, &["next"]);
    next.stream = append(2_003, &[]).stream;
    assert_eq!(good(store.append(vec![next]).await.remove(0)).receipt().position, Position(121));
    store.shutdown().await;
    assert!(Importer::begin(&server, LOG, COPY).await.is_err(), "it is finished");
}

#[tokio::test]
async fn a_log_that_was_not_begun_by_the_copy_is_refused() {
    let Some(test) = TestDatabase::new("a_log_that_was_not_begun_by_the_copy") else { return };
    let store = open(&test.server()).await.unwrap();
    good(put(&store, 1).await);
    assert!(Importer::begin(&test.server(), LOG, COPY).await.is_err());
    assert_eq!(whole_log(&store).await.len(), 2);
    store.shutdown().await;
    let Some(test) = TestDatabase::new("a_log_that_was_not_begun_by_the_copy") else { return };
    drop(Importer::begin(&test.server(), LOG, COPY).await.unwrap());
    assert!(Importer::begin(&test.server(), LOG, Uuid::from_u128(78)).await.is_err());
}

#[tokio::test]
async fn what_is_not_what_its_hash_says_is_not_copied() {
    let Some(test) = TestDatabase::new("what_is_not_what_its_hash_says") else { return };
    let folder = tempfile::tempdir().unwrap();
    let old = old_log(folder.path()).await;
    let mut importer = Importer::begin(&test.server(), LOG, COPY).await.unwrap();
    let events = good(old.read(Position::START, 10).await);
    let mut forged = (*events[4]).clone();
    forged.event.cause.actor.id = Uuid::from_u128(666);
    let mut with_forged = events.clone();
    with_forged[4] = Arc::new(forged);
    let mut with_hole = events.clone();
    with_hole.remove(3);
    for (page, words) in [(with_forged, "leaf hash"), (with_hole, "does not follow")] {
        match importer.events(page).await {
            Err(StoreError::Damaged(why)) => assert!(why.contains(words), "{why}"),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(importer.head().position, Position::START);
    good(importer.events(events).await);
    let unfinished = importer.finish(good(old.head().await)).await;
    assert!(matches!(unfinished, Err(StoreError::Damaged(_))), "{unfinished:?}");
}
