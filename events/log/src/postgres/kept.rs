//! Connections that are kept between two pieces of work.
//!
//! A pool of sqlx asks every connection that comes back whether it is alive: one more round trip for
//! each piece of work, most of which are one round trip long. What comes back in order is kept here
//! instead, and asked only after it was idle.

use std::{
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sqlx::{Connection as _, PgConnection, PgPool, pool::PoolConnection, postgres::Postgres};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout},
};

use super::database::within;

/// How long to wait for a connection.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// How long a connection that was idle may take to show that it is alive.
const ALIVE: Duration = Duration::from_secs(1);
/// How long a connection is trusted without having been used.
const IDLE: Duration = Duration::from_millis(500);
/// How long one that nobody needs is kept.
const UNUSED: Duration = Duration::from_secs(60);

/// A pool, and what came back from work on it.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pool: PgPool,
    /// As many as the pool has connections: who has a turn finds one here or in the pool.
    turns: Arc<Semaphore>,
    /// The last one that came back is at the end.
    idle: Arc<Mutex<Vec<Idle>>>,
}

#[derive(Debug)]
struct Idle {
    connection: PoolConnection<Postgres>,
    since: Instant,
}

/// A connection in use. Dropped without [`Held::keep`] it goes back to the pool, which looks after it.
pub(super) struct Held {
    connection: PoolConnection<Postgres>,
    kept: Kept,
    _turn: OwnedSemaphorePermit,
}

impl Kept {
    pub(super) fn new(pool: PgPool, connections: u32) -> Self {
        let turns = Arc::new(Semaphore::new(connections as usize));
        Self { pool, turns, idle: Arc::default() }
    }

    /// A connection, as soon as one is free.
    pub(super) async fn acquire(&self) -> Result<Held, sqlx::Error> {
        if self.pool.is_closed() {
            return Err(sqlx::Error::PoolClosed);
        }
        let turn = timeout(PATIENCE, Arc::clone(&self.turns).acquire_owned()).await;
        let turn = turn.map_err(|_| sqlx::Error::PoolTimedOut)?;
        let turn = turn.map_err(|_| sqlx::Error::PoolClosed)?;
        let held = |connection| Held { connection, kept: self.clone(), _turn: turn };
        while let Some(idle) = self.pop() {
            let Idle { mut connection, since } = idle;
            if since.elapsed() < IDLE || within(ALIVE, connection.ping()).await.is_ok() {
                return Ok(held(connection));
            }
            connection.close_on_drop();
        }
        Ok(held(self.pool.acquire().await?))
    }

    /// How many connections are with somebody.
    pub(super) fn in_use(&self) -> usize {
        let all = usize::try_from(self.pool.options().get_max_connections()).unwrap_or(usize::MAX);
        all.saturating_sub(self.turns.available_permits())
    }

    /// Closes every connection once its work is done.
    pub(super) async fn close(&self) {
        // From here on nothing is kept.
        let closing = self.pool.close();
        drop(std::mem::take(&mut *self.idle()));
        closing.await;
    }

    fn pop(&self) -> Option<Idle> {
        self.idle().pop()
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Keeps it for whoever comes next. For one that is not inside a transaction and owes no answer.
    pub(super) fn keep(self) {
        let Self { connection, kept, _turn } = self;
        let since = Instant::now();
        let mut idle = kept.idle();
        // Asked under the lock that closing takes after it is closed.
        if kept.pool.is_closed() {
            return;
        }
        idle.push(Idle { connection, since });
        // Those that are used least are at the front.
        if idle[0].since + UNUSED < since {
            idle.remove(0).connection.close_on_drop();
        }
    }

    /// Closes it: nobody knows what state it is in.
    pub(super) fn close(mut self) {
        self.connection.close_on_drop();
    }
}

impl Deref for Held {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for Held {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}
