//! The read loop: read, project, commit; one generation of the read models stays in step with the log.

use std::{
    future::pending,
    mem,
    sync::Arc,
    time::{Duration, Instant},
};

use events::Position;
use tokio::{
    sync::{mpsc, watch},
    task::{JoinError, JoinHandle, spawn_blocking},
    time::timeout,
};

use crate::{
    fold::{Decoded, Folded, Folder, Stop},
    models::ReadModels,
    read_store::{Commit, ReadStore, ReadStoreError},
};

mod progress;
mod reader;

use progress::Meter;
pub use progress::{Progress, Status};
pub use reader::Log;
use reader::{Page, Trouble, read_ahead};

/// How long to wait before something that failed is tried again.
const PAUSE: Duration = Duration::from_secs(1);
/// From how many events on folding is moved off the async threads.
const MANY: usize = 64;

/// What can be wrong, for machines: the code of every [`Stop`] there is.
pub const CODES: [&str; 9] = [
    FENCED,
    "read_store.damaged",
    "projector.misfit",
    "projector.panicked",
    "projector.damaged",
    "row.damaged",
    "event.unknown",
    "event.undecodable",
    "event.sealed_wrongly",
];

/// The code of a stop because somebody else writes to the same rows.
pub const FENCED: &str = "read_store.fenced";

/// What a loop is to do. It can be changed while the loop runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Goal {
    /// Stand still at this position, once it is reached.
    pub until: Option<Position>,
    /// Finish what is under way, and end.
    pub stop: bool,
}

/// One read loop.
pub struct Follow {
    /// The read models.
    pub models: Arc<ReadModels>,
    /// Where their rows are.
    pub store: Arc<dyn ReadStore>,
    /// Where events come from.
    pub log: Log,
    /// About how many bytes of rows may stay in memory.
    pub cache_bytes: usize,
    /// What to do.
    pub goal: watch::Receiver<Goal>,
    /// How it goes. Published after each commit.
    pub progress: watch::Sender<Progress>,
}

/// Why a session is over.
enum End {
    /// It was told to stop.
    Told,
    /// Something failed that may work later.
    Failed(String),
    /// A batch contradicts what is stored. The events up to here are to be taken one by one, to
    /// find the one that does not fit.
    Spoilt(Position),
    /// It cannot go on.
    Stopped(Stop),
}

impl Follow {
    /// Runs until it is told to stop. An event that cannot be taken lets it stand still there, in
    /// status [`Status::Stopped`]; the next start tries again.
    pub async fn run(mut self) {
        let mut singly = Position::START;
        self.flag_stopped(false);
        loop {
            match self.session(singly).await {
                End::Told => break,
                End::Spoilt(until) => singly = until,
                End::Failed(detail) => {
                    tracing::warn!(%detail, "the read models wait");
                    self.publish(Status::Waiting { detail: detail.into() });
                    let stopping = self.goal.wait_for(|goal| goal.stop);
                    if timeout(PAUSE, stopping).await.is_ok() {
                        break;
                    }
                }
                End::Stopped(stop) => {
                    let Stop { position, code, detail } = &stop;
                    tracing::error!(%position, code, %detail, "the read models stand still");
                    self.flag_stopped(true);
                    self.publish(Status::Stopped(stop));
                    // Whoever could tell it to stop may also be gone.
                    drop(self.goal.wait_for(|goal| goal.stop).await);
                    return;
                }
            }
        }
        self.publish(Status::Ended);
    }

    fn flag_stopped(&self, is_stopped: bool) {
        let generation = self.progress.borrow().generation.to_string();
        metrics::gauge!("annals_projection_stopped", "generation" => generation)
            .set(f64::from(u8::from(is_stopped)));
    }

    fn publish(&self, status: Status) {
        self.progress.send_modify(|progress| progress.status = status);
    }

    /// From the stored checkpoint until something ends it.
    async fn session(&mut self, singly: Position) -> End {
        let checkpoint = match self.store.checkpoint().await {
            Ok(checkpoint) => checkpoint,
            Err(error) => return store_failed(&error, Position::START),
        };
        let position = checkpoint.position;
        let (sender, pages) = mpsc::channel(1);
        let reading = tokio::spawn(read_ahead(self.log.clone(), position, sender));
        let session = Session {
            folder: Folder::new(self.models.clone(), checkpoint, self.cache_bytes),
            meter: Meter::new(self.progress.clone(), position),
            page: Page::default(),
            committing: None,
            singly,
            follow: self,
        };
        let end = session.run(pages).await;
        reading.abort();
        end
    }
}

fn store_failed(error: &ReadStoreError, at: Position) -> End {
    let stop = |code| End::Stopped(Stop { position: at, code, detail: error.to_string() });
    match error {
        ReadStoreError::Fenced { .. } | ReadStoreError::Superseded => stop(FENCED),
        ReadStoreError::Damaged(_) => stop("read_store.damaged"),
        ReadStoreError::Conflict { .. } => stop("projector.misfit"),
        ReadStoreError::Unavailable(_) | ReadStoreError::Full => End::Failed(error.to_string()),
    }
}

/// A batch on its way into the store.
struct Committing {
    reached: Position,
    head: Position,
    events: usize,
    since: Instant,
    done: JoinHandle<Result<(), ReadStoreError>>,
}

/// The loop between two looks at the stored checkpoint. While a batch is being stored the next one
/// is folded, and the one after that is read.
struct Session<'a> {
    follow: &'a mut Follow,
    folder: Folder,
    meter: Meter,
    page: Page,
    committing: Option<Committing>,
    singly: Position,
}

impl Session<'_> {
    async fn run(mut self, mut pages: mpsc::Receiver<Result<Page, Trouble>>) -> End {
        loop {
            match self.step(&mut pages).await {
                Ok(()) => {}
                Err(end) => return self.finish(end).await,
            }
        }
    }

    /// What is being stored is waited for; if that fails it is the reason for the end.
    async fn finish(mut self, end: End) -> End {
        match self.settle().await {
            Ok(()) => end,
            Err(failed) => failed,
        }
    }

    async fn step(&mut self, pages: &mut mpsc::Receiver<Result<Page, Trouble>>) -> Result<(), End> {
        let goal = *self.follow.goal.borrow_and_update();
        if goal.stop {
            return Err(End::Told);
        }
        let batch = self.next_batch(goal.until);
        if !batch.is_empty() {
            return self.take(batch).await;
        }
        if self.page.events.is_empty()
            && let Some(stop) = self.page.stop.take()
        {
            return Err(End::Stopped(stop));
        }
        let is_held = !self.page.events.is_empty();
        let is_there = goal.until.is_some_and(|until| self.folder.stored().position >= until);
        self.meter.hold(is_there && self.committing.is_none());
        tokio::select! {
            biased;
            stored = stored(&mut self.committing) => self.settled(stored),
            changed = self.follow.goal.changed() => changed.map_err(|_| End::Told),
            page = pages.recv(), if !is_held => {
                let page = page.unwrap_or(Err(Trouble::Interrupted));
                self.page = page.map_err(|trouble| End::Failed(trouble.to_string()))?;
                self.meter.see(self.page.head);
                Ok(())
            }
        }
    }

    /// The events to fold next: all of the page, unless a position must not be passed.
    fn next_batch(&mut self, until: Option<Position>) -> Vec<Decoded> {
        let events = &mut self.page.events;
        let allowed = until.map_or(events.len(), |until| {
            events.partition_point(|event| event.recorded.position <= until)
        });
        let is_single = events.first().is_some_and(|event| event.recorded.position <= self.singly);
        let count = if is_single { allowed.min(1) } else { allowed };
        if count == events.len() {
            return mem::take(events);
        }
        let rest = events.split_off(count);
        mem::replace(events, rest)
    }

    /// Folds a batch and has it stored.
    async fn take(&mut self, batch: Vec<Decoded>) -> Result<(), End> {
        let (since, events) = (Instant::now(), batch.len());
        let folded = self.fold(batch).await;
        // Also what was folded before an event that stops everything.
        if !matches!(folded, Err(End::Spoilt(_)))
            && let Some(commit) = self.folder.take()
        {
            self.settle().await?;
            self.store(commit, events, since);
        }
        if self.singly > Position::START {
            self.settle().await?;
        }
        folded
    }

    async fn fold(&mut self, batch: Vec<Decoded>) -> Result<(), End> {
        let mut batch = Arc::new(batch);
        let mut next = 0;
        loop {
            let folded = self.fold_on(&mut batch, next).await?;
            match folded {
                Folded::Whole => return Ok(()),
                Folded::Stopped { stop, .. } => return Err(End::Stopped(stop)),
                Folded::Spoilt { stop, .. } if stop.position <= self.singly => {
                    return Err(End::Stopped(stop));
                }
                Folded::Spoilt { stop, .. } => return Err(End::Spoilt(stop.position)),
                Folded::Load { next: at, wanted } => {
                    // What is being stored may have left the memory already: a row that is loaded
                    // before it is stored would be the one from before.
                    self.settle().await?;
                    let rows = self.follow.store.load(wanted.clone()).await;
                    let at_event = batch[at].recorded.position;
                    let rows = rows.map_err(|error| store_failed(&error, at_event))?;
                    self.folder.learn(wanted, rows);
                    next = at;
                }
            }
        }
    }

    /// One go of folding; a long one is no work for an async thread.
    async fn fold_on(&mut self, batch: &mut Arc<Vec<Decoded>>, next: usize) -> Result<Folded, End> {
        if batch.len() - next < MANY {
            return Ok(self.folder.fold(batch, next));
        }
        let stored = self.folder.stored().clone();
        let empty = Folder::new(self.follow.models.clone(), stored, 0);
        let mut folder = mem::replace(&mut self.folder, empty);
        let events = batch.clone();
        let folding = spawn_blocking(move || {
            let folded = folder.fold(&events, next);
            (folder, folded)
        });
        let (folder, folded) =
            folding.await.map_err(|_| End::Failed("folding was interrupted".to_owned()))?;
        self.folder = folder;
        Ok(folded)
    }

    fn store(&mut self, commit: Commit, events: usize, since: Instant) {
        let (store, reached) = (self.follow.store.clone(), commit.reached.position);
        let done = tokio::spawn(async move { store.commit(commit).await });
        let head = self.page.head;
        self.committing = Some(Committing { reached, head, events, since, done });
    }

    /// Waits for the batch that is being stored, if there is one.
    async fn settle(&mut self) -> Result<(), End> {
        if self.committing.is_none() {
            return Ok(());
        }
        let stored = stored(&mut self.committing).await;
        self.settled(stored)
    }

    /// Tells of the batch that was stored.
    fn settled(&mut self, stored: Stored) -> Result<(), End> {
        let Some(Committing { reached, head, events, since, .. }) = self.committing.take() else {
            return Ok(());
        };
        match stored {
            Ok(Ok(())) => {
                self.meter.reach(reached, head, events, since.elapsed());
                Ok(())
            }
            Ok(Err(ReadStoreError::Conflict { .. })) if reached > self.singly => {
                Err(End::Spoilt(reached))
            }
            Ok(Err(error)) => Err(store_failed(&error, reached)),
            Err(_) => Err(End::Failed("storing was interrupted".to_owned())),
        }
    }
}

type Stored = Result<Result<(), ReadStoreError>, JoinError>;

/// Ready once the batch is stored; never, where there is none. May be dropped while it waits.
async fn stored(committing: &mut Option<Committing>) -> Stored {
    match committing {
        Some(committing) => (&mut committing.done).await,
        None => pending().await,
    }
}

#[cfg(test)]
#[path = "follow_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "order_tests.rs"]
mod order;
