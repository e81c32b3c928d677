//! What the tests of the PostgreSQL store have in common.

use std::sync::Arc;

use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _, PgConnection};

use super::{PostgresOptions, PostgresStore};
pub(super) use crate::store::testing::{append, clock};
use crate::{
    postgres::{LOG_SCHEMA, PostgresError, Server},
    store::{
        AppendError, Appended,
        ladder::unheard,
        testing::{self, LOG},
    },
};
use events::envelope::Recorded;

pub(super) fn options() -> PostgresOptions {
    PostgresOptions {
        log_id: LOG,
        clock: clock(),
        connections: 4,
        may_create: true,
        hear: unheard(),
    }
}

pub(super) async fn open(server: &Server) -> Result<PostgresStore, PostgresError> {
    PostgresStore::open(server, options()).await
}

/// A session of its own, which sees the tables of the log.
pub(super) async fn session(server: &Server) -> PgConnection {
    server.options(LOG_SCHEMA).connect().await.unwrap()
}

/// Does something to the database that the store does not know of.
pub(super) async fn meddle(server: &Server, sql: &str) {
    session(server).await.execute(AssertSqlSafe(sql.to_owned())).await.unwrap();
}

/// Ends every session that writes to the log of this database. How many there were.
pub(super) async fn end_writers(connection: &mut PgConnection) -> usize {
    let sql = "select pg_terminate_backend(pid) from pg_stat_activity \
               where datname = current_database() and application_name = 'annals-log-writer'";
    let ended = sqlx::query_scalar::<_, bool>(sql).fetch_all(connection).await.unwrap();
    ended.into_iter().filter(|ended| *ended).count()
}

pub(super) async fn put(store: &PostgresStore, n: u64) -> Result<Appended, AppendError> {
    testing::put(store, n).await
}

pub(super) async fn whole_log(store: &PostgresStore) -> Vec<Arc<Recorded>> {
    testing::whole_log(store).await
}

pub(super) async fn assert_whole(store: &PostgresStore) -> Vec<Arc<Recorded>> {
    testing::assert_whole(store).await
}
