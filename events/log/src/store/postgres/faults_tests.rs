//! What the store does when connections break, when the database is away, locked, unsafe or not what
//! it was.

use std::{sync::Arc, time::Duration};

use events::envelope::{Instant as Time, Position};
use sqlx::Executor as _;
use tokio::time::{Instant, interval, timeout};

use super::{
    PostgresOptions, PostgresStore,
    proxy::Proxy,
    testing::{append, assert_whole, end_writers, meddle, open, options, put, session, whole_log},
};
use crate::{
    store::{
        AppendError, Appended, Attempt, EventFeed as _, EventStore as _, StoreError,
        StreamReader as _,
        contract::{ACTOR, good},
    },
    testing::TestDatabase,
};

fn assert_unavailable(answer: &Result<Appended, AppendError>, words: &str) {
    match answer {
        Err(AppendError::Store(StoreError::Unavailable(why))) => {
            assert!(why.contains(words), "{why}");
        }
        other => panic!("{other:?}"),
    }
}

fn attempt(n: u64) -> Attempt {
    let tried = append(n, &[]);
    Attempt {
        at: Time::from_micros(7),
        actor: ACTOR,
        command_id: tried.command_id,
        command: "Create\0Account".into(),
        stream: Some(tried.stream),
        code: "account.refused".into(),
        token: None,
        count: 1,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_that_are_ended_in_the_middle_lose_and_repeat_nothing() {
    let Some(test) = TestDatabase::new("sessions_that_are_ended_in_the_middle") else { return };
    let store = Arc::new(open(&test.server()).await.unwrap());
    let mut killer = session(&test.server()).await;
    let tasks: Vec<_> = (0..200)
        .map(|n| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                for part in 0..4 {
                    let stored = good(put(&store, n * 10 + part).await);
                    assert!(matches!(stored, Appended::Stored(_)), "{stored:?}");
                }
            })
        })
        .collect();
    let (mut ended, mut rhythm) = (0, interval(Duration::from_millis(30)));
    while !tasks.iter().all(tokio::task::JoinHandle::is_finished) {
        rhythm.tick().await;
        if ended < 8 {
            ended += end_writers(&mut killer).await;
        }
    }
    for task in tasks {
        good(task.await);
    }
    assert!(ended >= 2, "only {ended} sessions were ended");
    assert_eq!(assert_whole(&store).await.len(), 200 * 4 * 2);
    store.shutdown().await;
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_found_and_not_repeated() {
    let Some(test) = TestDatabase::new("a_commit_whose_answer_is_lost") else { return };
    let proxy = Proxy::start(&test).await;
    let store = open(&proxy.server()).await.unwrap();
    good(put(&store, 1).await);
    proxy.lose_next_answer("annals-log-writer");
    assert!(matches!(good(put(&store, 2).await), Appended::Stored(_)));
    assert_eq!(proxy.lost(), 1, "no answer was lost");
    proxy.lose_next_answer("annals-log-writer");
    good(store.record_attempts(vec![attempt(3), attempt(4)]).await);
    assert_eq!(proxy.lost(), 2, "no answer was lost");
    proxy.lose_next_answer("annals-log-writer");
    good(store.save_checkpoint("orders", Position(2)).await);
    assert_eq!(proxy.lost(), 3, "no answer was lost");
    good(put(&store, 5).await);
    let attempts = good(store.attempts(0, 10).await);
    assert_eq!(attempts.iter().map(|attempt| attempt.number).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(&*attempts[0].attempt.command, "Create\u{fffd}Account");
    assert_eq!(good(store.checkpoint("orders").await), Position(2));
    assert_eq!(assert_whole(&store).await.len(), 6);
    store.shutdown().await;
}

#[tokio::test]
async fn while_the_database_is_away_commands_are_refused_and_later_ones_stored() {
    let Some(test) = TestDatabase::new("while_the_database_is_away") else { return };
    let proxy = Proxy::start(&test).await;
    let store = open(&proxy.server()).await.unwrap();
    good(put(&store, 1).await);
    proxy.go_away();
    let since = Instant::now();
    assert_unavailable(&put(&store, 2).await, "");
    assert!(since.elapsed() < Duration::from_secs(7), "{:?}", since.elapsed());
    let since = Instant::now();
    for n in 3..6 {
        assert_unavailable(&put(&store, n).await, "");
    }
    assert!(since.elapsed() < Duration::from_secs(1), "{:?}", since.elapsed());
    assert!(matches!(store.head().await, Err(StoreError::Unavailable(_))));
    proxy.come_back();
    assert_eq!(good(put(&store, 2).await).receipt().position, Position(4));
    assert_eq!(assert_whole(&store).await.len(), 4);
    store.shutdown().await;
}

#[tokio::test]
async fn a_locked_head_refuses_and_leaves_no_gap() {
    let Some(test) = TestDatabase::new("a_locked_head_refuses") else { return };
    let store = open(&test.server()).await.unwrap();
    good(put(&store, 1).await);
    let mut holder = session(&test.server()).await;
    holder.execute("begin; select from log_head for update").await.unwrap();
    let since = Instant::now();
    assert_unavailable(&put(&store, 2).await, "another session holds the event log");
    assert!(since.elapsed() < Duration::from_secs(4), "{:?}", since.elapsed());
    // Reading is not held up.
    assert_eq!(whole_log(&store).await.len(), 2);
    holder.execute("rollback").await.unwrap();
    assert_eq!(good(put(&store, 2).await).receipt().position, Position(4));
    assert_eq!(assert_whole(&store).await.len(), 4);
    store.shutdown().await;
}

#[tokio::test]
async fn settings_that_became_unsafe_stop_appends_until_they_are_safe_again() {
    let Some(test) = TestDatabase::new("settings_that_became_unsafe") else { return };
    let store = open(&test.server()).await.unwrap();
    let mut killer = session(&test.server()).await;
    good(put(&store, 1).await);
    let set = |value: &str| {
        format!(
            "do $$ begin execute format('alter database %I set synchronous_commit = {value}', \
             current_database()); end $$"
        )
    };
    meddle(&test.server(), &set("off")).await;
    assert_eq!(end_writers(&mut killer).await, 1);
    for n in 2..4 {
        assert_unavailable(&put(&store, n).await, "synchronous_commit is off");
    }
    meddle(&test.server(), &set("on")).await;
    assert_eq!(good(put(&store, 2).await).receipt().position, Position(4));
    assert_eq!(assert_whole(&store).await.len(), 4);
    store.shutdown().await;
}

#[tokio::test]
async fn a_head_that_goes_backwards_stops_the_store_for_good() {
    let Some(test) = TestDatabase::new("a_head_that_goes_backwards") else { return };
    let (writing, reading) =
        (open(&test.server()).await.unwrap(), open(&test.server()).await.unwrap());
    good(put(&writing, 1).await);
    good(put(&writing, 2).await);
    assert_eq!(good(reading.head().await).position, Position(4));
    let lost = "begin; delete from events where position > 2; delete from commands where position > 2; \
                delete from streams where stream_key > 1; \
                update log_head set position = 2, streams = 1, turn = 1; commit";
    meddle(&test.server(), lost).await;
    for store in [&writing, &reading] {
        let refused = put(store, 3).await;
        match refused {
            Err(AppendError::Store(StoreError::Damaged(why))) => {
                assert!(why.contains("head went backwards, from position 4 to 2"), "{why}");
            }
            other => panic!("{other:?}"),
        }
        let failed = timeout(Duration::from_secs(1), store.failed()).await.unwrap();
        assert!(matches!(failed, StoreError::Damaged(_)), "{failed}");
        assert!(matches!(store.lookup(Vec::new()).await, Err(StoreError::Damaged(_))));
        store.shutdown().await;
    }
}

#[tokio::test]
async fn a_follower_sees_that_the_head_went_backwards() {
    let Some(test) = TestDatabase::new("a_follower_sees_that_the_head") else { return };
    let store = open(&test.server()).await.unwrap();
    good(put(&store, 1).await);
    meddle(&test.server(), "update log_head set position = 1").await;
    assert!(matches!(store.head().await, Err(StoreError::Damaged(_))));
    assert!(matches!(store.failed().await, StoreError::Damaged(_)));
    store.shutdown().await;
}

#[tokio::test]
async fn a_hole_in_the_log_is_told_and_not_passed_over() {
    let Some(test) = TestDatabase::new("a_hole_in_the_log") else { return };
    let store = open(&test.server()).await.unwrap();
    for n in 0..3 {
        good(put(&store, n).await);
    }
    store.shutdown().await;
    let store = open(&test.server()).await.unwrap();
    meddle(&test.server(), "delete from events where position = 3").await;
    for (after, limit) in [(0, 10), (2, 1), (2, 10)] {
        let read = store.read(Position(after), limit).await;
        assert!(matches!(read, Err(StoreError::Damaged(_))), "{limit} after {after}: {read:?}");
    }
    let stream = store.read_stream(append(1, &[]).stream, events::Version::NONE, 10).await;
    assert!(matches!(stream, Err(StoreError::Damaged(_))), "{stream:?}");
    assert_eq!(good(store.read(Position(3), 10).await).len(), 3);
    meddle(&test.server(), "delete from events where position = 6").await;
    let end = store.read(Position(3), 100).await;
    assert!(matches!(end, Err(StoreError::Damaged(_))), "{end:?}");
    store.shutdown().await;
}

#[tokio::test]
async fn a_writer_that_panics_is_seen_to_have_failed() {
    let Some(test) = TestDatabase::new("a_writer_that_panics") else { return };
    let options = PostgresOptions { clock: Arc::new(|| panic!("the clock broke")), ..options() };
    let store = PostgresStore::open(&test.server(), options).await.unwrap();
    assert_unavailable(&put(&store, 1).await, "the writer of the event log has ended");
    assert!(matches!(store.failed().await, StoreError::Unavailable(_)));
    store.shutdown().await;
}

#[tokio::test]
async fn after_a_shutdown_everything_is_refused() {
    let Some(test) = TestDatabase::new("after_a_shutdown") else { return };
    let store = open(&test.server()).await.unwrap();
    good(put(&store, 1).await);
    store.shutdown().await;
    assert_unavailable(&put(&store, 2).await, "closed");
    assert!(matches!(store.head().await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.read(Position::START, 1).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.lookup(Vec::new()).await, Err(StoreError::Unavailable(_))));
    store.wait(Position(2)).await;
    store.shutdown().await;
}
