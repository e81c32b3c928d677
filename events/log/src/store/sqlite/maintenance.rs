//! The thread that copies the write-ahead log into the database, so that the writer need not.

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
    thread::{self, JoinHandle},
};

use rusqlite::{Connection, OpenFlags};

use super::{
    failure::Failure,
    schema::{OpenError, connect},
    statements::{WalSize, wal_size},
};
use crate::store::shared::Shared;

/// Pages of 4 KiB that wait to be copied before the thread is woken: 16 MiB.
const WAKE_PAGES: i64 = 4 * 1024;
/// Pages of the write-ahead log at which the writer finishes the copying itself: 64 MiB. Only when
/// all is copied, and nobody reads from it, it can be emptied. A backup reads for as long as it
/// copies: by then the write-ahead log holds what is written meanwhile.
const BOUND_PAGES: i64 = 16 * 1024;

/// The writer's end: decides when what has to be done.
pub(super) struct Maintenance {
    wake: mpsc::SyncSender<()>,
    copying: Arc<Mutex<()>>,
    bound: i64,
}

impl Maintenance {
    /// Starts the thread.
    pub(super) fn start(
        path: &Path,
        shared: Arc<Shared>,
    ) -> Result<(Self, JoinHandle<()>), OpenError> {
        let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        let (wake, woken) = mpsc::sync_channel(1);
        let copying = Arc::new(Mutex::new(()));
        let turn = Arc::clone(&copying);
        let work = move || {
            while woken.recv().is_ok() {
                let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
                if let Err(failure) = copy(&connection) {
                    failure.stop(&shared, "the write-ahead log cannot be copied");
                }
            }
        };
        let thread = thread::Builder::new().name("annals-log-checkpoints".into()).spawn(work)?;
        Ok((Self { wake, copying, bound: BOUND_PAGES }, thread))
    }

    /// After a commit: wakes the thread when enough waits. True when the writer must help: that is
    /// how the write-ahead log stays bounded however fast it grows.
    pub(super) fn after_commit(&mut self, size: WalSize) -> bool {
        if size.pages - size.copied >= WAKE_PAGES {
            // When it is full, the thread has been woken already.
            self.wake.try_send(()).ok();
        }
        if size.pages < BOUND_PAGES {
            self.bound = BOUND_PAGES;
        }
        if size.pages < self.bound {
            return false;
        }
        // A reader, a backup say, may keep the log from starting again. Then the next try is a
        // good deal later instead of after every commit.
        self.bound = size.pages + WAKE_PAGES;
        true
    }

    /// Waits until the thread is done with what it is copying, and keeps it from starting again.
    pub(super) fn turn(&self) -> MutexGuard<'_, ()> {
        self.copying.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn copy(connection: &Connection) -> Result<(), Failure> {
    connection.query_row("pragma wal_checkpoint(passive)", [], wal_size)?;
    Ok(())
}

#[cfg(test)]
#[path = "maintenance_tests.rs"]
mod tests;
