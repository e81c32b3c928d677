//! Keys in an SQLite file of their own, each wrapped under a master key.

mod file;
mod worker;

use std::{
    collections::{HashMap, VecDeque},
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use self::{file::KeyFile, worker::Worker};
use super::{DataKey, KeyEraser, KeyError, KeyReader, KeyStore};
use crate::{
    ids::{KeyId, LogId},
    store::Answer,
};

/// How many keys are made at once, in one commit.
const BATCH: usize = 512;
/// With fewer keys than this in hand the next batch is made.
const LOW: usize = BATCH / 2;
/// How many of the newest keys are kept in memory, handed out or not.
const KEPT: usize = 4 * BATCH;

/// Where the keys of a log are.
#[derive(Clone, Debug)]
pub struct KeyFiles {
    /// The SQLite file.
    pub keys: PathBuf,
    /// The master key: 64 hexadecimal digits, mode 0600.
    pub master_key: PathBuf,
    /// The log whose keys they are.
    pub log: LogId,
    /// Whether they are made where they are missing. Only for a log that has no events: with events
    /// a missing key file is a loss, and a new one would make every person look erased.
    pub may_create: bool,
}

/// Reads keys. It cannot make any.
pub struct SqliteKeyReader(Worker);

impl SqliteKeyReader {
    /// Opens the files for reading; they must be there. Blocks.
    ///
    /// # Errors
    /// As [`SqliteKeys::open`].
    pub fn open(files: &KeyFiles) -> Result<Self, KeyError> {
        let file = KeyFile::open(&KeyFiles { may_create: false, ..files.clone() })?;
        Ok(Self(Worker::start("keys-read", file)?))
    }
}

impl KeyReader for SqliteKeyReader {
    fn keys(&self, ids: Vec<KeyId>) -> Answer<'_, Result<Vec<Option<DataKey>>, KeyError>> {
        self.0.call(move |file| file.read(&ids))
    }
}

/// Makes, reads and destroys keys.
///
/// Keys are made ahead, durably, many in one commit. A batch belongs to this value: what it does
/// not hand out nobody ever will, and nothing is ever deleted but by [`KeyEraser::destroy`].
pub struct SqliteKeys {
    reader: SqliteKeyReader,
    writer: Worker,
    pool: Arc<Pool>,
}

/// The keys in hand.
struct Pool {
    ready: Mutex<VecDeque<KeyId>>,
    /// The keys of the last batches: who took one seals with it at once, without a look in the file.
    fresh: Mutex<Fresh>,
    refilling: AtomicBool,
}

/// The newest keys, in the order they were made. Not a cache that goes by use: a key is needed once,
/// some time after it was made, and such a cache throws away first what was never asked for.
#[derive(Default)]
struct Fresh {
    keys: HashMap<KeyId, DataKey>,
    order: VecDeque<KeyId>,
}

impl Fresh {
    fn insert(&mut self, id: KeyId, key: DataKey) {
        self.keys.insert(id, key);
        self.order.push_back(id);
        if self.order.len() > KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            self.keys.remove(&oldest);
        }
    }
}

impl Pool {
    fn fresh(&self) -> MutexGuard<'_, Fresh> {
        // The two halves agree again after every single call on it.
        self.fresh.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ready(&self) -> MutexGuard<'_, VecDeque<KeyId>> {
        // The queue is whole after every single call on it.
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a batch unless there are enough keys by now.
    fn refill(&self, file: &mut KeyFile) -> Result<(), KeyError> {
        if self.ready().len() < LOW {
            let batch = file.make_batch(BATCH)?;
            let ids: Vec<_> = batch.iter().map(|(id, _)| *id).collect();
            let mut fresh = self.fresh();
            for (id, key) in batch {
                fresh.insert(id, key);
            }
            drop(fresh);
            self.ready().extend(ids);
        }
        Ok(())
    }
}

impl SqliteKeys {
    /// Opens the files, or makes them where that is allowed. Blocks.
    ///
    /// # Errors
    /// [`KeyError::Refused`] for files that must not be used: of another log, of a newer format,
    /// missing, with a master key that others may read or that is none; [`KeyError::Damaged`] when
    /// the keys were wrapped under another master key; [`KeyError::Unavailable`] for the rest.
    pub fn open(files: &KeyFiles) -> Result<Self, KeyError> {
        let writer = Worker::start("keys-write", KeyFile::open(files)?)?;
        let pool = Pool {
            ready: Mutex::default(),
            fresh: Mutex::default(),
            refilling: AtomicBool::new(false),
        };
        let keys = Self { reader: SqliteKeyReader::open(files)?, writer, pool: Arc::new(pool) };
        keys.refill_ahead();
        Ok(keys)
    }

    /// Copies all keys, still wrapped, into a new file that only its owner may read. Works while
    /// keys are used. The copy is of no use without the master key, which is not in it.
    pub fn backup_to(&self, path: PathBuf) -> Answer<'_, Result<(), KeyError>> {
        self.writer.call(move |file| file.copy_to(&path))
    }

    fn take_ready(&self) -> Option<KeyId> {
        let (id, left) = {
            let mut ready = self.pool.ready();
            (ready.pop_front(), ready.len())
        };
        if left < LOW {
            self.refill_ahead();
        }
        id
    }

    /// Has the next batch made without waiting for it.
    fn refill_ahead(&self) {
        if !self.pool.refilling.swap(true, Ordering::AcqRel) {
            let pool = self.pool.clone();
            self.writer.send(move |file| {
                if let Err(error) = pool.refill(file) {
                    tracing::warn!(%error, "no keys could be made ahead");
                }
                pool.refilling.store(false, Ordering::Release);
            });
        }
    }
}

impl KeyReader for SqliteKeys {
    fn keys(&self, ids: Vec<KeyId>) -> Answer<'_, Result<Vec<Option<DataKey>>, KeyError>> {
        let fresh = self.pool.fresh();
        let mut keys: Vec<_> = ids.iter().map(|id| fresh.keys.get(id).cloned()).collect();
        drop(fresh);
        if keys.iter().all(Option::is_some) {
            return Box::pin(std::future::ready(Ok(keys)));
        }
        Box::pin(async move {
            let missing: Vec<_> =
                ids.iter().zip(&keys).filter(|(_, key)| key.is_none()).map(|(id, _)| *id).collect();
            let found = self.reader.keys(missing).await?;
            for (key, found) in keys.iter_mut().filter(|key| key.is_none()).zip(found) {
                *key = found;
            }
            Ok(keys)
        })
    }
}

impl KeyStore for SqliteKeys {
    fn take(&self) -> Answer<'_, Result<KeyId, KeyError>> {
        Box::pin(async move {
            loop {
                if let Some(id) = self.take_ready() {
                    return Ok(id);
                }
                let pool = self.pool.clone();
                self.writer.call(move |file| pool.refill(file)).await?;
            }
        })
    }
}

impl KeyEraser for SqliteKeys {
    fn destroy(&self, id: KeyId) -> Answer<'_, Result<(), KeyError>> {
        let pool = self.pool.clone();
        self.writer.call(move |file| {
            pool.ready().retain(|ready| *ready != id);
            pool.fresh().keys.remove(&id);
            file.destroy(id)
        })
    }
}

#[cfg(test)]
#[path = "sqlite_tests.rs"]
mod tests;
