//! That the thorough check finds nothing where nothing is wrong, and each thing that is.

use std::sync::Arc;

use super::{
    PostgresStore,
    testing::{append, meddle, open, put, session},
};
use crate::{
    envelope::{Position, Version},
    postgres::Server,
    store::{
        EventFeed as _, EventStore as _, StoreError, StreamReader as _,
        audit::{Audit as _, Audited},
        changes::CHANGES,
        contract::good,
        testing::attempts,
    },
    testing::TestDatabase,
};

async fn filled(server: &Server) -> PostgresStore {
    let store = open(server).await.unwrap();
    for n in 1..=4 {
        good(put(&store, n).await);
    }
    good(store.append(vec![append(90, &[])]).await.remove(0));
    good(store.record_attempts(attempts(3)).await);
    good(store.save_checkpoint("processes", Position(7)).await);
    store
}

async fn audited(store: &PostgresStore) -> Audited {
    good(store.audit(Arc::new(|_, _, _| {})).await)
}

#[tokio::test]
async fn whatever_is_changed_is_found_and_told_by_its_kind() {
    let Some(test) = TestDatabase::new("whatever_is_changed_is_found_and_told") else { return };
    let server = test.server();
    let store = filled(&server).await;
    let expected = Audited { streams: 5, commands: 5, attempts: 3, ..Audited::default() };
    assert_eq!(audited(&store).await, expected);
    let tables = ["events", "streams", "commands", "attempts", "process_checkpoints", "log_head"];
    for table in tables {
        meddle(&server, &format!("create table annals.kept_{table} as table annals.{table}")).await;
    }
    for (sql, kind) in CHANGES {
        meddle(&server, sql).await;
        let found = audited(&store).await.found;
        assert!(found.contains_key(kind), "{sql}: {found:?}");
        for table in tables {
            let back = format!(
                "delete from annals.{table}; \
                 insert into annals.{table} select * from annals.kept_{table}"
            );
            for statement in back.split(';') {
                meddle(&server, statement).await;
            }
        }
    }
    assert_eq!(audited(&store).await, expected);
    store.shutdown().await;
}

#[tokio::test]
async fn a_damaged_stream_stops_and_the_others_go_on() {
    let Some(test) = TestDatabase::new("a_damaged_stream_stops") else { return };
    let server = test.server();
    filled(&server).await.shutdown().await;
    meddle(&server, "update streams set version = 1 where stream_key = 2").await;
    let store = open(&server).await.unwrap();
    let damaged = append(2, &[]).stream;
    let read = store.read_stream(damaged, Version::NONE, 10).await;
    let Err(StoreError::Damaged(what)) = read else { panic!("{read:?}") };
    assert!(what.contains(&damaged.to_string()), "{what}");
    assert_eq!(good(store.read_stream(append(3, &[]).stream, Version::NONE, 10).await).len(), 2);
    let mut more = append(200, &["more"]);
    (more.stream, more.expected) = (damaged, Version(1));
    let mut other = append(201, &["more"]);
    (other.stream, other.expected) = (append(3, &[]).stream, Version(2));
    let answers = store.append(vec![more, other]).await;
    assert!(answers[0].is_err(), "{answers:?}");
    assert!(answers[1].is_ok(), "{answers:?}");
    let places: Vec<_> = store.damage().into_iter().map(|damage| damage.place).collect();
    assert_eq!(places, [damaged.to_string()]);
    store.shutdown().await;
}

#[tokio::test]
async fn a_start_looks_at_the_end_of_the_log() {
    let Some(test) = TestDatabase::new("a_start_looks_at_the_end_of_the_log") else { return };
    let server = test.server();
    filled(&server).await.shutdown().await;
    let zero = "decode(repeat('00', 32), 'hex')";
    let changes = [
        (format!("update events set leaf = {zero} where position = 8"), "log"),
        ("update events set before_position = 1 where position = 8".to_owned(), "links"),
        ("update commands set events = 1 where position = 8".to_owned(), "ledger"),
        ("update attempts set count = 9 where number = 3".to_owned(), "attempts"),
        ("update process_checkpoints set position = 8".to_owned(), "checkpoints"),
    ];
    for (sql, place) in changes {
        meddle(&server, &sql).await;
        let store = open(&server).await.unwrap();
        let damage = store.damage();
        assert!(damage.iter().any(|damage| damage.place == place), "{sql}: {damage:?}");
        store.shutdown().await;
    }
    drop(session(&server).await);
}
