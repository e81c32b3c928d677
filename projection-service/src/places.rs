//! Places for read models in tests: each test on both databases.

use std::{sync::Arc, time::Duration};

use events_log::{
    postgres::{Database, READ_SCHEMA, Server},
    testing::TestDatabase,
};
use sqlx::{Executor, Row as _};
use tempfile::TempDir;

use crate::{
    read_side::{Place, Pool},
    read_store::{PostgresReadStore, ReadStore, SqliteReadStore, postgres::schema_of},
    table::Table,
};

/// A place of a test's own. It goes with this.
pub(crate) enum TestPlace {
    Folder(TempDir),
    Postgres(TestDatabase),
}

/// Runs each of these functions as a test on a [`TestPlace`] of either kind.
macro_rules! on_both {
    ($($name:ident,)*) => {$(
        mod $name {
            #[test]
            fn on_sqlite() {
                crate::places::on_sqlite(super::$name);
            }

            #[test]
            fn on_postgres() {
                let test = concat!(module_path!(), "::on_postgres");
                crate::places::on_postgres(test, super::$name);
            }
        }
    )*};
}
pub(crate) use on_both;

/// Runs a test on files.
pub(crate) fn on_sqlite(body: impl AsyncFnOnce(&TestPlace)) {
    let place = TestPlace::folder();
    runtime().block_on(body(&place));
}

/// Runs a test on a database. Nothing of the test is left when the database goes: a connection that
/// is only half made would keep the server waiting for a minute.
pub(crate) fn on_postgres(test: &str, body: impl AsyncFnOnce(&TestPlace)) {
    if let Some(place) = TestPlace::postgres(test) {
        runtime().block_on(body(&place));
    }
}

/// What a test runs on, one task at a time.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

impl TestPlace {
    pub(crate) fn folder() -> Self {
        Self::Folder(tempfile::tempdir().unwrap())
    }

    fn postgres(test: &str) -> Option<Self> {
        TestDatabase::new(test).map(Self::Postgres)
    }

    pub(crate) fn place(&self) -> Place {
        match self {
            Self::Folder(folder) => Place::Folder(folder.path().to_owned()),
            Self::Postgres(database) => Place::Postgres(database.server()),
        }
    }

    /// The database.
    pub(crate) fn server(&self) -> Server {
        match self {
            Self::Folder(_) => unreachable!("it is for tests on a database"),
            Self::Postgres(database) => database.server(),
        }
    }

    /// The rows of generation 1, without a register.
    pub(crate) async fn store(&self, tables: &[&'static Table]) -> Arc<dyn ReadStore> {
        self.store_of(1, tables).await
    }

    /// The rows of a generation, without a register.
    pub(crate) async fn store_of(
        &self,
        number: u32,
        tables: &[&'static Table],
    ) -> Arc<dyn ReadStore> {
        match self {
            Self::Folder(folder) => {
                let path = folder.path().join(format!("read-{number}.db"));
                Arc::new(SqliteReadStore::open(&path, tables).unwrap())
            }
            Self::Postgres(database) => {
                Arc::new(PostgresReadStore::open(&database.server(), number, tables).await.unwrap())
            }
        }
    }

    /// Does something to a generation behind the product's back; how many rows it touched.
    pub(crate) async fn execute(&self, number: u32, statement: &'static str) -> u64 {
        match self {
            Self::Folder(folder) => {
                let path = folder.path().join(format!("read-{number}.db"));
                let vandal = rusqlite::Connection::open(path).unwrap();
                vandal.execute(statement, []).unwrap();
                vandal.changes()
            }
            Self::Postgres(database) => {
                let vandal = Database::new(&database.server(), &schema_of(number), 1);
                let done = vandal.run(move |connection| Box::pin(connection.execute(statement)));
                done.await.unwrap().rows_affected()
            }
        }
    }

    /// Waits until there are no rows of any other generation.
    pub(crate) async fn keeps_only(&self, number: u32) {
        let gone = async {
            let mut rhythm = tokio::time::interval(Duration::from_millis(20));
            while self.generations().await != [number] {
                rhythm.tick().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), gone).await.unwrap();
    }

    /// The generations that there are rows of.
    pub(crate) async fn generations(&self) -> Vec<u32> {
        let mut names: Vec<String> = match self {
            Self::Folder(folder) => std::fs::read_dir(folder.path())
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect(),
            Self::Postgres(database) => {
                let database = Database::new(&database.server(), "public", 1);
                let sql = "select nspname::text from pg_namespace";
                let read = database
                    .run(move |connection| Box::pin(sqlx::query_scalar(sql).fetch_all(connection)));
                read.await.unwrap()
            }
        };
        let begin = format!("{READ_SCHEMA}_");
        names.sort();
        names
            .iter()
            .filter_map(|name| match name.strip_prefix("read-") {
                Some(name) => name.strip_suffix(".db"),
                None => name.strip_prefix(&begin),
            })
            .map(|number| number.parse().unwrap())
            .collect()
    }
}

/// Where rows stand, as a question sees them.
pub(crate) async fn position_in(pool: &Pool) -> i64 {
    let sql = "select position from checkpoint";
    match pool {
        Pool::Sqlite(pool) => sqlx::query(sql).fetch_one(pool).await.unwrap().get(0),
        Pool::Postgres(database) => {
            let read = database
                .run(move |connection| Box::pin(sqlx::query_scalar(sql).fetch_one(connection)));
            read.await.unwrap()
        }
    }
}
