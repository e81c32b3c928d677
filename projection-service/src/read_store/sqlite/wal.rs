//! Keeps the write-ahead log of a read store short, however fast it grows.
//!
//! Only when all of it is in the database, and nobody reads from it, can it begin again: beside the
//! writing that never is so. A thread copies most of it, and the writer does the rest at the bound.

use std::{
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{SyncSender, sync_channel},
    },
    thread::{Builder, JoinHandle},
    time::{Duration, Instant},
};

use rusqlite::{Connection, Row};

use super::{BUSY, failed};
use crate::read_store::ReadStoreError;

/// What one is kept to, in pages of 4 KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bound {
    /// How many pages wait before they are copied beside the writing.
    pub(super) copied_from: i64,
    /// At how many pages it begins again, before anything more is written.
    pub(super) most: i64,
    /// How long the writer waits for questions that still read from it. They are short.
    pub(super) patience: Duration,
}

impl Bound {
    /// 96 MiB. A page that changes often is copied once for all its changes in between: the larger,
    /// the less is copied.
    pub(super) const USUAL: Self =
        Self { copied_from: 8 * 1024, most: 24 * 1024, patience: Duration::from_secs(1) };

    /// Whoever reads for longer than the writer waited may do so for some time: the next tries come
    /// after a while, and are shorter.
    fn next_try(self, pages: i64) -> (i64, Duration) {
        (pages.saturating_add(self.most / 8), self.patience / 4)
    }
}

/// What is left as it is when nothing is written for a while: 1 MiB.
const LITTLE: i64 = 256;
/// After how long without work the rest is cleared away.
pub(super) const IDLE: Duration = Duration::from_secs(1);
/// How long one try takes. Who reads page after page begins anew where it was, before the writer sees
/// that it had ended: the next try finds all of it copied, and then it begins in the database alone.
const ONE_TRY: Duration = Duration::from_millis(20);
/// How long it waits for them when nothing waits for the writer, or is ever asked again.
const LEISURE: Duration = Duration::from_millis(100);

/// The write-ahead log of one store: the writer's side.
pub(super) struct Wal {
    bound: Bound,
    copier: Option<Copier>,
    /// At how many pages it is to begin again, and how long that may take.
    next: (i64, Duration),
    is_long: bool,
}

struct Copier {
    wake: SyncSender<()>,
    /// Held by whoever copies.
    turn: Arc<Mutex<()>>,
    thread: JoinHandle<()>,
}

/// How long it is, in pages.
#[derive(Clone, Copy)]
struct Size {
    pages: i64,
    copied: i64,
}

impl Wal {
    /// Starts the thread that copies.
    pub(super) fn start(path: &Path, bound: Bound) -> Result<Self, ReadStoreError> {
        let copier = Some(Copier::start(path)?);
        Ok(Self { bound, copier, next: (bound.most, bound.patience), is_long: true })
    }

    /// Whether there is something to clear away when there is time.
    pub(super) const fn is_long(&self) -> bool {
        self.is_long
    }

    /// After something was written.
    pub(super) fn written(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let Size { pages, copied } = size(connection)?;
        self.is_long = pages > LITTLE;
        if pages < self.bound.most {
            self.next = (self.bound.most, self.bound.patience);
        }
        let (most, patience) = self.next;
        if pages >= most {
            // Set before it is tried: on a full disk, too, the next try comes later.
            self.next = self.bound.next_try(pages);
            self.begin_again(connection, patience)
        } else {
            if pages - copied >= self.bound.copied_from
                && let Some(copier) = &self.copier
            {
                // One that is busy does not need to be told.
                copier.wake.try_send(()).ok();
            }
            Ok(())
        }
    }

    /// When nothing has been written for a while.
    pub(super) fn idle(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        self.begin_again(connection, LEISURE)
    }

    /// Before the last connection is closed, which removes what is empty.
    pub(super) fn close(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        if let Some(Copier { wake, thread, .. }) = self.copier.take() {
            drop(wake);
            // One that panicked is closed as well.
            thread.join().ok();
        }
        self.begin_again(connection, LEISURE)
    }

    /// Copies all of it and makes it empty, unless somebody reads from it for longer than that.
    fn begin_again(&mut self, connection: &Connection, patience: Duration) -> rusqlite::Result<()> {
        let turn = self.copier.as_ref().map(|copier| Arc::clone(&copier.turn));
        let _turn = turn.as_ref().map(|turn| turn.lock().unwrap_or_else(PoisonError::into_inner));
        connection.busy_timeout(ONE_TRY.min(patience))?;
        let end = Instant::now() + patience;
        let emptied = loop {
            let is_empty = truncate(connection);
            if is_empty != Ok(false) || Instant::now() >= end {
                break is_empty;
            }
        };
        connection.busy_timeout(BUSY)?;
        if emptied? {
            self.is_long = false;
            self.next = (self.bound.most, self.bound.patience);
        }
        Ok(())
    }
}

/// Whether it is empty now.
fn truncate(connection: &Connection) -> rusqlite::Result<bool> {
    let mut truncate = connection.prepare_cached("pragma wal_checkpoint(truncate)")?;
    truncate.query_row([], |row| Ok(row.get::<_, i64>(0)? == 0))
}

impl Copier {
    fn start(path: &Path) -> Result<Self, ReadStoreError> {
        let connection = Connection::open(path).map_err(failed)?;
        connection.execute_batch("pragma wal_autocheckpoint = 0").map_err(failed)?;
        let (wake, wishes) = sync_channel(1);
        let turn = Arc::new(Mutex::new(()));
        let turns = Arc::clone(&turn);
        let work = move || {
            while wishes.recv().is_ok() {
                let _turn = turns.lock().unwrap_or_else(PoisonError::into_inner);
                let copied = connection.query_row("pragma wal_checkpoint(passive)", [], |_| Ok(()));
                if let Err(error) = copied {
                    tracing::warn!(%error, "the read store's WAL cannot be copied back");
                }
            }
        };
        let thread = Builder::new()
            .name("annals-read-wal".to_owned())
            .spawn(work)
            .map_err(|error| ReadStoreError::Unavailable(error.to_string().into()))?;
        Ok(Self { wake, turn, thread })
    }
}

fn size(connection: &Connection) -> rusqlite::Result<Size> {
    let size = |row: &Row<'_>| Ok(Size { pages: row.get(1)?, copied: row.get(2)? });
    connection.prepare_cached("pragma wal_checkpoint(noop)")?.query_row([], size)
}

#[cfg(test)]
#[path = "wal_tests.rs"]
mod tests;
