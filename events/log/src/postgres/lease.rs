//! Leases: of several processes that could do a piece of work, one does it.
//!
//! A lease keeps work from being done twice; it does not fence it. Whoever holds one and was asleep
//! may still believe so: what they write must be refused by what they write to (the head of the log,
//! JetStream's expected sequence, the read models' checkpoint).

use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, time::Instant};
use uuid::Uuid;

use super::Database;

/// How long a lease lasts when it is not renewed. Another process takes over that long after its
/// holder fell silent.
pub const TERM: Duration = Duration::from_secs(4);
/// How often it is renewed, and how often others try to get it.
const RHYTHM: Duration = Duration::from_millis(1_000);

/// The statement that makes the table of leases in the schema of a connection.
pub const LEASES: &str = "create table if not exists leases (name text primary key, \
     holder uuid not null, until timestamptz not null, term bigint not null)";

/// One process's claim on one piece of work.
#[derive(Clone, Debug)]
pub struct Lease {
    database: Database,
    name: Arc<str>,
    holder: Uuid,
}

impl Lease {
    /// The claim of `holder`, which no other process has, on the lease of that name in the schema
    /// that `database` is connected to.
    #[must_use]
    pub fn new(database: Database, name: &str, holder: Uuid) -> Self {
        // Who has not heard by then does not hold it.
        Self { database: database.within(TERM), name: name.into(), holder }
    }

    /// Makes the table where it is missing. For who owns the schema.
    ///
    /// # Errors
    /// The database's.
    pub async fn make_table(database: &Database) -> Result<(), sqlx::Error> {
        let made = database.run(|connection| {
            Box::pin(async move { sqlx::query(LEASES).execute(connection).await })
        });
        made.await.map(drop)
    }

    /// Takes the lease, or renews it. Whether it is held until [`TERM`] from when this was called.
    ///
    /// # Errors
    /// The database's: then nobody knows.
    pub async fn hold(&self) -> Result<bool, sqlx::Error> {
        let (name, holder) = (Arc::clone(&self.name), self.holder);
        let term = i64::try_from(TERM.as_millis()).unwrap_or(i64::MAX);
        let held = self.database.run(move |connection| {
            Box::pin(async move {
                // The database's clock is the only one: `term` counts the changes of hands.
                let sql = "insert into leases as l (name, holder, until, term) \
                    values ($1, $2, clock_timestamp() + $3 * interval '1 millisecond', 1) \
                    on conflict (name) do update set holder = excluded.holder, \
                    until = excluded.until, \
                    term = l.term + case when l.holder = excluded.holder then 0 else 1 end \
                    where l.holder = excluded.holder or l.until < clock_timestamp()";
                let query = sqlx::query(sql).bind(name.to_string()).bind(holder).bind(term);
                Ok(query.execute(connection).await?.rows_affected() == 1)
            })
        });
        held.await
    }

    /// Gives the lease back, if it is held, so that nobody has to wait for its end.
    pub async fn release(&self) {
        let (name, holder) = (Arc::clone(&self.name), self.holder);
        let released = self.database.run(move |connection| {
            Box::pin(async move {
                let sql = "delete from leases where name = $1 and holder = $2";
                sqlx::query(sql).bind(name.to_string()).bind(holder).execute(connection).await
            })
        });
        if let Err(error) = released.await {
            tracing::debug!(%error, lease = %self.name, "a lease runs out instead of being released");
        }
    }
}

/// Runs `work` whenever the lease is held, until `stop` says so. `work` is told to stop through the
/// receiver it is given, when the lease is lost too, and must end then. Its error ends everything.
///
/// # Errors
/// Those of `work`.
pub async fn while_held<E, F>(
    lease: &Lease,
    mut stop: watch::Receiver<bool>,
    mut work: impl FnMut(watch::Receiver<bool>) -> F + Send,
) -> Result<(), E>
where
    F: Future<Output = Result<(), E>> + Send,
{
    while !*stop.borrow() {
        let asked = Instant::now();
        if matches!(lease.hold().await, Ok(true)) {
            let (told, stopping) = watch::channel(false);
            let mut working = std::pin::pin!(work(stopping));
            let ended = tokio::select! {
                ended = &mut working => Some(ended),
                () = lost(lease, asked) => {
                    tracing::warn!(lease = %lease.name, "a lease was lost");
                    None
                }
                _ = stop.wait_for(|stop| *stop) => None,
            };
            told.send_replace(true);
            let ended = match ended {
                Some(ended) => ended,
                None => working.await,
            };
            lease.release().await;
            ended?;
        }
        // Told to stop, or time for the next try.
        let _stopped = tokio::time::timeout(RHYTHM, stop.wait_for(|stop| *stop)).await.is_ok();
    }
    Ok(())
}

/// Renews the lease until it is somebody else's, or has run out without an answer.
async fn lost(lease: &Lease, mut renewed: Instant) {
    let mut rhythm = tokio::time::interval(RHYTHM);
    rhythm.tick().await;
    loop {
        rhythm.tick().await;
        let asked = Instant::now();
        let left = TERM.saturating_sub(asked.duration_since(renewed));
        match tokio::time::timeout(left, lease.hold()).await {
            Ok(Ok(true)) => renewed = asked,
            Ok(Ok(false)) => return,
            // It may come back before the lease has run out.
            Ok(Err(_)) if renewed.elapsed() < TERM => {}
            Ok(Err(_)) | Err(_) => return,
        }
    }
}

#[cfg(test)]
#[path = "lease_tests.rs"]
mod tests;
