//! What a failure of the database means for those who wait.

use std::sync::Arc;

use events::ids::StreamName;
use rusqlite::ErrorCode;

use crate::store::{StoreError, links::damage, shared::Shared};

/// Why a piece of work on the database did not happen.
#[derive(Debug)]
pub(super) enum Failure {
    /// No room is left: refused, and tried again next time.
    Full,
    /// Another connection holds the lock for too long: refused, and tried again next time.
    Busy,
    /// What is stored cannot be read.
    Damaged(Arc<str>),
    /// Anything else. After a failed write or flush nobody knows what is on the disk.
    Broken(Arc<str>),
}

impl Failure {
    /// A stored value that cannot be.
    pub(super) fn damaged(what: &str) -> Self {
        Self::Damaged(what.into())
    }

    /// What cannot be read of one stream says so.
    pub(super) fn within(self, stream: StreamName) -> Self {
        match self {
            Self::Damaged(what) if !what.starts_with("stream ") => {
                Self::Damaged(damage(stream, &what).into())
            }
            Self::Full | Self::Busy | Self::Damaged(_) | Self::Broken(_) => self,
        }
    }

    /// As callers are told.
    pub(super) fn to_store_error(&self) -> StoreError {
        match self {
            Self::Full => StoreError::Full,
            Self::Busy => StoreError::Unavailable("another process holds the event log".into()),
            Self::Damaged(what) => StoreError::Damaged(Arc::clone(what)),
            Self::Broken(what) => StoreError::Unavailable(Arc::clone(what)),
        }
    }

    /// Stops the writer unless the failure is one that heals.
    pub(super) fn stop(&self, shared: &Shared, what: &str) {
        match self {
            Self::Full | Self::Busy => {
                tracing::warn!(failure = ?self, "{what}; it will be tried again");
            }
            Self::Damaged(_) | Self::Broken(_) => {
                tracing::error!(failure = ?self, "{what}: the event log takes no more commands");
                shared.stop(self.to_store_error());
            }
        }
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        let text: Arc<str> = error.to_string().into();
        match (error.sqlite_error_code(), error) {
            (Some(ErrorCode::DiskFull), _) => Self::Full,
            (Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked), _) => Self::Busy,
            (Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase), _)
            | (
                None,
                rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::InvalidColumnType(..),
            ) => Self::Damaged(text),
            _ => Self::Broken(text),
        }
    }
}
