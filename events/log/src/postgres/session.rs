//! A transaction that is kept open over several questions, owned by a task.

use std::time::Duration;

use sqlx::{Executor, PgConnection};
use tokio::sync::{mpsc, oneshot};

use super::{
    Database,
    database::{Work, guarded, is_unknown_state, within},
    kept::Held,
};

type Job = Box<
    dyn for<'c> FnOnce(
            &'c mut PgConnection,
        ) -> std::pin::Pin<
            Box<dyn Future<Output = Result<(), sqlx::Error>> + Send + 'c>,
        > + Send,
>;

/// One transaction. It ends, rolled back, when this is dropped, whatever was under way.
#[derive(Debug)]
pub struct Session {
    jobs: mpsc::Sender<Job>,
    deadline: Duration,
}

impl Session {
    /// Begins one: `begin isolation level repeatable read read only`.
    ///
    /// # Errors
    /// When no connection is to be had.
    pub async fn begin(database: &Database, begin: &'static str) -> Result<Self, sqlx::Error> {
        let (jobs, wishes) = mpsc::channel(1);
        let (begun, has_begun) = oneshot::channel();
        let (database, deadline) = (database.clone(), database.deadline());
        tokio::spawn(async move {
            let opened = open(&database, begin).await;
            match opened {
                Ok(connection) => {
                    // Whoever asked may have gone: then there are no wishes, and it ends at once.
                    begun.send(Ok(())).ok();
                    serve(connection, wishes, deadline).await;
                }
                Err(error) => {
                    begun.send(Err(error)).ok();
                }
            }
        });
        has_begun.await.unwrap_or(Err(sqlx::Error::WorkerCrashed))?;
        Ok(Self { jobs, deadline })
    }

    /// Runs some work in the transaction, within the deadline of the database it began in.
    ///
    /// # Errors
    /// The database's; that of a wire when the deadline passes.
    pub async fn run<T, F>(&self, work: F) -> Result<T, sqlx::Error>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut PgConnection) -> Work<'c, T> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let deadline = self.deadline;
        let job: Job = Box::new(move |connection| {
            Box::pin(async move {
                let done = within(deadline, guarded(connection, work)).await;
                let outcome = match &done {
                    Err(error) if is_unknown_state(error) => Err(sqlx::Error::WorkerCrashed),
                    _ => Ok(()),
                };
                // Whoever asked may have gone meanwhile.
                answer.send(done).ok();
                outcome
            })
        });
        self.jobs.send(job).await.map_err(|_| sqlx::Error::WorkerCrashed)?;
        answered.await.unwrap_or(Err(sqlx::Error::WorkerCrashed))
    }
}

async fn open(database: &Database, begin: &'static str) -> Result<Held, sqlx::Error> {
    let mut connection = database.acquire().await?;
    if let Err(error) = within(database.deadline(), connection.execute(begin)).await {
        connection.close();
        return Err(error);
    }
    Ok(connection)
}

async fn serve(mut connection: Held, mut wishes: mpsc::Receiver<Job>, deadline: Duration) {
    while let Some(job) = wishes.recv().await {
        if job(&mut connection).await.is_err() {
            connection.close();
            return;
        }
    }
    match within(deadline, connection.execute("rollback")).await {
        Ok(_) => connection.keep(),
        Err(_) => connection.close(),
    }
}
