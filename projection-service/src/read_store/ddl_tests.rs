//! The statements that are derived from a description, as they are.

use super::{Dialect, indexes, tables};
use crate::testing::{LINE, THING};

#[test]
fn a_history_table_has_positions_one_open_row_for_each_key_and_indexes_that_end_with_them() {
    let statements = tables(Dialect::Sqlite, &[&THING]);
    assert_eq!(
        statements[2..],
        [
            "create table if not exists \"thing\" (\"kind\" text not null, \"id\" blob not null, \
             \"amount\" integer not null, \"name\" text, from_position integer not null, \
             to_position integer not null, primary key (\"kind\", \"id\", from_position)) strict",
            "create unique index if not exists \"thing_open\" on \"thing\" (\"kind\", \"id\") \
             where to_position = 9223372036854775807",
        ]
    );
    assert_eq!(
        indexes(&[&THING]),
        [
            "create index if not exists \"thing_amount\" on \"thing\" \
             (\"amount\", from_position, to_position)",
            "create index if not exists \"thing_kind_name\" on \"thing\" \
             (\"kind\", \"name\", from_position, to_position)",
        ]
    );
}

#[test]
fn an_append_only_table_lives_in_the_tree_of_its_key() {
    assert_eq!(
        tables(Dialect::Sqlite, &[&LINE])[2..],
        ["create table if not exists \"line\" (\"position\" integer not null, \
          \"number\" integer not null, \"text\" text not null, \
          primary key (\"position\", \"number\")) strict, without rowid"]
    );
    assert_eq!(
        indexes(&[&LINE]),
        ["create index if not exists \"line_text\" on \"line\" (\"text\")"]
    );
}

#[test]
fn postgresql_gets_its_own_types_and_orders_texts_by_bytes() {
    assert_eq!(
        tables(Dialect::Postgres, &[&THING])[2],
        "create table if not exists \"thing\" (\"kind\" text collate \"C\" not null, \
         \"id\" uuid not null, \"amount\" bigint not null, \"name\" text collate \"C\", \
         from_position bigint not null, to_position bigint not null, \
         primary key (\"kind\", \"id\", from_position))"
    );
}
