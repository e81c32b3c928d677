//! Callers that go away leave no transaction behind: what goes wrong with a bare `begin` of sqlx 0.9
//! (transact-rs/sqlx#4385) cannot happen here.

use std::{future::Future, time::Duration};

use sqlx::Executor;
use tokio::time::Instant;

use super::Database;
use crate::{
    postgres::{Server, Session},
    testing::TestDatabase,
};

const MOMENT: Duration = Duration::from_micros(200);

/// Polls a future so many times, then drops it.
async fn drop_after(polls: u32, future: impl Future) {
    let mut future = std::pin::pin!(future);
    for _ in 0..polls {
        let once = std::future::poll_fn(|context| {
            std::task::Poll::Ready(future.as_mut().poll(context).is_ready())
        });
        if once.await {
            return;
        }
        // The work itself runs elsewhere: it gets some way in between.
        tokio::time::interval_at(Instant::now() + MOMENT, MOMENT).tick().await;
    }
}

/// How many sessions of this database sit in a transaction without doing anything.
async fn idle_in_transaction(server: &Server) -> i64 {
    let watcher = Database::new(server, "public", 1);
    let count = watcher.run(|connection| {
        Box::pin(async move {
            let sql = "select count(*) from pg_stat_activity where datname = current_database() \
                       and state like 'idle in transaction%'";
            sqlx::query_scalar(sql).fetch_one(connection).await
        })
    });
    let count = count.await.unwrap();
    watcher.close().await;
    count
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_no_transaction_behind() {
    let Some(test) = TestDatabase::new("a_caller_that_goes_away") else { return };
    let server = test.server();
    let database = Database::new(&server, "public", 1);
    database
        .run(|connection| {
            Box::pin(async move { connection.execute("create table t (n bigint)").await })
        })
        .await
        .unwrap();
    for polls in 0..12 {
        drop_after(polls, Session::begin(&database, "begin isolation level repeatable read")).await;
        drop_after(
            polls,
            database.transaction("begin", |connection| {
                Box::pin(async move { connection.execute("insert into t values (1)").await })
            }),
        )
        .await;
        let session = Session::begin(&database, "begin").await.unwrap();
        let slow = session.run(|connection| {
            Box::pin(async move { connection.execute("select pg_sleep(0.002)").await })
        });
        drop_after(polls, slow).await;
        drop(session);
        // The only connection is free again, and in no transaction: this would be lost in one.
        let written = database.run(|connection| {
            Box::pin(async move {
                connection.execute("insert into t values (2)").await?;
                sqlx::query_scalar::<_, bool>("select pg_current_xact_id_if_assigned() is null")
                    .fetch_one(connection)
                    .await
            })
        });
        assert!(written.await.unwrap(), "the connection is inside somebody's transaction");
    }
    let count = database.run(|connection| {
        Box::pin(async move {
            sqlx::query_scalar::<_, i64>("select count(*) from t where n = 2")
                .fetch_one(connection)
                .await
        })
    });
    assert_eq!(count.await.unwrap(), 12);
    assert_eq!(idle_in_transaction(&server).await, 0);
}

#[tokio::test]
async fn work_that_fails_is_rolled_back_and_the_connection_goes_on() {
    let Some(test) = TestDatabase::new("work_that_fails") else { return };
    let database = Database::new(&test.server(), "public", 1);
    let failed: Result<(), _> = database
        .transaction("begin", |connection| {
            Box::pin(async move {
                connection.execute("create table gone (n bigint)").await?;
                connection.execute("select 1 / 0").await.map(drop)
            })
        })
        .await;
    assert!(matches!(failed, Err(sqlx::Error::Database(_))));
    let panicked: Result<(), _> =
        database.run(|_| Box::pin(async { panic!("a mistake of ours") })).await;
    assert!(matches!(panicked, Err(sqlx::Error::WorkerCrashed)));
    let there = database.run(|connection| {
        Box::pin(async move {
            sqlx::query_scalar::<_, bool>("select to_regclass('gone') is not null")
                .fetch_one(connection)
                .await
        })
    });
    assert!(!there.await.unwrap());
}
