//! A log of an older build in a database: one process carries it over, wherever it is killed another
//! goes on, and a command service of the older build can no longer append.

use std::{
    env,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use events::envelope::Position;
use sqlx::{AssertSqlSafe, Executor as _, Row as _};

use super::{
    PostgresOptions, PostgresStore,
    testing::{assert_whole, meddle, open, options, put, session},
};
use crate::{
    postgres::{PostgresError, Server, Wire},
    store::{EventStore as _, contract::good, testing::attempts},
    testing::{TestDatabase, told},
};

/// Where a child process finds the log that it shall carry over.
const CHILD: &str = "ANNALS_CARRIED_BY_A_CHILD";
/// At which step it shall die.
const DIES_AT: &str = "ANNALS_CHILD_DIES_AT";

const TABLES: [&str; 7] =
    ["meta", "log_head", "streams", "events", "commands", "attempts", "process_checkpoints"];

/// More of it than fits into one step of any table.
async fn fill(store: &PostgresStore) {
    for n in 1..=12 {
        good(put(store, n).await);
    }
    good(store.record_attempts(attempts(20)).await);
    good(store.save_checkpoint("reactions", Position(7)).await);
}

/// Every row of every table.
async fn contents(server: &Server) -> Vec<String> {
    let mut session = session(server).await;
    let mut all = Vec::new();
    for table in TABLES {
        let sql = format!("select to_jsonb({table})::text from {table} order by 1");
        for row in session.fetch_all(AssertSqlSafe(sql)).await.unwrap() {
            all.push(format!("{table}: {}", row.get::<String, _>(0)));
        }
    }
    all
}

/// Makes of the log in a database what the first format had.
async fn lower(server: &Server) {
    let tables = include_str!("tables.sql");
    let begin = tables.find("create function append(").unwrap();
    let end = tables.find("-- The last position up to").unwrap();
    let mut session = session(server).await;
    session
        .execute(
            "alter table events drop column before_position, drop column before_leaf; \
             alter table commands drop column checksum; \
             alter table attempts drop column token, drop column count, drop column checksum; \
             alter table process_checkpoints drop column checksum; \
             drop function append_2; \
             update meta set value = '1' where name = 'format'",
        )
        .await
        .unwrap();
    session.execute(&tables[begin..end]).await.unwrap();
}

/// A log of the first format, and what it shall hold when it is carried over.
async fn old_log(test: &TestDatabase) -> Vec<String> {
    let store = open(&test.server()).await.unwrap();
    fill(&store).await;
    store.shutdown().await;
    let expected = contents(&test.server()).await;
    lower(&test.server()).await;
    expected
}

#[tokio::test]
async fn a_log_of_an_older_format_is_carried_over_and_nothing_else_changes() {
    let Some(test) = TestDatabase::new("a_log_of_an_older_format_is_carried_over") else { return };
    let expected = old_log(&test).await;
    let existing = PostgresOptions { may_create: false, ..options() };
    let store = PostgresStore::open(&test.server(), existing).await.unwrap();
    assert_eq!(contents(&test.server()).await, expected);
    assert_eq!(assert_whole(&store).await.len(), 24);
    good(put(&store, 500).await);
    store.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_that_start_at_once_one_carries_and_all_open_the_same_log() {
    let Some(test) = TestDatabase::new("of_many_that_start_at_once_one_carries") else { return };
    let expected = old_log(&test).await;
    let carriers = Arc::new(AtomicUsize::new(0));
    let mut opening = tokio::task::JoinSet::new();
    for _ in 0..5 {
        let carriers = Arc::clone(&carriers);
        let hear = Arc::new(move |carried: &crate::store::ladder::Carried| {
            let begins = carried.what == "events" && carried.done == 0;
            carriers.fetch_add(usize::from(begins), Ordering::SeqCst);
        });
        let (server, options) = (test.server(), PostgresOptions { hear, ..options() });
        opening.spawn(async move { PostgresStore::open(&server, options).await.unwrap() });
    }
    for store in opening.join_all().await {
        assert_eq!(store.ledger_page(None, 100).await.unwrap().len(), 12);
        store.shutdown().await;
    }
    assert_eq!(carriers.load(Ordering::SeqCst), 1);
    assert_eq!(contents(&test.server()).await, expected);
}

#[tokio::test]
async fn a_child_carries_a_log_until_it_dies() {
    let Some(url) = told(CHILD) else { return };
    let dies_at: usize = told(DIES_AT).unwrap().parse().unwrap();
    let steps = AtomicUsize::new(0);
    let hear = Arc::new(move |carried: &crate::store::ladder::Carried| {
        // The session of the one that died before may need a moment to end.
        let is_step = carried.total > 0;
        if is_step && steps.fetch_add(1, Ordering::SeqCst) == dies_at {
            std::process::abort();
        }
    });
    let server = Server::parse(&url, Wire::Tls).unwrap();
    let store = PostgresStore::open(&server, PostgresOptions { hear, ..options() }).await;
    store.unwrap().shutdown().await;
}

#[tokio::test]
async fn a_carrying_that_is_killed_at_any_step_is_taken_up_by_the_next_process() {
    let Some(test) = TestDatabase::new("a_carrying_that_is_killed_at_any_step") else { return };
    let expected = old_log(&test).await;
    let mut deaths = 0;
    loop {
        // Each child does one step more than the one before it found done.
        let child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "store::postgres::carrying::a_child_carries_a_log_until_it_dies"])
            .env(CHILD, test.url())
            .env(DIES_AT, "1")
            .output()
            .unwrap();
        if child.status.success() {
            break;
        }
        let mut session = session(&test.server()).await;
        let format = session.fetch_one("select value from meta where name = 'format'").await;
        assert_eq!(format.unwrap().get::<String, _>(0), "2", "an older build would write to it");
        deaths += 1;
    }
    assert!(deaths > 6, "{deaths}");
    assert_eq!(contents(&test.server()).await, expected);
    let store = open(&test.server()).await.unwrap();
    assert_whole(&store).await;
    store.shutdown().await;
}

#[tokio::test]
async fn a_running_command_service_of_an_older_build_cannot_append_once_it_has_begun() {
    let Some(test) = TestDatabase::new("a_running_command_service_of_an_older_build") else {
        return;
    };
    let expected = old_log(&test).await;
    let mut older = session(&test.server()).await;
    older.execute("set plan_cache_mode = force_generic_plan").await.unwrap();
    // What the build before says, prepared as it is there; it finds the head elsewhere.
    let numbers = "'{}'::uuid[], $1, 0, 0, 1, 1, 1, 1, 1";
    let rest = [
        "bigint", "bigint", "uuid", "text", "bigint", "bigint", "bigint", "bigint", "bigint",
        "bigint", "integer", "uuid", "uuid", "uuid", "uuid", "uuid", "uuid", "text", "text",
        "text", "bytea", "bytea", "bytea", "uuid", "bigint", "bigint", "bigint", "integer", "uuid",
        "text", "bytea", "bigint", "text", "uuid", "uuid", "text", "text", "uuid", "text", "text",
        "bigint",
    ];
    let rest: Vec<String> = rest.iter().map(|kind| format!("'{{}}'::{kind}[]")).collect();
    let append = format!("select append({numbers}, {})", rest.join(", "));
    for _ in 0..3 {
        let answer = sqlx::query_scalar::<_, String>(AssertSqlSafe(append.clone())).bind(5_i64);
        assert_eq!(answer.fetch_one(&mut older).await.unwrap(), "stale");
    }
    let store = open(&test.server()).await.unwrap();
    let answer = sqlx::query_scalar::<_, String>(AssertSqlSafe(append)).bind(5_i64);
    let refused = answer.fetch_one(&mut older).await.unwrap_err();
    let code = refused.as_database_error().and_then(|error| error.code().map(String::from));
    assert_eq!(code.as_deref(), Some("42883"), "{refused}");
    assert_eq!(contents(&test.server()).await, expected);
    store.shutdown().await;
}

#[tokio::test]
async fn a_place_that_is_none_is_refused() {
    let Some(test) = TestDatabase::new("a_place_that_is_none_is_refused") else { return };
    let server = test.server();
    open(&server).await.unwrap().shutdown().await;
    meddle(&server, "insert into annals.meta values ('carry', 'nowhere')").await;
    let refused = open(&server).await.err().expect("it was opened");
    let PostgresError::Refused { why, .. } = refused else { panic!("{refused}") };
    assert!(why.contains("is no place"), "{why}");
}
