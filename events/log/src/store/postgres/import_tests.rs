//! The copy of a history: what it keeps, that it goes on where it stopped, and what it refuses.

use std::sync::Arc;

use events::{envelope::Recorded, ids::LogId};
use uuid::Uuid;

use super::{
    Importer, PostgresStore,
    testing::{append, assert_whole, clock, meddle, open, options, put, whole_log},
};
use crate::{
    postgres::PostgresError,
    store::{
        Appended, EventStore as _, LedgerEntry, StoreError, StreamReader as _, contract::good,
        testing::LOG,
    },
    testing::TestDatabase,
};

const COPY: Uuid = Uuid::from_u128(77);

/// A history of a few commands, with its ledger; the last one appended nothing.
async fn history(commands: u64) -> (Vec<Arc<Recorded>>, Vec<LedgerEntry>) {
    let test = TestDatabase::new("a history to be copied").unwrap();
    let store = open(&test.server()).await.unwrap();
    for n in 0..commands {
        good(put(&store, n).await);
    }
    good(store.append(vec![append(commands, &[])]).await.remove(0));
    let events = whole_log(&store).await;
    let ledger = store.ledger_page(None, 1_000).await.unwrap();
    store.shutdown().await;
    (events, ledger)
}

#[track_caller]
fn assert_refused<T>(opened: Result<T, PostgresError>, words: &str) {
    match opened {
        Err(PostgresError::Refused { why, .. }) => assert!(why.contains(words), "{why}"),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("not refused: {words}"),
    }
}

#[tokio::test]
async fn a_copy_that_is_broken_off_goes_on_and_becomes_the_same_log() {
    let Some(test) = TestDatabase::new("a_copy_that_is_broken_off_goes_on") else { return };
    let server = test.server();
    let (events, ledger) = history(10).await;
    assert!(Importer::look(&server, LOG).await.unwrap().is_none());
    for page in events.chunks(3) {
        // Each time as after a crash.
        let mut copy =
            Importer::open(&server, LOG, Uuid::from_u128(page.len() as u128)).await.unwrap();
        assert_eq!(copy.reached().head.position.0 + 1, page[0].position.0);
        copy.add_events(page.to_vec()).await.unwrap();
        let again = copy.add_events(page.to_vec()).await;
        assert!(matches!(again, Err(StoreError::Damaged(_))), "the same events do not follow");
        copy.close().await;
        assert_refused(PostgresStore::open(&server, options()).await, "is being copied");
    }
    let mut copy = Importer::open(&server, LOG, COPY).await.unwrap();
    copy.add_ledger(ledger[..5].to_vec()).await.unwrap();
    copy.add_ledger(ledger.clone()).await.unwrap();
    copy.add_checkpoints(vec![("processes".to_owned(), events[3].position)]).await.unwrap();
    let unfinished = copy.store(clock()).await.unwrap();
    assert_eq!(whole_log(&unfinished).await, events);
    unfinished.shutdown().await;
    copy.finish().await.unwrap();
    assert!(Importer::look(&server, LOG).await.unwrap().unwrap().reached().is_done);

    let store = open(&server).await.unwrap();
    assert_eq!(assert_whole(&store).await, events);
    assert_eq!(store.ledger_page(None, 1_000).await.unwrap(), ledger);
    assert_eq!(store.checkpoint("processes").await.unwrap(), events[3].position);
    let repeated = good(put(&store, 4).await);
    assert!(matches!(repeated, Appended::AlreadyStored(_)));
    good(put(&store, 100).await);
    assert_eq!(store.head().await.unwrap().position.0, events.len() as u64 + 2);
    store.shutdown().await;
}

#[tokio::test]
async fn a_copy_writes_into_no_log_but_its_own() {
    let Some(test) = TestDatabase::new("a_copy_writes_into_no_log_but_its_own") else { return };
    let server = test.server();
    open(&server).await.unwrap().shutdown().await;
    assert_refused(Importer::open(&server, LOG, COPY).await, "was not begun by a copy");
    let other = LogId(Uuid::from_u128(5));
    assert_refused(Importer::open(&server, other, COPY).await, "another event log");

    let Some(test) = TestDatabase::new("a_copy_writes_into_no_log_but_its_own") else { return };
    let server = test.server();
    let (events, _) = history(2).await;
    let mut copy = Importer::open(&server, LOG, COPY).await.unwrap();
    assert_refused(Importer::look(&server, other).await, "another event log");
    let mut rival = Importer::open(&server, LOG, COPY).await.unwrap();
    rival.add_events(events.clone()).await.unwrap();
    let late = copy.add_events(events).await;
    assert!(matches!(late, Err(StoreError::Unavailable(_))), "{late:?}");
    rival.finish().await.unwrap();
    let late = rival.add_checkpoints(Vec::new()).await;
    assert!(matches!(late, Err(StoreError::Unavailable(_))), "{late:?}");
}

#[tokio::test]
async fn a_full_disk_is_told_and_nothing_is_lost_by_it() {
    let Some(test) = TestDatabase::new("a_full_disk_is_told") else { return };
    let server = test.server();
    let (events, _) = history(2).await;
    let mut copy = Importer::open(&server, LOG, COPY).await.unwrap();
    let full = "create function annals.no_room() returns trigger language plpgsql as \
        'begin raise exception using errcode = ''disk_full''; end'; \
        create trigger no_room before insert on annals.events for each row execute function annals.no_room()";
    meddle(&server, full).await;
    let refused = copy.add_events(events.clone()).await;
    assert!(matches!(refused, Err(StoreError::Full)), "{refused:?}");
    meddle(&server, "drop trigger no_room on annals.events").await;
    copy.add_events(events).await.unwrap();
}

#[tokio::test]
async fn what_is_not_what_its_hash_says_is_not_copied() {
    let Some(test) = TestDatabase::new("what_is_not_what_its_hash_says") else { return };
    let (events, _) = history(2).await;
    let mut copy = Importer::open(&test.server(), LOG, COPY).await.unwrap();
    let changes: [fn(&mut Recorded); 3] = [
        |event| event.event.payload = bytes::Bytes::from_static(b"{}"),
        |event| event.event.cause.actor.id = Uuid::from_u128(8),
        |event| event.leaf.0[0] ^= 1,
    ];
    for change in changes {
        let mut changed = events.clone();
        change(Arc::make_mut(&mut changed[1]));
        let refused = copy.add_events(changed).await;
        assert!(matches!(refused, Err(StoreError::Damaged(_))), "{refused:?}");
    }
    assert_eq!(copy.reached().head.position.0, 0);
    copy.close().await;
}
