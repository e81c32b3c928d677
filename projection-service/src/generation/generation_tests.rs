//! The register of generations, in a folder and in a database.

use events::ids::{LogId, derived};
use events_log::postgres::{Database, PostgresError, READ_SCHEMA, Server};
use sqlx::Executor;

use super::{Register, State};
use crate::{
    follow::Progress,
    places::{TestPlace, on_both, on_postgres, on_sqlite},
    read_side::OpenError,
    read_store::ReadStoreError,
    testing::{THING, log_id},
};

on_both! {
    a_number_is_never_used_twice,
    one_generation_is_live_and_a_switch_is_whole,
    the_rows_go_with_their_generation,
}

async fn open(place: &TestPlace) -> Register {
    Register::open(&place.place(), log_id()).await.unwrap()
}

async fn numbers(register: &Register, state: State) -> Vec<u32> {
    register.list(state).await.unwrap().into_iter().map(|entry| entry.number).collect()
}

async fn a_number_is_never_used_twice(place: &TestPlace) {
    let register = open(place).await;
    for number in 1..=3 {
        assert_eq!(register.begin("a").await.unwrap(), number);
        register.delete(number).await.unwrap();
    }
    drop(register);
    let register = open(place).await;
    assert_eq!(register.begin("b").await.unwrap(), 4);
    assert_eq!(register.list(State::Building).await.unwrap()[0].shape, "b");
}

async fn one_generation_is_live_and_a_switch_is_whole(place: &TestPlace) {
    let register = open(place).await;
    for number in 1..=3 {
        register.begin("a").await.unwrap();
        let retired = register.switch_to(number).await.unwrap();
        assert_eq!(retired, (number > 1).then(|| number - 1));
        assert_eq!(numbers(&register, State::Live).await, [number]);
    }
    assert_eq!(numbers(&register, State::Retired).await, [1, 2]);
    let retired = register.list(State::Retired).await.unwrap();
    assert!(retired.iter().all(|entry| entry.kept_for <= register.grace()));
}

async fn the_rows_go_with_their_generation(place: &TestPlace) {
    let register = open(place).await;
    for number in 1..=2 {
        register.begin("a").await.unwrap();
        register.store(number, &[&THING]).await.unwrap().close().await;
    }
    assert_eq!(place.generations().await, [1, 2]);
    register.delete(1).await.unwrap();
    assert_eq!(place.generations().await, [2]);
    register.delete(1).await.unwrap();
    assert_eq!(numbers(&register, State::Building).await, [2]);
}

#[test]
fn whoever_opened_the_register_before_may_not_write_any_more() {
    on_postgres("whoever_opened_the_register_before", may_not_write_any_more);
}

async fn may_not_write_any_more(place: &TestPlace) {
    let first = open(place).await;
    first.begin("a").await.unwrap();
    first.switch_to(1).await.unwrap();
    let second = open(place).await;
    let refused = [
        first.begin("a").await.err(),
        first.switch_to(1).await.err(),
        first.delete(1).await.err(),
        first.publish(&Progress::default()).await.err(),
    ];
    for refused in refused {
        assert!(matches!(refused, Some(ReadStoreError::Superseded)), "{refused:?}");
    }
    assert_eq!(numbers(&second, State::Live).await, [1]);
    assert_eq!(second.begin("a").await.unwrap(), 2);
}

/// Everything that is in the schema of the register.
async fn contents(server: &Server) -> Vec<String> {
    let database = Database::new(server, READ_SCHEMA, 1);
    let read = database.run(|connection| {
        Box::pin(async move {
            let sql = "select row_to_json(i)::text from installation i union all \
                 select row_to_json(g)::text from generation g union all \
                 select row_to_json(s)::text from status s";
            sqlx::query_scalar(sql).fetch_all(connection).await
        })
    });
    read.await.unwrap()
}

#[test]
fn read_models_of_another_log_or_a_later_build_are_refused_untouched() {
    on_postgres("read_models_of_another_log", are_refused_untouched);
}

async fn are_refused_untouched(test: &TestPlace) {
    let (place, server) = (test.place(), test.server());
    Register::open(&place, log_id()).await.unwrap();
    let before = contents(&server).await;
    let refused = Register::open(&place, LogId(derived("another"))).await.err().unwrap();
    assert!(matches!(refused, OpenError::Postgres(PostgresError::Refused { .. })), "{refused}");
    assert!(refused.to_string().contains(&log_id().to_string()), "{refused}");
    assert_eq!(contents(&server).await, before);

    let database = Database::new(&server, READ_SCHEMA, 1);
    let newer = database
        .run(|connection| Box::pin(connection.execute("update installation set format = 2")));
    newer.await.unwrap();
    let refused = Register::open(&place, log_id()).await.err().unwrap();
    assert!(refused.to_string().contains("format 2"), "{refused}");
}

#[test]
fn several_processes_may_make_the_register_at_once() {
    on_postgres("several_processes_may_make", make_the_register_at_once);
}

async fn make_the_register_at_once(place: &TestPlace) {
    let (one, two, three) = tokio::join!(open(place), open(place), open(place));
    let mut written = Vec::new();
    for register in [one, two, three] {
        written.push(register.begin("a").await.is_ok());
    }
    assert_eq!(written.into_iter().filter(|written| *written).count(), 1);
}

#[test]
fn a_damaged_register_is_made_anew_and_no_file_stays_that_it_does_not_know() {
    on_sqlite(async |place: &TestPlace| {
        let TestPlace::Folder(folder) = place else { unreachable!("it is for files") };
        let register = open(place).await;
        register.begin("a").await.unwrap();
        register.store(1, &[&THING]).await.unwrap().close().await;
        drop(register);
        let file = folder.path().join("read.db");
        let mut bytes = std::fs::read(&file).unwrap();
        bytes[..16].fill(0);
        std::fs::write(&file, bytes).unwrap();
        let register = open(place).await;
        assert!(numbers(&register, State::Building).await.is_empty());
        assert!(place.generations().await.is_empty());
    });
}
