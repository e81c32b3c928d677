//! That the thorough check finds nothing where nothing is wrong, and each thing that is.

use super::{
    PostgresStore,
    testing::{append, meddle, open},
};
use crate::{
    postgres::Server,
    store::{
        EventFeed as _,
        changes::{self, AT_THE_END, CHANGES, CUT, audited, filled},
    },
    testing::TestDatabase,
};

async fn fill(server: &Server) -> PostgresStore {
    let store = open(server).await.unwrap();
    changes::fill(&store).await;
    store
}

#[tokio::test]
async fn whatever_is_changed_is_found_and_told_by_its_kind() {
    let Some(test) = TestDatabase::new("whatever_is_changed_is_found_and_told") else { return };
    let server = test.server();
    let store = fill(&server).await;
    assert_eq!(audited(&store).await, filled());
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
    assert_eq!(audited(&store).await, filled());
    store.shutdown().await;
}

#[tokio::test]
async fn a_damaged_stream_stops_and_the_others_go_on() {
    let Some(test) = TestDatabase::new("a_damaged_stream_stops") else { return };
    let server = test.server();
    fill(&server).await.shutdown().await;
    meddle(&server, CUT).await;
    let store = open(&server).await.unwrap();
    changes::a_damaged_stream_stops_and_the_others_go_on(&store).await;
    let places: Vec<_> = store.damage().into_iter().map(|damage| damage.place).collect();
    assert_eq!(places, [append(2, &[]).stream.to_string()]);
    store.shutdown().await;
}

#[tokio::test]
async fn a_start_looks_at_the_end_of_the_log() {
    let Some(test) = TestDatabase::new("a_start_looks_at_the_end_of_the_log") else { return };
    let server = test.server();
    fill(&server).await.shutdown().await;
    for (sql, place) in AT_THE_END {
        meddle(&server, sql).await;
        let store = open(&server).await.unwrap();
        let damage = store.damage();
        assert!(damage.iter().any(|damage| damage.place == place), "{sql}: {damage:?}");
        store.shutdown().await;
    }
}
