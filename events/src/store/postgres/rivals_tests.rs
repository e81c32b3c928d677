//! Two stores on one database, as in two processes: one order, one winner, one truth.

use std::{sync::Arc, time::Duration};

use tokio::time::timeout;

use super::{
    PostgresStore,
    testing::{append, assert_whole, open, put, whole_log},
};
use crate::{
    envelope::{Position, Version},
    store::{
        Append, AppendError, Appended, EventFeed as _, EventStore as _, StreamReader as _,
        contract::good,
    },
    testing::TestDatabase,
};

/// Two stores on one new log.
async fn two(test: &TestDatabase) -> [Arc<PostgresStore>; 2] {
    let (left, right) = (open(&test.server()).await, open(&test.server()).await);
    [left, right].map(|store| Arc::new(store.unwrap()))
}

async fn shut_down(stores: [Arc<PostgresStore>; 2]) {
    for store in stores {
        store.shutdown().await;
    }
}

/// Command number `command`, which says one word on stream number `stream`.
fn says(command: u64, stream: u64, expected: u64) -> Append {
    let mut says = append(command, &["word"]);
    says.stream = append(stream, &[]).stream;
    says.expected = Version(expected);
    says
}

async fn put_one(store: &PostgresStore, append: Append) -> Result<Appended, AppendError> {
    store.append(vec![append]).await.remove(0)
}

/// Sends each to one of the stores, all at once.
async fn at_once(
    stores: &[Arc<PostgresStore>; 2],
    appends: impl Iterator<Item = Append>,
) -> Vec<Result<Appended, AppendError>> {
    let tasks: Vec<_> = appends
        .zip(stores.iter().cycle())
        .map(|(append, store)| {
            let store = Arc::clone(store);
            tokio::spawn(async move { put_one(&store, append).await })
        })
        .collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(good(task.await));
    }
    answers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rivals_on_two_stores_have_one_winner() {
    let Some(test) = TestDatabase::new("rivals_on_two_stores_have_one_winner") else { return };
    let stores = two(&test).await;
    for round in 0..20 {
        let answers = at_once(&stores, (0..16).map(|n| says(round * 100 + n, 7, round))).await;
        let mut winners = 0;
        for answer in answers {
            match answer {
                Ok(Appended::Stored(_)) => winners += 1,
                Err(AppendError::Conflict { actual }) => assert_eq!(actual.0, round + 1),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(winners, 1, "in round {round}");
    }
    assert_eq!(assert_whole(&stores[0]).await, whole_log(&stores[1]).await);
    shut_down(stores).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_command_sent_to_two_stores_at_once_is_stored_once() {
    let Some(test) = TestDatabase::new("one_command_sent_to_two_stores_at_once") else { return };
    let stores = two(&test).await;
    for round in 0..20 {
        let answers = at_once(&stores, (0..8).map(|_| says(round, round, 0))).await;
        let first = answers.iter().filter(|answer| matches!(answer, Ok(Appended::Stored(_))));
        assert_eq!(first.count(), 1, "{answers:?}");
        let receipts: Vec<_> = answers.into_iter().map(|answer| good(answer).receipt()).collect();
        assert!(receipts.iter().all(|receipt| *receipt == receipts[0]), "{receipts:?}");
    }
    assert_eq!(assert_whole(&stores[1]).await.len(), 20);
    shut_down(stores).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_stores_that_write_at_once_share_one_dense_order() {
    let Some(test) = TestDatabase::new("two_stores_that_write_at_once") else { return };
    let stores = two(&test).await;
    let answers = at_once(&stores, (0..400).map(|n| says(n, n, 0))).await;
    let mut positions: Vec<_> =
        answers.into_iter().map(|answer| good(answer).receipt().position).collect();
    positions.sort();
    assert!(positions.iter().copied().eq((1..=400).map(Position)));
    let log = assert_whole(&stores[0]).await;
    assert_eq!(log, assert_whole(&stores[1]).await);
    shut_down(stores).await;
}

#[tokio::test]
async fn what_a_store_remembers_is_not_held_against_what_the_other_wrote() {
    let Some(test) = TestDatabase::new("what_a_store_remembers") else { return };
    let stores = two(&test).await;
    let [left, right] = &stores;
    good(put_one(left, says(1, 7, 0)).await);
    good(put_one(right, says(2, 7, 1)).await);
    // The left remembers a stream of one event.
    let late = put_one(left, says(3, 7, 1)).await;
    assert!(matches!(late, Err(AppendError::Conflict { actual: Version(2) })), "{late:?}");
    good(put_one(right, says(4, 7, 2)).await);
    assert_eq!(good(put_one(left, says(5, 7, 3)).await).receipt().version, Version(4));
    // A stream that the right took for new, and a command that it has never seen.
    let late = put_one(right, says(6, 7, 0)).await;
    assert!(matches!(late, Err(AppendError::Conflict { actual: Version(4) })), "{late:?}");
    let answers = right.append(vec![says(7, 8, 0), says(5, 7, 3), says(8, 9, 0)]).await;
    assert!(matches!(answers[0], Ok(Appended::Stored(_))), "{answers:?}");
    assert!(matches!(answers[1], Ok(Appended::AlreadyStored(_))), "{answers:?}");
    assert!(matches!(answers[2], Ok(Appended::Stored(_))), "{answers:?}");
    let mut other = says(5, 7, 3);
    other.fingerprint = crate::store::Fingerprint([8; 32]);
    let reused = put_one(right, other).await;
    assert!(matches!(reused, Err(AppendError::CommandReused)), "{reused:?}");
    assert_eq!(assert_whole(left).await.len(), 6);
    shut_down(stores).await;
}

#[tokio::test]
async fn a_follower_of_one_store_is_woken_by_the_other() {
    let Some(test) = TestDatabase::new("a_follower_of_one_store_is_woken") else { return };
    let stores = two(&test).await;
    let [left, right] = &stores;
    for n in 0..10 {
        let head = good(left.head().await).position;
        let waiting = {
            let left = Arc::clone(left);
            tokio::spawn(async move { left.wait(head).await })
        };
        tokio::task::yield_now().await;
        let position = good(put(right, n).await).receipt().position;
        timeout(Duration::from_secs(5), waiting).await.expect("it is woken").unwrap();
        assert_eq!(good(left.head().await).position, position);
        assert_eq!(good(left.read(head, 10).await).len(), 2);
    }
    shut_down(stores).await;
}
