//! The memory store keeps the laws.

use std::sync::Arc;

use events::ids::LogId;
use uuid::Uuid;

use super::MemoryStore;
use crate::store::{Clock, EventFeed, EventStore, contract::Subject};

struct Memory(Arc<MemoryStore>);

impl Subject for Memory {
    async fn fresh(clock: Clock) -> Self {
        Self(Arc::new(MemoryStore::new(LogId(Uuid::from_u128(1)), clock)))
    }

    async fn reopened(self) -> Self {
        Self(Arc::new(self.0.reopened()))
    }

    fn store(&self) -> Arc<dyn EventStore> {
        Arc::clone(&self.0) as _
    }

    fn feed(&self) -> Arc<dyn EventFeed> {
        Arc::clone(&self.0) as _
    }
}

crate::store_laws!(Memory);
crate::ledger_laws!(Memory);
