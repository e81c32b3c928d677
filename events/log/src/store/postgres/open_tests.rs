//! What a store opens, what it makes, and what it refuses without having written anything.

use events::ids::LogId;
use uuid::Uuid;

use super::{
    PostgresOptions, PostgresStore,
    testing::{meddle, open, options, put, session, whole_log},
};
use crate::{
    postgres::{Lease, PostgresError, Server},
    store::{StreamReader as _, contract::good},
    testing::TestDatabase,
};

/// Asserts that the log is refused for a reason that says so, and that nothing was written.
async fn assert_refused(server: &Server, options: PostgresOptions, words: &str) {
    let before = contents(server).await;
    match PostgresStore::open(server, options).await {
        Err(PostgresError::Refused { why, .. }) => assert!(why.contains(words), "{why}"),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was opened, though: {words}"),
    }
    assert_eq!(contents(server).await, before);
}

/// Every schema, table and function that is not the server's own.
async fn contents(server: &Server) -> Vec<String> {
    let sql = "select nspname::text from pg_namespace \
        union all select oid::regclass::text from pg_class where relnamespace::regnamespace::text \
            not in ('pg_catalog', 'information_schema', 'pg_toast') \
        union all select oid::regprocedure::text from pg_proc where pronamespace::regnamespace::text \
            not in ('pg_catalog', 'information_schema') order by 1";
    sqlx::query_scalar(sql).fetch_all(&mut session(server).await).await.unwrap()
}

#[tokio::test]
async fn a_missing_log_is_made_only_where_it_may() {
    let Some(test) = TestDatabase::new("a_missing_log_is_made_only_where_it_may") else { return };
    let server = test.server();
    let existing = PostgresOptions { may_create: false, ..options() };
    assert_refused(&server, existing.clone(), "there is no event log").await;
    open(&server).await.unwrap().shutdown().await;
    let other = PostgresOptions { log_id: LogId(Uuid::from_u128(9)), ..existing };
    let store = PostgresStore::open(&server, other).await.unwrap();
    assert_eq!(store.log_id(), options().log_id, "a log that is there keeps its id");
    store.shutdown().await;
}

#[tokio::test]
async fn a_schema_that_was_made_for_us_is_used() {
    let Some(test) = TestDatabase::new("a_schema_that_was_made_for_us_is_used") else { return };
    meddle(&test.server(), "create schema annals").await;
    let store = open(&test.server()).await.unwrap();
    good(put(&store, 1).await);
    assert_eq!(whole_log(&store).await.len(), 2);
    store.shutdown().await;
}

#[tokio::test]
async fn many_that_open_an_empty_database_at_once_share_one_log() {
    let Some(test) = TestDatabase::new("many_that_open_an_empty_database_at_once") else { return };
    let tasks: Vec<_> = (0..6)
        .map(|n| {
            let options =
                PostgresOptions { log_id: LogId(Uuid::from_u128(n)), connections: 2, ..options() };
            let server = test.server();
            tokio::spawn(async move { PostgresStore::open(&server, options).await.unwrap() })
        })
        .collect();
    let mut stores = Vec::new();
    for task in tasks {
        stores.push(task.await.unwrap());
    }
    for (n, store) in (0..).zip(&stores) {
        assert_eq!(store.log_id(), stores[0].log_id());
        good(put(store, n).await);
    }
    for store in &stores {
        assert_eq!(whole_log(store).await.len(), 2 * stores.len());
        store.shutdown().await;
    }
}

#[tokio::test]
async fn a_schema_of_somebody_else_is_refused() {
    let Some(test) = TestDatabase::new("a_schema_of_somebody_else_is_refused") else { return };
    let server = test.server();
    meddle(&server, "create schema annals; create table annals.events (n bigint)").await;
    assert_refused(&server, options(), "is no event log of this product").await;
    meddle(&server, "create table annals.meta (name text, value text)").await;
    assert_refused(&server, options(), "is no event log of this product").await;
}

#[tokio::test]
async fn a_newer_format_is_refused() {
    let Some(test) = TestDatabase::new("a_newer_format_is_refused") else { return };
    let server = test.server();
    open(&server).await.unwrap().shutdown().await;
    meddle(&server, "update annals.meta set value = '3' where name = 'format'").await;
    assert_refused(&server, options(), "has format 3; this build knows up to 2").await;
}

#[tokio::test]
async fn a_head_that_is_not_where_the_tables_end_is_refused() {
    let Some(test) = TestDatabase::new("a_head_that_is_not_where_the_tables_end") else { return };
    let server = test.server();
    let store = open(&server).await.unwrap();
    good(put(&store, 1).await);
    store.shutdown().await;
    meddle(&server, "update annals.log_head set position = 1").await;
    assert_refused(&server, options(), "its head is not where its tables end").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_opened_while_others_write_to_it() {
    let Some(test) = TestDatabase::new("a_log_is_opened_while_others_write_to_it") else { return };
    let writing = open(&test.server()).await.unwrap();
    let (enough, mut told) = tokio::sync::watch::channel(false);
    let writer = tokio::spawn(async move {
        let mut written = 0;
        while !*told.borrow_and_update() {
            good(put(&writing, written).await);
            written += 1;
        }
        writing.shutdown().await;
        written
    });
    for _ in 0..50 {
        open(&test.server()).await.unwrap().shutdown().await;
    }
    enough.send_replace(true);
    assert!(writer.await.unwrap() > 50, "nobody wrote meanwhile");
}

#[tokio::test]
async fn a_database_that_would_lose_what_it_acknowledged_is_refused() {
    let Some(test) = TestDatabase::new("a_database_that_would_lose_what_it_acked") else { return };
    let server = test.server();
    let sql = "do $$ begin execute format('alter database %I set synchronous_commit = off', \
               current_database()); end $$";
    meddle(&server, sql).await;
    assert_refused(&server, options(), "synchronous_commit is off").await;
}

#[tokio::test]
async fn leases_are_taken_beside_the_log() {
    let Some(test) = TestDatabase::new("leases_are_taken_beside_the_log") else { return };
    let store = open(&test.server()).await.unwrap();
    let [mine, yours] =
        [1, 2].map(|n| Lease::new(store.database().clone(), "relay", Uuid::from_u128(n)));
    assert!(mine.hold().await.unwrap());
    assert!(!yours.hold().await.unwrap());
    store.shutdown().await;
}
