//! What an error of PostgreSQL means for the read side.

use events_log::postgres::{is_full, is_unavailable};

use super::super::ReadStoreError;

/// An error of ours, on its way through work on a connection: the transaction is rolled back, and
/// the connection goes on. [`failed`] takes it out again.
pub(crate) fn refuse(error: ReadStoreError) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}

/// What an error means. The text names no values: they stand in a message's details, which are left
/// out.
pub(crate) fn failed(error: sqlx::Error) -> ReadStoreError {
    let text = || match &error {
        sqlx::Error::Database(said) => said.message().to_owned(),
        other => other.to_string(),
    };
    match &error {
        _ if is_full(&error) => ReadStoreError::Full,
        // XX: what is on the disk is not what was written.
        sqlx::Error::Database(said) if said.code().is_some_and(|code| code.starts_with("XX")) => {
            ReadStoreError::Damaged(text().into())
        }
        _ if is_unavailable(&error) => ReadStoreError::Unavailable(text().into()),
        sqlx::Error::Decode(_) => match error {
            sqlx::Error::Decode(inner) => match inner.downcast::<ReadStoreError>() {
                Ok(ours) => *ours,
                Err(other) => ReadStoreError::Damaged(other.to_string().into()),
            },
            other => ReadStoreError::Unavailable(other.to_string().into()),
        },
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::RowNotFound => {
            ReadStoreError::Damaged(text().into())
        }
        _ => ReadStoreError::Unavailable(text().into()),
    }
}

/// What an error of a statement that writes to a table means.
pub(super) fn not_taken(table: &'static str, error: sqlx::Error) -> sqlx::Error {
    let code = error.as_database_error().and_then(|said| said.code()).unwrap_or_default();
    match code.get(..2) {
        // 23: a key that is taken, or no value where one must be.
        Some("23") => {
            let what = error.as_database_error().map_or("a constraint", |said| said.message());
            refuse(ReadStoreError::Conflict { table, what: what.into() })
        }
        // 22: a value that the column's type cannot hold. The message may repeat it.
        Some("22") => {
            let what = format!("a value that PostgreSQL cannot hold ({code})").into();
            refuse(ReadStoreError::Conflict { table, what })
        }
        _ => error,
    }
}
