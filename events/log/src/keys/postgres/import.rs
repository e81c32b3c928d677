//! Keys of another key store, taken over under this one's master key.

use std::path::Path;

use events::ids::{KeyId, LogId};
use uuid::Uuid;

use super::{
    PostgresKeyReader,
    table::{self, KeyTable, Wanted},
};
use crate::{
    keys::{BareKey, KeyError},
    postgres::Server,
};

/// Takes over keys into a key store that it began itself. It makes none.
pub struct PostgresKeyImport(PostgresKeyReader);

impl PostgresKeyImport {
    /// Whether there is a key store in that database already. Nothing is written.
    ///
    /// # Errors
    /// [`KeyError::Refused`] when what is there is none, or the database would lose keys;
    /// [`KeyError::Unavailable`] when it is not to be had.
    pub async fn is_begun(server: &Server) -> Result<bool, KeyError> {
        table::is_there_at(server).await
    }

    /// Opens the key store that the copy `import` began; makes it, and the master key where that is
    /// missing, if it `may_begin`.
    ///
    /// # Errors
    /// As [`PostgresKeys::open`](super::PostgresKeys::open), and [`KeyError::Refused`] when the key
    /// store was begun by somebody else.
    pub async fn open(
        server: &Server,
        master_key: &Path,
        log: LogId,
        import: Uuid,
        may_begin: bool,
    ) -> Result<Self, KeyError> {
        let wanted = Wanted { log, may_create: may_begin, import: Some(import) };
        let table = KeyTable::open(server, master_key, wanted).await?;
        Ok(Self(PostgresKeyReader(table)))
    }

    /// Makes the keys whose ids follow `after`, up to the last of `keys` or, `to_the_end`, all of
    /// them, exactly these, durably: what is more there was destroyed elsewhere, and goes.
    ///
    /// # Errors
    /// When the database is not to be had: then nothing is changed.
    pub async fn replace(
        &self,
        after: Option<KeyId>,
        keys: Vec<BareKey>,
        to_the_end: bool,
    ) -> Result<(), KeyError> {
        self.0.0.replace(after, keys, to_the_end).await
    }

    /// Leaves the tombstones of keys that were destroyed elsewhere, durably.
    ///
    /// # Errors
    /// When the database is not to be had: then nothing is changed.
    pub async fn bury(&self, keys: Vec<KeyId>) -> Result<(), KeyError> {
        self.0.0.bury(keys).await
    }

    /// What is there, for reading.
    #[must_use]
    pub const fn reader(&self) -> &PostgresKeyReader {
        &self.0
    }

    /// The same, when nothing more is taken over.
    #[must_use]
    pub fn into_reader(self) -> PostgresKeyReader {
        self.0
    }
}
