//! The SQLite store keeps the laws.

use std::sync::Arc;

use events::ids::LogId;
use tempfile::TempDir;
use uuid::Uuid;

use super::{OpenOptions, SqliteStore};
use crate::store::{Clock, EventFeed, EventStore, contract::Subject, ladder::unheard};

struct Sqlite {
    folder: TempDir,
    options: OpenOptions,
    store: Arc<SqliteStore>,
}

impl Subject for Sqlite {
    async fn fresh(clock: Clock) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log_id = LogId(Uuid::from_u128(1));
        let options = OpenOptions { log_id, clock, readers: 2, hear: unheard() };
        let store = SqliteStore::open(folder.path().join("log.db"), options.clone()).unwrap();
        Self { folder, options, store: Arc::new(store) }
    }

    async fn reopened(self) -> Self {
        self.store.shutdown().await;
        let path = self.folder.path().join("log.db");
        let other = OpenOptions { log_id: LogId(Uuid::from_u128(2)), ..self.options };
        let store = SqliteStore::open(path, other.clone()).unwrap();
        Self { folder: self.folder, options: other, store: Arc::new(store) }
    }

    fn store(&self) -> Arc<dyn EventStore> {
        Arc::clone(&self.store) as _
    }

    fn feed(&self) -> Arc<dyn EventFeed> {
        Arc::clone(&self.store) as _
    }
}

crate::store_laws!(Sqlite);
crate::ledger_laws!(Sqlite);
