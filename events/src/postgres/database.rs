//! A pool of connections, and work on them that no caller can interrupt.
//!
//! sqlx 0.9 loses track of a transaction whose `begin` is dropped while it waits: the connection goes
//! back to the pool inside it, and the next user works in a transaction that nobody commits
//! (transact-rs/sqlx#4385). HTTP callers that hang up drop futures at any point. Here every piece of
//! work runs in a task of its own; a caller can only drop the wait for its answer.

use std::{io, panic::AssertUnwindSafe, pin::Pin, time::Duration};

use futures_util::FutureExt;
use sqlx::{
    Connection as _, Executor, PgConnection, PgPool,
    pool::PoolConnection,
    postgres::{PgPoolOptions, Postgres},
};
use tokio::time::timeout;

use super::{PostgresError, Server};

/// How long to wait for a connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a piece of work may take where nothing else is said. A wire that was cut without a word
/// never answers, and the system takes a quarter of an hour to say so.
const DEADLINE: Duration = Duration::from_secs(10);

/// How long a connection that was idle may take to show that it is alive.
const ALIVE: Duration = Duration::from_secs(1);

/// How long a connection is trusted without having been used.
const IDLE: Duration = Duration::from_millis(500);

/// A piece of work on a connection.
pub type Work<'c, T> = Pin<Box<dyn Future<Output = Result<T, sqlx::Error>> + Send + 'c>>;

/// Connections to one schema of a database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Database {
    pool: PgPool,
    server: Server,
    deadline: Duration,
}

impl Database {
    /// At most so many connections, made when they are needed.
    #[must_use]
    pub fn new(server: &Server, schema: &str, connections: u32) -> Self {
        Self::tuned(server, schema, connections, &[])
    }

    /// The same, with settings of the server for its sessions.
    #[must_use]
    pub fn tuned(
        server: &Server,
        schema: &str,
        connections: u32,
        settings: &[(&str, &str)],
    ) -> Self {
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(PATIENCE)
            // One that broke while it was idle is replaced; one that breaks in use is noticed by
            // whoever uses it, and is closed then.
            .test_before_acquire(false)
            .before_acquire(|connection, since| {
                Box::pin(async move {
                    if since.idle_for > IDLE {
                        within(ALIVE, connection.ping()).await?;
                    }
                    Ok(true)
                })
            })
            .connect_lazy_with(server.options(schema).options(settings.iter().copied()));
        Self { pool, server: server.clone(), deadline: DEADLINE }
    }

    /// The same connections, for work that takes so long at most. What takes longer counts as cut
    /// off: its connection is closed, and nobody knows what was done.
    #[must_use]
    pub const fn within(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// How long a piece of work may take.
    pub(super) const fn deadline(&self) -> Duration {
        self.deadline
    }

    /// The server.
    #[must_use]
    pub const fn server(&self) -> &Server {
        &self.server
    }

    /// Makes a first connection, to see whether that works.
    ///
    /// # Errors
    /// When the server cannot be reached, or refuses the login.
    pub async fn connect(&self) -> Result<(), PostgresError> {
        let pool = self.pool.clone();
        let tried = tokio::spawn(async move { pool.acquire().await.map(drop) });
        let tried = tried.await.unwrap_or(Err(sqlx::Error::WorkerCrashed));
        tried.map_err(|error| self.server.cannot_connect(&error))
    }

    /// Runs some work to its end on one connection, whether or not the caller waits for it.
    ///
    /// # Errors
    /// The database's; that of a wire when the deadline passes. After an error that the database did
    /// not report itself, and after a panic, the connection is closed: nobody knows its state.
    pub async fn run<T, F>(&self, work: F) -> Result<T, sqlx::Error>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut PgConnection) -> Work<'c, T> + Send + 'static,
    {
        let (pool, deadline) = (self.pool.clone(), self.deadline);
        let running = tokio::spawn(async move {
            let mut connection = pool.acquire().await?;
            let done = within(deadline, guarded(&mut connection, work)).await;
            if done.as_ref().is_err_and(is_unknown_state) {
                connection.close_on_drop();
            }
            done
        });
        running.await.unwrap_or(Err(sqlx::Error::WorkerCrashed))
    }

    /// Runs some work in one transaction, which `begin` begins (`begin`, `begin isolation level ..`),
    /// to its end: committed when it succeeds, rolled back when it does not.
    ///
    /// # Errors
    /// As [`Database::run`].
    pub async fn transaction<T, F>(&self, begin: &'static str, work: F) -> Result<T, sqlx::Error>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut PgConnection) -> Work<'c, T> + Send + 'static,
    {
        let (pool, deadline) = (self.pool.clone(), self.deadline);
        let running = tokio::spawn(async move {
            let mut connection = pool.acquire().await?;
            let done = within(deadline, in_transaction(&mut connection, begin, work)).await;
            if done.as_ref().is_err_and(is_unknown_state) {
                connection.close_on_drop();
            }
            done
        });
        running.await.unwrap_or(Err(sqlx::Error::WorkerCrashed))
    }

    /// A connection, for who keeps it in a task of their own.
    pub(super) async fn acquire(&self) -> Result<PoolConnection<Postgres>, sqlx::Error> {
        self.pool.acquire().await
    }

    /// Closes every connection once its work is done; waits no longer for one than for any work.
    pub async fn close(&self) {
        if timeout(self.deadline, self.pool.close()).await.is_err() {
            tracing::warn!(server = %self.server, "a connection did not close in time");
        }
    }
}

async fn in_transaction<T, F>(
    connection: &mut PgConnection,
    begin: &'static str,
    work: F,
) -> Result<T, sqlx::Error>
where
    F: for<'c> FnOnce(&'c mut PgConnection) -> Work<'c, T>,
{
    connection.execute(begin).await?;
    match guarded(connection, work).await {
        Ok(value) => {
            connection.execute("commit").await?;
            Ok(value)
        }
        Err(error) if is_unknown_state(&error) => Err(error),
        Err(error) => {
            connection.execute("rollback").await?;
            Err(error)
        }
    }
}

/// Waits for the server, but not for ever.
pub(super) async fn within<T>(
    deadline: Duration,
    work: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    timeout(deadline, work).await.unwrap_or_else(|_| {
        let silent = "the database does not answer in time";
        Err(sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, silent)))
    })
}

/// Runs some work; a panic is an error after which nobody knows the connection's state.
pub(super) async fn guarded<T, F>(connection: &mut PgConnection, work: F) -> Result<T, sqlx::Error>
where
    F: for<'c> FnOnce(&'c mut PgConnection) -> Work<'c, T>,
{
    let done = AssertUnwindSafe(async { work(connection).await }).catch_unwind().await;
    done.unwrap_or(Err(sqlx::Error::WorkerCrashed))
}

/// Whether the error came from elsewhere than the database's own answer.
pub(super) const fn is_unknown_state(error: &sqlx::Error) -> bool {
    !matches!(
        error,
        sqlx::Error::Database(_)
            | sqlx::Error::RowNotFound
            | sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::ColumnNotFound(_)
            | sqlx::Error::Decode(_)
    )
}

#[cfg(test)]
#[path = "database_tests.rs"]
mod tests;
