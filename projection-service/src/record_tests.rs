//! What records have in common: personal values and damaged rows.

use std::sync::Arc;

use events::{personal::Personal, values::Change};

use super::{Erased, document};
use crate::{
    customers::{ACCOUNTS, AccountRecord},
    projector::ProjectError,
    table::Value,
};

#[test]
fn a_cleared_value_is_no_erased_value() {
    let mut erased = Erased::default();
    let mut field: Option<u8> = None;
    erased.change("email", &mut field, &Change::Set(Personal::Erased));
    assert!(erased.contains("email") && field.is_none());
    erased.change("email", &mut field, &Change::Keep);
    assert!(erased.contains("email"));
    erased.change("email", &mut field, &Change::Clear);
    assert!(erased.is_empty() && field.is_none());
    let lost = Personal::Unreadable(events::ids::KeyId(uuid::Uuid::nil()));
    erased.change("email", &mut field, &Change::Set(lost));
    assert!(erased.is_unreadable("email") && !erased.contains("email") && field.is_none());
    erased.change("email", &mut field, &Change::Set(Personal::Erased));
    assert!(!erased.is_unreadable("email") && erased.contains("email"));
    erased.change("email", &mut field, &Change::Set(Personal::Clear(7)));
    assert_eq!((erased.is_empty(), field), (true, Some(7)));
}

#[test]
fn a_damaged_document_is_refused_without_repeating_it() {
    let width = ACCOUNTS.key.len() + ACCOUNTS.columns.len();
    let mut row = vec![Value::Null; width];
    row[width - 1] = "{\"name\": \"Bia Souza\"}".into();
    let error = document::<AccountRecord>(&ACCOUNTS, &Arc::from(row)).unwrap_err();
    assert!(matches!(&error, ProjectError::Damaged { table: "accounts", .. }));
    assert!(!error.to_string().contains("Bia"));
}
