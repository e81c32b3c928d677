//! Keys in an SQLite file of their own, each wrapped under a master key.

mod file;
mod worker;

use std::{path::PathBuf, sync::Arc};

use events::ids::{KeyId, LogId};

use self::{file::KeyFile, worker::Worker};
use super::{
    BareKey, KeyBatch, KeyEraser, KeyError, KeyReader, KeyState, KeyStore,
    ahead::{Ahead, BATCH},
};
use crate::store::Answer;

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

    /// At most `limit` ids of destroyed keys that follow `after`, in order: to be carried to another
    /// key store.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn destroyed(
        &self,
        after: Option<KeyId>,
        limit: usize,
    ) -> Result<Vec<KeyId>, KeyError> {
        self.0.call(move |file| file.destroyed(after, limit)).await
    }

    /// At most `limit` keys whose ids follow `after`, in order: to be carried to another key store.
    ///
    /// # Errors
    /// [`KeyError::Damaged`] when one does not unwrap, else when the file cannot be read.
    pub async fn export(
        &self,
        after: Option<KeyId>,
        limit: usize,
    ) -> Result<Vec<BareKey>, KeyError> {
        self.0.call(move |file| file.export(after, limit)).await
    }
}

impl KeyReader for SqliteKeyReader {
    fn keys(&self, ids: Vec<KeyId>) -> Answer<'_, Result<Vec<KeyState>, KeyError>> {
        self.0.call(move |file| file.read(&ids))
    }

    fn newest_batch(&self) -> Answer<'_, Result<Option<KeyBatch>, KeyError>> {
        self.0.call(|file| file.newest_batch())
    }

    fn has_batch(&self, batch: KeyBatch) -> Answer<'_, Result<bool, KeyError>> {
        self.0.call(move |file| file.has_batch(batch))
    }

    fn check(&self) -> Answer<'_, Result<Vec<String>, KeyError>> {
        self.0.call(|file| file.check())
    }
}

/// Makes, reads and destroys keys.
///
/// Keys are made ahead, durably, many in one commit. A batch belongs to this value: what it does
/// not hand out nobody ever will, and nothing is ever deleted but by [`KeyEraser::destroy`].
pub struct SqliteKeys {
    reader: SqliteKeyReader,
    writer: Worker,
    ahead: Arc<Ahead>,
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
        let keys = Self { reader: SqliteKeyReader::open(files)?, writer, ahead: Arc::default() };
        keys.refill_ahead();
        Ok(keys)
    }

    /// Copies all keys, still wrapped, into a new file that only its owner may read. Works while
    /// keys are used. The copy is of no use without the master key, which is not in it.
    pub fn backup_to(&self, path: PathBuf) -> Answer<'_, Result<(), KeyError>> {
        self.writer.call(move |file| file.copy_to(&path))
    }

    /// Has the next batch made without waiting for it.
    fn refill_ahead(&self) {
        if self.ahead.begin_refill() {
            let ahead = Arc::clone(&self.ahead);
            self.writer.send(move |file| {
                if let Err(error) = refill(&ahead, file) {
                    tracing::warn!(%error, "no keys could be made ahead");
                }
                ahead.end_refill();
            });
        }
    }
}

/// Makes a batch unless there are enough keys by now.
fn refill(ahead: &Ahead, file: &mut KeyFile) -> Result<(), KeyError> {
    if ahead.is_low() {
        ahead.add(file.make_batch(BATCH)?);
    }
    Ok(())
}

impl KeyReader for SqliteKeys {
    fn keys(&self, ids: Vec<KeyId>) -> Answer<'_, Result<Vec<KeyState>, KeyError>> {
        Box::pin(self.ahead.or_read(ids, &self.reader))
    }

    fn newest_batch(&self) -> Answer<'_, Result<Option<KeyBatch>, KeyError>> {
        self.reader.newest_batch()
    }

    fn has_batch(&self, batch: KeyBatch) -> Answer<'_, Result<bool, KeyError>> {
        self.reader.has_batch(batch)
    }

    fn check(&self) -> Answer<'_, Result<Vec<String>, KeyError>> {
        self.reader.check()
    }
}

impl KeyStore for SqliteKeys {
    fn take(&self) -> Answer<'_, Result<KeyId, KeyError>> {
        Box::pin(async move {
            loop {
                let id = self.ahead.take();
                if self.ahead.is_low() {
                    self.refill_ahead();
                }
                if let Some(id) = id {
                    return Ok(id);
                }
                let ahead = Arc::clone(&self.ahead);
                self.writer.call(move |file| refill(&ahead, file)).await?;
            }
        })
    }
}

impl KeyEraser for SqliteKeys {
    fn destroy(&self, id: KeyId) -> Answer<'_, Result<(), KeyError>> {
        let ahead = Arc::clone(&self.ahead);
        self.writer.call(move |file| {
            ahead.forget(id);
            file.destroy(id)
        })
    }
}

#[cfg(test)]
#[path = "sqlite_tests.rs"]
mod tests;
