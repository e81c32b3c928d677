//! Keys in a PostgreSQL database that several processes share, each wrapped under a master key that
//! the database never sees.

mod beside;
mod import;
mod table;

use std::{path::Path, sync::Arc};

use tokio::sync::Mutex;

pub use self::import::PostgresKeyImport;
use events::{
    envelope::Position,
    ids::{KeyId, LogId},
};

use self::table::{KeyTable, Wanted};
use super::{BareKey, KeyBatch, KeyEraser, KeyError, KeyReader, KeyState, KeyStore, ahead::Ahead};
use crate::{postgres::Server, store::Answer};

/// Reads keys. It cannot make any.
pub struct PostgresKeyReader(KeyTable);

impl PostgresKeyReader {
    /// Opens the key store for reading; it and the master key must be there.
    ///
    /// # Errors
    /// As [`PostgresKeys::open`].
    pub async fn open(server: &Server, master_key: &Path, log: LogId) -> Result<Self, KeyError> {
        let wanted = Wanted { log, may_create: false, import: None };
        KeyTable::open(server, master_key, wanted).await.map(Self)
    }

    /// At most `limit` keys whose ids follow `after`, in order: to be carried to another key store.
    ///
    /// # Errors
    /// [`KeyError::Damaged`] when one does not unwrap, else when the database is not to be had.
    pub async fn export(
        &self,
        after: Option<KeyId>,
        limit: usize,
    ) -> Result<Vec<BareKey>, KeyError> {
        self.0.export(after, limit).await
    }

    /// At most `limit` ids of destroyed keys that follow `after`, in order.
    ///
    /// # Errors
    /// When the database is not to be had.
    pub async fn destroyed(
        &self,
        after: Option<KeyId>,
        limit: usize,
    ) -> Result<Vec<KeyId>, KeyError> {
        self.0.destroyed(after, limit).await
    }

    /// Disconnects once what is under way is done.
    pub async fn close(&self) {
        self.0.close().await;
    }
}

impl KeyReader for PostgresKeyReader {
    fn keys(&self, ids: Vec<KeyId>) -> Answer<'_, Result<Vec<KeyState>, KeyError>> {
        Box::pin(self.0.read(ids))
    }

    fn newest_batch(&self) -> Answer<'_, Result<Option<KeyBatch>, KeyError>> {
        Box::pin(self.0.newest_batch())
    }

    fn has_batch(&self, batch: KeyBatch) -> Answer<'_, Result<bool, KeyError>> {
        Box::pin(self.0.has_batch(batch))
    }
}

/// Makes, reads and destroys keys.
///
/// Keys are made ahead, durably, many in one commit. A batch belongs to this value: what it does
/// not hand out nobody ever will, and nothing is ever deleted but by [`KeyEraser::destroy`].
pub struct PostgresKeys {
    reader: PostgresKeyReader,
    ahead: Arc<Ahead>,
    /// Whoever makes a batch holds it: those who wait for it do not make more.
    making: Arc<Mutex<()>>,
}

impl PostgresKeys {
    /// Opens the key store, or makes it and the master key where that is allowed: only for a log
    /// that has no events. With events a missing key store is a loss, and a new one would make every
    /// person look erased.
    ///
    /// # Errors
    /// [`KeyError::Refused`] for a key store that must not be used: of another log, of a newer
    /// format, missing, in a database that would lose keys, with a master key that others may read
    /// or that is none; [`KeyError::Damaged`] when the keys were wrapped under another master key;
    /// [`KeyError::Unavailable`] for the rest. Nothing is written then.
    pub async fn open(
        server: &Server,
        master_key: &Path,
        log: LogId,
        may_create: bool,
    ) -> Result<Self, KeyError> {
        let wanted = Wanted { log, may_create, import: None };
        let table = KeyTable::open(server, master_key, wanted).await?;
        let reader = PostgresKeyReader(table);
        let keys = Self { reader, ahead: Arc::default(), making: Arc::default() };
        keys.refill_ahead();
        Ok(keys)
    }

    /// The text of the mark of the log, where one is kept beside the keys.
    ///
    /// # Errors
    /// When the database is not to be had.
    pub async fn mark(&self) -> Result<Option<String>, KeyError> {
        self.reader.0.mark().await
    }

    /// Keeps the mark of the log beside the keys, unless another process has kept a later one; or
    /// `anyway`, when an older log was accepted.
    ///
    /// # Errors
    /// When the database is not to be had.
    pub async fn put_mark(
        &self,
        epoch: u32,
        position: Position,
        text: String,
        anyway: bool,
    ) -> Result<(), KeyError> {
        self.reader.0.put_mark(epoch, position, text, anyway).await
    }

    /// Disconnects once what is under way is done.
    pub async fn close(&self) {
        self.reader.close().await;
    }

    /// Has the next batch made without waiting for it.
    fn refill_ahead(&self) {
        if self.ahead.begin_refill() {
            let (table, ahead) = (self.reader.0.clone(), Arc::clone(&self.ahead));
            let making = Arc::clone(&self.making);
            tokio::spawn(async move {
                if let Err(error) = refill(&table, &ahead, &making).await {
                    tracing::warn!(%error, "no keys could be made ahead");
                }
                ahead.end_refill();
            });
        }
    }
}

/// Makes a batch unless there are enough keys by now.
async fn refill(table: &KeyTable, ahead: &Ahead, making: &Mutex<()>) -> Result<(), KeyError> {
    let _turn = making.lock().await;
    if ahead.is_low() {
        ahead.add(table.make_batch().await?);
    }
    Ok(())
}

impl KeyReader for PostgresKeys {
    fn keys(&self, ids: Vec<KeyId>) -> Answer<'_, Result<Vec<KeyState>, KeyError>> {
        Box::pin(self.ahead.or_read(ids, &self.reader))
    }

    fn newest_batch(&self) -> Answer<'_, Result<Option<KeyBatch>, KeyError>> {
        self.reader.newest_batch()
    }

    fn has_batch(&self, batch: KeyBatch) -> Answer<'_, Result<bool, KeyError>> {
        self.reader.has_batch(batch)
    }
}

impl KeyStore for PostgresKeys {
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
                refill(&self.reader.0, &self.ahead, &self.making).await?;
            }
        })
    }
}

impl KeyEraser for PostgresKeys {
    fn destroy(&self, id: KeyId) -> Answer<'_, Result<(), KeyError>> {
        Box::pin(async move {
            self.ahead.forget(id);
            self.reader.0.destroy(id).await
        })
    }
}

#[cfg(test)]
#[path = "postgres_tests.rs"]
mod tests;
