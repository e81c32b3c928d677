//! What a failure of the database means for those who wait.

use std::sync::Arc;

use crate::{postgres::is_full, store::StoreError};

/// Why a piece of work on the database did not happen.
#[derive(Clone, Debug)]
pub(super) enum Failure {
    /// No room is left: refused, and tried again next time.
    Full,
    /// The database, or what it was asked for, is not to be had now. Nothing was stored.
    Refused(Arc<str>),
    /// The connection broke: nobody knows whether it was stored.
    Lost(Arc<str>),
    /// What is stored is not what was stored.
    Damaged(Arc<str>),
}

impl Failure {
    /// A stored value that cannot be.
    pub(super) fn damaged(what: &str) -> Self {
        Self::Damaged(what.into())
    }
}

/// As callers are told.
impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Full => Self::Full,
            Failure::Refused(why) | Failure::Lost(why) => Self::Unavailable(why),
            Failure::Damaged(what) => Self::Damaged(what),
        }
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        if is_full(&error) {
            return Self::Full;
        }
        match &error {
            // The text of these names a column, and never its value.
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::ColumnNotFound(_) => {
                Self::damaged("a column is not as it should be")
            }
            sqlx::Error::Decode(_) | sqlx::Error::RowNotFound => {
                Self::damaged("a value is not as it should be")
            }
            sqlx::Error::Database(said) => {
                let code = said.code().unwrap_or_default();
                let why = format!("the database says {code}: {}", said.message());
                match (code.get(..2), &*code) {
                    (_, "55P03") => Self::Refused("another session holds the event log".into()),
                    // A statement that was cancelled is rolled back; the other 57 end the session.
                    (_, "57014") => Self::Refused(why.into()),
                    (Some("08" | "57"), _) | (_, "25006") => Self::Lost(why.into()),
                    (Some("XX"), "XX001" | "XX002") => Self::Damaged(why.into()),
                    _ => Self::Refused(why.into()),
                }
            }
            sqlx::Error::PoolTimedOut => Self::Lost("no connection was free in time".into()),
            sqlx::Error::PoolClosed => Self::Lost("the event log is closed".into()),
            _ => Self::Lost(format!("the database does not answer: {error}").into()),
        }
    }
}
