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

fn session_id(database: &Database) -> impl Future<Output = Result<i32, sqlx::Error>> {
    database.run(|connection| {
        Box::pin(sqlx::query_scalar("select pg_backend_pid()").fetch_one(connection))
    })
}

#[tokio::test]
async fn a_connection_is_used_again_and_replaced_where_it_died_while_it_was_idle() {
    let Some(test) = TestDatabase::new("a_connection_is_used_again") else { return };
    let server = test.server();
    let (database, other) =
        (Database::new(&server, "public", 1), Database::new(&server, "public", 1));
    let first = session_id(&database).await.unwrap();
    assert_eq!(session_id(&database).await.unwrap(), first);
    let ended = other.run(move |connection| {
        Box::pin(async move {
            let sql = "select pg_terminate_backend($1, 5000)";
            sqlx::query_scalar::<_, bool>(sql).bind(first).fetch_one(connection).await
        })
    });
    assert!(ended.await.unwrap());
    // One that was used just now is trusted: its end is seen by whoever uses it, once.
    if let Ok(next) = session_id(&database).await {
        assert_ne!(next, first);
    }
    assert_ne!(session_id(&database).await.unwrap(), first);
}

#[tokio::test]
async fn everybody_gets_a_turn_and_nobody_after_the_close() {
    let Some(test) = TestDatabase::new("everybody_gets_a_turn") else { return };
    let server = test.server();
    let database = Database::new(&server, "public", 2);
    let mut working = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let database = database.clone();
        working.spawn(async move { session_id(&database).await });
    }
    let mut sessions = std::collections::BTreeSet::new();
    while let Some(done) = working.join_next().await {
        sessions.insert(done.unwrap().unwrap());
    }
    assert!(sessions.len() <= 2, "{sessions:?}");
    let session = Session::begin(&database, "begin").await.unwrap();
    let work = async move {
        let slow = session.run(|connection| {
            Box::pin(async move { connection.execute("select pg_sleep(0.05)").await.map(drop) })
        });
        slow.await.unwrap();
    };
    tokio::join!(work, database.close());
    assert!(matches!(session_id(&database).await, Err(sqlx::Error::PoolClosed)));
    let watcher = Database::new(&server, "public", 1);
    let left = watcher.run(|connection| {
        Box::pin(async move {
            let sql = "select count(*) from pg_stat_activity where pid = any ($1)";
            let sessions: Vec<i32> = sessions.into_iter().collect();
            sqlx::query_scalar::<_, i64>(sql).bind(sessions).fetch_one(connection).await
        })
    });
    assert_eq!(left.await.unwrap(), 0);
}
