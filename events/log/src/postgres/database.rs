//! A pool of connections, and work on them that no caller can interrupt.
//!
//! sqlx 0.9 loses track of a transaction whose `begin` is dropped while it waits: the connection goes
//! back to the pool inside it, and the next user works in a transaction that nobody commits
//! (transact-rs/sqlx#4385). HTTP callers that hang up drop futures at any point. Here every piece of
//! work runs in a task of its own; a caller can only drop the wait for its answer.

use std::{io, panic::AssertUnwindSafe, pin::Pin, time::Duration};

use futures_util::FutureExt;
use sqlx::{
    Executor, PgConnection,
    postgres::{PgDatabaseError, PgPoolOptions, PgSeverity},
};
use tokio::time::timeout;

use super::{
    PostgresError, Server,
    kept::{Held, Kept, PATIENCE},
};

/// How long a piece of work may take where nothing else is said. A wire that was cut without a word
/// never answers, and the system takes a quarter of an hour to say so.
const DEADLINE: Duration = Duration::from_secs(10);

/// A piece of work on a connection.
pub type Work<'c, T> = Pin<Box<dyn Future<Output = Result<T, sqlx::Error>> + Send + 'c>>;

/// Connections to one schema of a database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Database {
    kept: Kept,
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
            // Whether one is alive is asked where it was kept.
            .test_before_acquire(false)
            .connect_lazy_with(server.options(schema).options(settings.iter().copied()));
        let kept = Kept::new(pool, connections);
        Self { kept, server: server.clone(), deadline: DEADLINE }
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

    /// How many connections are at work now.
    #[must_use]
    pub fn in_use(&self) -> usize {
        self.kept.in_use()
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
        let kept = self.kept.clone();
        let tried = tokio::spawn(async move { kept.acquire().await.map(Held::keep) });
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
        let (kept, deadline) = (self.kept.clone(), self.deadline);
        let running = tokio::spawn(async move {
            let mut connection = kept.acquire().await?;
            let done = within(deadline, guarded(&mut connection, work)).await;
            give_back(connection, &done);
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
        let (kept, deadline) = (self.kept.clone(), self.deadline);
        let running = tokio::spawn(async move {
            let mut connection = kept.acquire().await?;
            let done = within(deadline, in_transaction(&mut connection, begin, work)).await;
            give_back(connection, &done);
            done
        });
        running.await.unwrap_or(Err(sqlx::Error::WorkerCrashed))
    }

    /// A connection, for who keeps it in a task of their own.
    pub(super) async fn acquire(&self) -> Result<Held, sqlx::Error> {
        self.kept.acquire().await
    }

    /// Closes every connection once its work is done; waits no longer for one than for any work.
    pub async fn close(&self) {
        if timeout(self.deadline, self.kept.close()).await.is_err() {
            tracing::warn!(server = %self.server, "a connection did not close in time");
        }
    }
}

/// Keeps a connection after its work, or closes it when nobody knows its state.
fn give_back<T>(connection: Held, done: &Result<T, sqlx::Error>) {
    if done.as_ref().is_err_and(is_unknown_state) {
        connection.close();
    } else {
        connection.keep();
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

/// Whether nobody knows what state the connection is in: the error came from elsewhere than the
/// database's own answer, or was the server's last word on it.
pub(super) fn is_unknown_state(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => error
            .try_downcast_ref::<PgDatabaseError>()
            .is_none_or(|error| matches!(error.severity(), PgSeverity::Fatal | PgSeverity::Panic)),
        sqlx::Error::RowNotFound
        | sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::ColumnNotFound(_)
        | sqlx::Error::Decode(_) => false,
        _ => true,
    }
}

#[cfg(test)]
#[path = "database_tests.rs"]
mod tests;
