//! A file that lacks a part of its schema is told from a new one.

use rusqlite::Connection;

use super::make_or_check;
use crate::{
    read_store::{ReadStoreError, ddl},
    testing::{LINE, THING},
};

fn made() -> Connection {
    let mut connection = Connection::open_in_memory().unwrap();
    make_or_check(&mut connection, &[&THING, &LINE]).unwrap();
    connection
}

fn is_refused_after(damage: &str) {
    let mut connection = made();
    connection.execute_batch(damage).unwrap();
    let found = make_or_check(&mut connection, &[&THING, &LINE]);
    assert!(matches!(found, Err(ReadStoreError::Damaged(_))), "{damage}: {found:?}");
}

#[test]
fn a_file_with_its_tables_is_kept_with_and_without_the_indexes_of_questions() {
    let mut connection = made();
    make_or_check(&mut connection, &[&THING, &LINE]).unwrap();
    for index in ddl::indexes(&[&THING, &LINE]) {
        connection.execute_batch(&index).unwrap();
        make_or_check(&mut connection, &[&THING, &LINE]).unwrap();
    }
}

#[test]
fn a_table_that_is_missing_is_damage_and_is_not_made_anew() {
    is_refused_after("drop table line");
    is_refused_after("drop table checkpoint");
}

#[test]
fn an_index_that_keeps_a_key_unique_is_missed() {
    is_refused_after("drop index thing_open");
}

#[test]
fn what_the_read_models_do_not_have_is_damage() {
    is_refused_after("create table other (id integer)");
    is_refused_after("alter table line rename to lime");
}

#[test]
fn a_checkpoint_that_was_lost_does_not_begin_again_at_the_start() {
    let mut connection = made();
    connection.execute_batch("delete from checkpoint").unwrap();
    make_or_check(&mut connection, &[&THING, &LINE]).unwrap();
    let found = super::super::writer::checkpoint(&connection);
    assert!(matches!(found, Err(ReadStoreError::Damaged(_))), "{found:?}");
}
