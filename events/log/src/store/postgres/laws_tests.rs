//! The PostgreSQL store keeps the laws.

use std::sync::Arc;

use events::ids::LogId;
use uuid::Uuid;

use super::{PostgresOptions, PostgresStore};
use crate::{
    store::{Clock, EventFeed, EventStore, contract::Subject, ladder::unheard},
    testing::TestDatabase,
};

struct Postgres {
    database: TestDatabase,
    options: PostgresOptions,
    store: Arc<PostgresStore>,
}

impl Subject for Postgres {
    fn is_there(law: &str) -> bool {
        TestDatabase::is_there(law)
    }

    async fn fresh(clock: Clock) -> Self {
        let database = TestDatabase::new("law").unwrap();
        let options = PostgresOptions {
            log_id: LogId(Uuid::from_u128(1)),
            clock,
            connections: 4,
            may_create: true,
            hear: unheard(),
        };
        let store = PostgresStore::open(&database.server(), options.clone()).await.unwrap();
        Self { database, options, store: Arc::new(store) }
    }

    async fn reopened(self) -> Self {
        self.store.shutdown().await;
        let options = PostgresOptions {
            log_id: LogId(Uuid::from_u128(2)),
            may_create: false,
            ..self.options
        };
        let store = PostgresStore::open(&self.database.server(), options.clone()).await.unwrap();
        Self { database: self.database, options, store: Arc::new(store) }
    }

    fn store(&self) -> Arc<dyn EventStore> {
        Arc::clone(&self.store) as _
    }

    fn feed(&self) -> Arc<dyn EventFeed> {
        Arc::clone(&self.store) as _
    }
}

crate::store_laws!(Postgres);
crate::ledger_laws!(Postgres);
