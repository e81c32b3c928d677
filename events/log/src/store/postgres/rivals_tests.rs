//! Two stores on one database, as in two processes: one order, one winner, one truth.

use std::{sync::Arc, time::Duration};

use events::envelope::{Position, Version};
use tokio::time::timeout;

use super::{
    PostgresStore,
    testing::{append, assert_whole, meddle, open, put, session, whole_log},
};
use crate::{
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

/// Lets `append` lose as many races as `races` has rows, and writes down of every other call
/// whether its transaction had locked something before.
const LOSING: &str = "
    create table races (n serial primary key);
    create table calls (was_locked boolean not null);
    do $do$ declare types text; names text; begin
        select pg_get_function_identity_arguments(oid), array_to_string(proargnames, ', ')
            into types, names from pg_proc where proname = 'append_2';
        alter function append_2 rename to append_really;
        execute format('create function append_2(%s) returns text language plpgsql as $f$ begin
            delete from races where n = (select min(n) from races);
            if found then
                update log_head set turn = turn + 1;
                return ''stale'';
            end if;
            insert into calls select pg_current_xact_id_if_assigned() is not null;
            return append_really(%s);
        end $f$', types, names);
    end $do$";

#[tokio::test]
async fn who_keeps_losing_the_race_locks_the_head() {
    let Some(test) = TestDatabase::new("who_keeps_losing_the_race") else { return };
    let store = open(&test.server()).await.unwrap();
    meddle(&test.server(), LOSING).await;
    let mut watcher = session(&test.server()).await;
    for (n, races) in [(1, 0), (2, 1), (3, 2), (4, 3), (5, 0)] {
        let lost = format!("insert into races select generate_series(1, {races})");
        meddle(&test.server(), &lost).await;
        assert_eq!(good(put(&store, n).await).receipt().position, Position(2 * n));
        let left: i64 =
            sqlx::query_scalar("select count(*) from races").fetch_one(&mut watcher).await.unwrap();
        assert_eq!(left, 0);
        let repeated = good(put(&store, n).await);
        assert!(matches!(repeated, Appended::AlreadyStored(_)), "{repeated:?}");
    }
    let locked: Vec<bool> =
        sqlx::query_scalar("select was_locked from calls").fetch_all(&mut watcher).await.unwrap();
    // Each stored command, and each repeat, which is first taken for new.
    assert_eq!(locked.iter().filter(|locked| **locked).count(), 1, "{locked:?}");
    meddle(&test.server(), "insert into races select generate_series(1, 3)").await;
    let answers = store.append(vec![says(9, 1, 7), says(10, 1, 2)]).await;
    assert!(matches!(answers[0], Err(AppendError::Conflict { actual: Version(2) })), "{answers:?}");
    assert_eq!(good(answers[1].clone()).receipt().position, Position(11));
    assert_eq!(assert_whole(&store).await.len(), 11);
    store.shutdown().await;
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
