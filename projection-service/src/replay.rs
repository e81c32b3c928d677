//! Makes all read models again from the log, beside the live ones; compares; switches.

use std::time::Duration;

use events::Position;
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};

use crate::{
    compare::{TableReport, Unreadable, compare},
    fold::Stop,
    follow::{Progress, Status},
    generation::State,
    read_side::{Generation, LiveGeneration, ReadSide, start},
    read_store::{ReadStoreError, Snapshot},
    table::{Keeping, Table},
};

/// How far the new generation may be behind when the last steps begin.
const NEAR: u64 = 2_000;
/// How long the live generation may take to come to where the new one is.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often whoever watches is told how it goes.
const TELL: Duration = Duration::from_millis(200);

/// How a replay goes.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplayProgress {
    /// What is being done.
    pub phase: Phase,
    /// The number of the new generation.
    pub generation: u32,
    /// The last event in it.
    pub position: Position,
    /// Where the log ends.
    pub head: Position,
    /// How many events a second go in, lately.
    pub events_per_second: f64,
    /// How long filling takes still, at that speed; none before the speed is known.
    pub remaining: Option<Duration>,
}

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The rows are made from the events.
    Filling,
    /// The indexes that questions need are made.
    Indexing,
    /// The new rows are compared with the live ones.
    Comparing {
        /// The table.
        table: &'static str,
    },
    /// The new generation becomes the live one.
    Switching,
}

/// What a replay saw.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The generation that was live.
    pub old: u32,
    /// The one that is live now.
    pub new: u32,
    /// The position at which both were cut.
    pub position: Position,
    /// What became of each table.
    pub tables: Vec<TableReport>,
    /// How many events were folded; fewer than there are when a replay was resumed.
    pub events: u64,
    /// How long filling took.
    pub filling: Duration,
}

impl Report {
    /// Whether every table that could be compared is equal.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        !self.tables.iter().any(|table| table.verdict.is_wrong())
    }
}

/// Why a replay came to nothing. The live generation is as it was.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReplayError {
    /// Another one is running.
    #[error("a replay is running already")]
    Busy,
    /// It was cancelled. The next one goes on from there.
    #[error("the replay was cancelled")]
    Cancelled,
    /// An event cannot be taken.
    #[error("event {} cannot be projected: {}", .0.position, .0.detail)]
    Stopped(Stop),
    /// The rows cannot be used.
    #[error(transparent)]
    ReadStore(#[from] ReadStoreError),
    /// The read side is shutting down, or a loop broke off.
    #[error("the read side has ended")]
    Ended,
}

impl ReadSide {
    /// Fills a new generation from the first event on, or goes on with one that was cancelled;
    /// compares it with the live one at one position; makes it the live one, whatever the
    /// comparison says: its rows are what the events say now. Questions are answered all the while.
    ///
    /// `tell` hears how it goes; `cancel` turning true, or dropping the future, cancels.
    ///
    /// # Errors
    /// See [`ReplayError`].
    pub async fn replay(
        &self,
        tell: &(dyn Fn(ReplayProgress) + Send + Sync),
        mut cancel: watch::Receiver<bool>,
    ) -> Result<Report, ReplayError> {
        let _one = self.inner.replaying.try_lock().map_err(|_| ReplayError::Busy)?;
        let mut closing = self.inner.closing.subscribe();
        if *closing.borrow() {
            return Err(ReplayError::Ended);
        }
        let (mut new, live) = self.building().await?;
        let report = tokio::select! {
            biased;
            () = cancelled(&mut cancel) => Err(ReplayError::Cancelled),
            () = cancelled(&mut closing) => Err(ReplayError::Ended),
            report = self.fill_and_compare(&mut new, tell) => report,
        };
        match report {
            Ok(mut report) => {
                // Half a switch would leave nobody in charge: nothing interrupts it.
                let side = self.clone();
                let switching = tokio::spawn(async move { side.switch_to(new, live).await });
                report.old = switching.await.map_err(|_| ReplayError::Ended)??;
                Ok(report)
            }
            Err(error) => {
                new.stop().await;
                live.pool.close().await;
                new.store.close().await;
                Err(error)
            }
        }
    }

    async fn fill_and_compare(
        &self,
        new: &mut Generation,
        tell: &(dyn Fn(ReplayProgress) + Send + Sync),
    ) -> Result<Report, ReplayError> {
        let tell = |phase, progress: &Progress| tell(replay_progress(phase, progress));
        let (since, begun) = (Instant::now(), new.store.checkpoint().await?.position);
        fill(new, &tell).await?;
        let filling = since.elapsed();

        tell(Phase::Indexing, &new.progress.borrow().clone());
        new.store.make_indexes().await?;
        fill(new, &tell).await?;

        let (position, tables) = self.compare_with_live(new, &tell).await?;
        new.goal.send_modify(|goal| goal.until = None);
        fill(new, &tell).await?;
        tell(Phase::Switching, &new.progress.borrow().clone());
        let (number, events) = (new.number, position.0.saturating_sub(begun.0));
        Ok(Report { old: self.live().number, new: number, position, tables, events, filling })
    }

    /// The generation that a cancelled replay left behind, or a new one.
    async fn building(&self) -> Result<(Generation, LiveGeneration), ReplayError> {
        let (settings, register) = (&self.inner.settings, &self.inner.register);
        let shape = settings.models.shape();
        let mut number = None;
        for left in register.list(State::Building).await? {
            if number.is_none() && left.shape == **shape {
                number = Some(left.number);
            } else {
                register.delete(left.number).await?;
            }
        }
        let number = match number {
            Some(number) => number,
            None => register.begin(shape).await?,
        };
        let store = register.store(number, settings.models.tables()).await?;
        Ok(start(settings, register, number, store))
    }

    /// Cuts both generations at one position and compares them. The live one goes on meanwhile:
    /// a snapshot of it stands still, and the new one is let come to exactly there.
    async fn compare_with_live(
        &self,
        new: &mut Generation,
        tell: &(dyn Fn(Phase, &Progress) + Send + Sync),
    ) -> Result<(Position, Vec<TableReport>), ReplayError> {
        let held = hold(new, Position::START).await?;
        let mut old = match self.live_snapshot(held).await {
            Err(ReplayError::ReadStore(ReadStoreError::Damaged(what))) => {
                Box::new(Unreadable { position: held, what })
            }
            old => old?,
        };
        if self.head().await.is_some_and(|head| old.position() > head) {
            let what = "it says that it knows more than the log".into();
            old = Box::new(Unreadable { position: held, what });
        }
        let cut = old.position();
        if cut > held {
            hold(new, cut).await?;
        }
        let mut fresh = new.store.snapshot().await?;
        let progress = new.progress.borrow().clone();
        let tables = self.inner.settings.models.tables();
        // What is of the present has to be read in one transaction: first, so that it is a short one.
        let is_present = |table: &&Table| table.keeping == Keeping::Current;
        let first = tables.iter().copied().filter(is_present);
        let order = first.chain(tables.iter().copied().filter(|table| !is_present(table)));
        let mut reports = Vec::new();
        for table in order {
            tell(Phase::Comparing { table: table.name }, &progress);
            reports.push(compare(table, cut, &mut *old, &mut *fresh).await?);
        }
        reports.sort_by_key(|report| tables.iter().position(|table| table.name == report.table));
        Ok((cut, reports))
    }

    /// A snapshot of the live generation, if it gets there in time not before `position`.
    async fn live_snapshot(&self, position: Position) -> Result<Box<dyn Snapshot>, ReplayError> {
        let mut progress = self.progress();
        let there = progress.wait_for(|progress| {
            progress.position >= position || matches!(progress.status, Status::Stopped(_))
        });
        // Behind or not: what it holds can be compared.
        drop(timeout(PATIENCE, there).await);
        let current = self.inner.current.lock().await;
        let generation = current.as_ref().ok_or(ReplayError::Ended)?;
        Ok(generation.store.snapshot().await?)
    }

    /// How far the live generation has come, which nobody may fall behind. A damaged one is believed as
    /// far as the log goes.
    async fn shown_by(&self, live: &Generation) -> Result<Position, ReplayError> {
        let position = match live.store.checkpoint().await {
            Err(ReadStoreError::Damaged(_)) => live.progress.borrow().position,
            checkpoint => checkpoint?.position,
        };
        Ok(self.head().await.map_or(position, |head| position.min(head)))
    }

    /// Stops the live generation's loop, lets the new one pass it, and shows that to readers.
    async fn switch_to(
        &self,
        mut new: Generation,
        live: LiveGeneration,
    ) -> Result<u32, ReplayError> {
        let mut current = self.inner.current.lock().await;
        let old = current.as_mut().ok_or(ReplayError::Ended)?;
        old.stop().await;
        let switched = async {
            let position = self.shown_by(old).await?;
            reach(&mut new.progress, |progress| progress.position >= position).await?;
            self.inner.register.switch_to(new.number).await?;
            Ok(())
        };
        if let Err(error) = switched.await {
            old.resume(&self.inner.settings);
            self.show(self.live(), old.progress.clone());
            return Err(error);
        }
        let pool = self.live().pool;
        self.show(live, new.progress.clone());
        let old = current.replace(new).ok_or(ReplayError::Ended)?;
        let number = old.number;
        tokio::spawn(old.retire(pool, self.inner.clone()));
        Ok(number)
    }
}

async fn cancelled(cancel: &mut watch::Receiver<bool>) {
    if cancel.wait_for(|cancelled| *cancelled).await.is_err() {
        // Nobody is left who could.
        std::future::pending::<()>().await;
    }
}

/// Waits until a generation is near the end of the log.
async fn fill(
    new: &mut Generation,
    tell: &(dyn Fn(Phase, &Progress) + Send + Sync),
) -> Result<(), ReplayError> {
    loop {
        let near = reach(&mut new.progress, |progress| {
            progress.status == Status::Following
                || (progress.status == Status::CatchingUp && progress.lag() < NEAR)
        });
        let is_near = timeout(TELL, near).await;
        tell(Phase::Filling, &new.progress.borrow().clone());
        if let Ok(reached) = is_near {
            return reached;
        }
    }
}

/// Lets a generation come to rest at a position, or where it is if that is behind it.
async fn hold(new: &mut Generation, position: Position) -> Result<Position, ReplayError> {
    new.goal.send_modify(|goal| goal.until = Some(position));
    reach(&mut new.progress, |progress| {
        progress.status == Status::Holding && progress.position >= position
    })
    .await?;
    Ok(new.progress.borrow().position)
}

/// Waits for a generation; not for ever for one that stands still.
async fn reach(
    progress: &mut watch::Receiver<Progress>,
    is_so: impl Fn(&Progress) -> bool,
) -> Result<(), ReplayError> {
    let there = progress
        .wait_for(|progress| {
            is_so(progress) || matches!(progress.status, Status::Stopped(_) | Status::Ended)
        })
        .await
        .map_err(|_| ReplayError::Ended)?;
    match &there.status {
        _ if is_so(&there) => Ok(()),
        Status::Stopped(stop) => Err(ReplayError::Stopped(stop.clone())),
        _ => Err(ReplayError::Ended),
    }
}

fn replay_progress(phase: Phase, progress: &Progress) -> ReplayProgress {
    let Progress { generation, position, head, events_per_second, .. } = *progress;
    let lag = u32::try_from(progress.lag()).map_or(f64::MAX, f64::from);
    let remaining = Duration::try_from_secs_f64(lag / events_per_second).ok();
    ReplayProgress { phase, generation, position, head, events_per_second, remaining }
}

#[cfg(test)]
#[path = "replay_tests.rs"]
mod tests;
