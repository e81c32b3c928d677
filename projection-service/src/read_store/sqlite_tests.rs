//! The SQLite read store by itself.

use std::path::Path;

use events::Position;

use super::SqliteReadStore;
use crate::{
    read_store::{Checkpoint, Commit, Interval, ReadStore, ReadStoreError, TableChanges, Wanted},
    table::Value,
    testing::{LINE, THING, dump, line, thing, thing_key},
};

fn open(folder: &Path) -> SqliteReadStore {
    SqliteReadStore::open(&folder.join("read.db"), &[&THING, &LINE]).unwrap()
}

fn commit(expected: u64, reached: u64, tables: Vec<TableChanges>) -> Commit {
    let reached = Checkpoint { position: Position(reached), ..Checkpoint::default() };
    Commit { expected: Position(expected), reached, tables }
}

fn begins(id: u8, amount: i64, from: u64) -> TableChanges {
    let begun = Interval { row: thing(id, amount), from: Position(from), to: None };
    TableChanges::History { table: &THING, closed: vec![], begun: vec![begun] }
}

#[tokio::test]
async fn of_two_writers_at_one_position_one_loses() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (open(folder.path()), open(folder.path()));
    let (one, other) = tokio::join!(
        first.commit(commit(0, 5, vec![begins(1, 1, 5)])),
        second.commit(commit(0, 7, vec![begins(1, 2, 7)])),
    );
    assert!(one.is_ok() != other.is_ok());
    let actual = first.checkpoint().await.unwrap().position;
    for lost in [one, other].into_iter().filter_map(Result::err) {
        assert!(matches!(lost, ReadStoreError::Fenced { actual: at } if at == actual));
    }
    let mut snapshot = first.snapshot().await.unwrap();
    assert_eq!(dump(&mut *snapshot, &THING, Position(9)).await.len(), 1);
}

#[tokio::test]
async fn a_batch_with_a_row_that_does_not_fit_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
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

#[tokio::test]
async fn a_snapshot_stands_still() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
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

#[tokio::test]
async fn only_open_rows_are_loaded_each_in_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.commit(commit(0, 1, vec![begins(1, 1, 1)])).await.unwrap();
    let closed = vec![(thing_key(1).into(), Position(2))];
    let closing = TableChanges::History { table: &THING, closed, begun: vec![] };
    store.commit(commit(1, 2, vec![closing, begins(2, 5, 2)])).await.unwrap();
    let keys = [1, 2, 3].map(|id| thing_key(id).into()).to_vec();
    let rows = store.load(vec![Wanted { table: &THING, keys }]).await.unwrap();
    assert_eq!(rows, [vec![None, Some(thing(2, 5)), None]]);
}

#[tokio::test]
async fn a_closed_store_answers_that_it_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.close().await;
    store.close().await;
    assert!(matches!(store.checkpoint().await, Err(ReadStoreError::Unavailable(_))));
}
