//! The reading half of the read side: which rows are live, and how far they are. In the process
//! that makes the rows, or in another one on the same database.

use std::sync::Arc;

use events::{Position, ids::LogId};
use events_log::{
    postgres::{PostgresError, Server},
    store::EventFeed,
};
use tokio::sync::watch;

use crate::{
    follow::{Progress, Status},
    models::ReadModels,
    read_side::{LiveGeneration, ReadSide},
};

mod distant;
mod heads;

use distant::Distant;

/// What a process that only answers is made of.
#[derive(Clone)]
pub struct Reading {
    /// Where the rows are.
    pub server: Server,
    /// Which log they must be made from.
    pub log_id: LogId,
    /// Says where the log ends.
    pub feed: Arc<dyn EventFeed>,
    /// The read models this build asks: rows of another shape are not answered from.
    pub models: Arc<ReadModels>,
    /// How many questions may be answered at once.
    pub connections: u32,
}

/// The live generation and how it goes. Cheap to clone.
#[derive(Clone)]
pub struct ReadView {
    source: Source,
}

#[derive(Clone)]
enum Source {
    Here(ReadSide),
    Distant(Arc<Distant>),
}

impl ReadView {
    pub(crate) const fn here(side: ReadSide) -> Self {
        Self { source: Source::Here(side) }
    }

    /// Looks at read models that another process makes. Whether one does, and whether the database
    /// is there, may change at any time: [`Self::status`] tells. It ends with its last clone.
    ///
    /// # Errors
    /// [`PostgresError::Refused`] when the login, the format or the log is not the right one.
    pub async fn follow(reading: Reading) -> Result<Self, PostgresError> {
        Ok(Self { source: Source::Distant(Arc::new(Distant::follow(reading).await?)) })
    }

    /// The generation to answer from now; none while there are no rows that this build can ask.
    #[must_use]
    pub fn live(&self) -> Option<LiveGeneration> {
        match &self.source {
            Source::Here(side) => Some(side.live()),
            Source::Distant(distant) => distant.live(),
        }
    }

    /// How far the live generation is. What it says is visible can be seen through [`Self::live`]
    /// from then on.
    #[must_use]
    pub fn progress(&self) -> watch::Receiver<Progress> {
        match &self.source {
            Source::Here(side) => side.progress(),
            Source::Distant(distant) => distant.progress(),
        }
    }

    /// Where the log ends, if this process is the one that makes it longer: nothing has to be asked.
    pub async fn own_head(&self) -> Option<Position> {
        match &self.source {
            Source::Here(side) => side.head().await,
            Source::Distant(_) => None,
        }
    }

    /// Where the log ends, no earlier than when this was called; none where it does not say so in
    /// time. Whoever asks another process's log together with others shares one question.
    pub async fn head(&self) -> Option<Position> {
        match &self.source {
            Source::Here(side) => side.head().await,
            Source::Distant(distant) => distant.head().await,
        }
    }

    /// How it goes now.
    #[must_use]
    pub fn status(&self) -> Progress {
        self.progress().borrow().clone()
    }

    /// News of [`Self::progress`] come as fast as they can while this is held.
    #[must_use]
    pub fn waiting(&self) -> Waiting {
        let waiters = match &self.source {
            Source::Here(_) => None,
            Source::Distant(distant) => Some(distant.waiters()),
        };
        if let Some(waiters) = &waiters {
            waiters.send_modify(|waiters| *waiters += 1);
        }
        Waiting(waiters)
    }

    /// Closes every connection once the question on it is answered. A read side in this process
    /// goes on.
    pub async fn close(&self) {
        if let Source::Distant(distant) = &self.source {
            distant.end();
            let mut progress = distant.progress();
            // An error says that it has ended already.
            progress.wait_for(|progress| progress.status == Status::Ended).await.ok();
        }
    }
}

/// Somebody waits for the rows to come further.
pub struct Waiting(Option<watch::Sender<usize>>);

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(waiters) = &self.0 {
            waiters.send_modify(|waiters| *waiters = waiters.saturating_sub(1));
        }
    }
}

#[cfg(test)]
#[path = "read_view_tests.rs"]
mod tests;
