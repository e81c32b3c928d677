//! What every read store does, on both databases.

use std::sync::Arc;

use events::Position;

use super::{Checkpoint, Commit, Interval, ReadStore, ReadStoreError, TableChanges, Wanted};
use crate::{
    places::{TestPlace, on_both},
    table::Value,
    testing::{LINE, TALLY, THING, dump, line, thing, thing_key},
};

on_both! {
    of_two_writers_at_one_position_one_loses,
    a_batch_with_a_row_that_does_not_fit_changes_nothing,
    a_snapshot_stands_still,
    only_open_rows_are_loaded_each_in_its_place,
    a_closed_store_answers_that_it_is_closed,
    rows_of_the_present_are_put_and_removed,
    a_row_of_another_type_is_a_conflict_that_names_no_value,
    every_value_comes_back_as_it_was,
}

async fn open(place: &TestPlace) -> Arc<dyn ReadStore> {
    place.store(&[&THING, &LINE, &TALLY]).await
}

fn commit(expected: u64, reached: u64, tables: Vec<TableChanges>) -> Commit {
    let reached = Checkpoint { position: Position(reached), ..Checkpoint::default() };
    Commit { expected: Position(expected), reached, tables }
}

fn begins(id: u8, amount: i64, from: u64) -> TableChanges {
    let begun = Interval { row: thing(id, amount), from: Position(from), to: None };
    TableChanges::History { table: &THING, closed: vec![], begun: vec![begun] }
}

async fn of_two_writers_at_one_position_one_loses(place: &TestPlace) {
    let (first, second) = (open(place).await, open(place).await);
    let (one, other) = tokio::join!(
        first.commit(commit(0, 5, vec![begins(1, 1, 5)])),
        second.commit(commit(0, 7, vec![begins(1, 2, 7)])),
    );
    assert!(one.is_ok() != other.is_ok());
    let actual = first.checkpoint().await.unwrap().position;
    for lost in [one, other].into_iter().filter_map(Result::err) {
        match lost {
            ReadStoreError::Fenced { actual: at } => assert_eq!(at, actual),
            // On PostgreSQL the store that was opened last is the one that writes.
            lost => assert!(matches!(lost, ReadStoreError::Superseded), "{lost}"),
        }
    }
    let mut snapshot = first.snapshot().await.unwrap();
    assert_eq!(dump(&mut *snapshot, &THING, Position(9)).await.len(), 1);
}

async fn a_batch_with_a_row_that_does_not_fit_changes_nothing(place: &TestPlace) {
    let store = open(place).await;
    store.commit(commit(0, 1, vec![begins(1, 1, 1)])).await.unwrap();
    let lines = TableChanges::AppendOnly { table: &LINE, rows: vec![line(Position(2), 0, 1)] };
    let twice = commit(1, 2, vec![lines, begins(1, 2, 2)]);
    let refused = store.commit(twice).await.unwrap_err();
    assert!(matches!(refused, ReadStoreError::Conflict { table: "thing", .. }), "{refused}");
    let short = TableChanges::AppendOnly { table: &LINE, rows: vec![[Value::Int(2)].into()] };
    let refused = store.commit(commit(1, 2, vec![short])).await.unwrap_err();
    assert!(matches!(refused, ReadStoreError::Conflict { table: "line", .. }), "{refused}");

    assert_eq!(store.checkpoint().await.unwrap().position, Position(1));
    let mut snapshot = store.snapshot().await.unwrap();
    assert!(dump(&mut *snapshot, &LINE, Position(9)).await.is_empty());
}

async fn a_snapshot_stands_still(place: &TestPlace) {
    let store = open(place).await;
    store.commit(commit(0, 1, vec![begins(1, 1, 1)])).await.unwrap();
    let mut before = store.snapshot().await.unwrap();
    let closed = vec![(thing_key(1).into(), Position(2))];
    let closing = TableChanges::History { table: &THING, closed, begun: vec![] };
    store.commit(commit(1, 2, vec![closing, begins(2, 1, 2)])).await.unwrap();

    assert_eq!(before.position(), Position(1));
    assert_eq!(dump(&mut *before, &THING, Position(9)).await.len(), 1);
    let mut after = store.snapshot().await.unwrap();
    assert_eq!(dump(&mut *after, &THING, Position(9)).await.len(), 2);
    assert_eq!(
        dump(&mut *after, &THING, Position(1)).await,
        dump(&mut *before, &THING, Position(1)).await
    );
}

async fn only_open_rows_are_loaded_each_in_its_place(place: &TestPlace) {
    let store = open(place).await;
    store.commit(commit(0, 1, vec![begins(1, 1, 1)])).await.unwrap();
    let closed = vec![(thing_key(1).into(), Position(2))];
    let closing = TableChanges::History { table: &THING, closed, begun: vec![] };
    store.commit(commit(1, 2, vec![closing, begins(2, 5, 2)])).await.unwrap();
    let keys = [1, 2, 3].map(|id| thing_key(id).into()).to_vec();
    let rows = store.load(vec![Wanted { table: &THING, keys }]).await.unwrap();
    assert_eq!(rows, [vec![None, Some(thing(2, 5)), None]]);
}

async fn a_closed_store_answers_that_it_is_closed(place: &TestPlace) {
    let store = open(place).await;
    store.close().await;
    store.close().await;
    assert!(matches!(store.checkpoint().await, Err(ReadStoreError::Unavailable(_))));
}

async fn rows_of_the_present_are_put_and_removed(place: &TestPlace) {
    let store = open(place).await;
    let tally = |id: i64, count: i64| [Value::Int(id), Value::Int(count)].into();
    let current = |put, removed| TableChanges::Current { table: &TALLY, put, removed };
    let put = vec![tally(1, 1), tally(2, 1), tally(3, 1)];
    store.commit(commit(0, 1, vec![current(put, vec![])])).await.unwrap();
    let removed = vec![[Value::Int(1)].into(), [Value::Int(9)].into()];
    store.commit(commit(1, 2, vec![current(vec![tally(2, 7)], removed)])).await.unwrap();
    let mut snapshot = store.snapshot().await.unwrap();
    let rows = dump(&mut *snapshot, &TALLY, Position(2)).await;
    assert_eq!(rows, [vec![Value::Int(2), Value::Int(7)], vec![Value::Int(3), Value::Int(1)]]);
}

async fn a_row_of_another_type_is_a_conflict_that_names_no_value(place: &TestPlace) {
    let store = open(place).await;
    for row in [
        vec![Value::Int(1), Value::Int(1), Value::Null],
        vec![Value::Int(1), Value::from("secret"), Value::from("x")],
    ] {
        let lines = TableChanges::AppendOnly { table: &LINE, rows: vec![row.into()] };
        let refused = store.commit(commit(0, 1, vec![lines])).await.unwrap_err();
        assert!(matches!(refused, ReadStoreError::Conflict { table: "line", .. }), "{refused}");
        assert!(!refused.to_string().contains("secret"), "{refused}");
    }
    let row = |text: &str| [Value::Int(1), Value::Int(1), Value::from(text)].into();
    let lines = |text| TableChanges::AppendOnly { table: &LINE, rows: vec![row(text)] };
    store.commit(commit(0, 1, vec![lines("secret")])).await.unwrap();
    let refused = store.commit(commit(1, 2, vec![lines("secret")])).await.unwrap_err();
    assert!(matches!(refused, ReadStoreError::Conflict { table: "line", .. }), "{refused}");
    assert!(!refused.to_string().contains("secret"), "{refused}");
}

async fn every_value_comes_back_as_it_was(place: &TestPlace) {
    let store = open(place).await;
    let reached = Checkpoint {
        position: Position(3),
        leaf: Some(events::Leaf([7; 32])),
        zone: Some("America/Sao_Paulo".to_owned()),
    };
    let texts = ["", "a'b\"c\\d", "\u{1F600} Ação \n\t", "{NULL,\"x\"}", "NULL"];
    let rows: Vec<crate::table::Row> = (0_i64..)
        .zip(texts)
        .map(|(number, text)| [Value::Int(i64::MIN), number.into(), text.into()].into())
        .collect();
    let lines = TableChanges::AppendOnly { table: &LINE, rows: rows.clone() };
    let whole = Commit { expected: Position(0), reached: reached.clone(), tables: vec![lines] };
    store.commit(whole).await.unwrap();
    assert_eq!(store.checkpoint().await.unwrap(), reached);
    let keys = rows.iter().map(|row| LINE.key_of(row)).collect();
    let loaded = store.load(vec![Wanted { table: &LINE, keys }]).await.unwrap();
    assert_eq!(loaded, [rows.into_iter().map(Some).collect::<Vec<_>>()]);
}
