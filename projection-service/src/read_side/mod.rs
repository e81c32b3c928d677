//! The read side of one installation: the live generation, its loop, and who reads from it.

use std::{sync::Arc, time::Duration};

use events::Position;
use events_log::postgres::PostgresError;
use tokio::{
    sync::{Mutex, mpsc, watch},
    task::JoinHandle,
    time::timeout,
};

use crate::{
    follow::{Follow, Goal, Log, Progress, Status},
    generation::{Register, State},
    models::ReadModels,
    read_store::{ReadStore, ReadStoreError},
    read_view::ReadView,
};

pub use crate::generation::{Place, Pool};

mod opening;
mod telling;

use opening::{forget, open_live};
use telling::{forward, publish};

/// From how many waiting events on a new generation is filled before it gets its indexes.
const MANY: u64 = 20_000;

/// How long a replay may take to give up.
const GIVING_UP: Duration = Duration::from_secs(5);

/// Enough that following live rarely loads a row, and that rebuilding some ten thousand records
/// never does.
pub const DEFAULT_CACHE_BYTES: usize = 32 * 1024 * 1024;

/// What a read side is made of.
#[derive(Clone)]
pub struct Settings {
    /// Where the rows are.
    pub place: Place,
    /// The read models.
    pub models: Arc<ReadModels>,
    /// Where events come from.
    pub log: Log,
    /// About how many bytes of rows folding may keep in memory: [`DEFAULT_CACHE_BYTES`].
    pub cache_bytes: usize,
    /// How many questions may be answered at once.
    pub connections: u32,
}

/// The generation that questions are answered from. Whoever holds one can finish on it, also after
/// another has become the live one.
#[derive(Clone, Debug)]
pub struct LiveGeneration {
    /// Its number.
    pub number: u32,
    /// Connections that only read.
    pub pool: Pool,
    /// Gone with the last holder: the rows are kept until then.
    _held: mpsc::Sender<()>,
}

impl LiveGeneration {
    /// Connections to a generation, and what ends when nobody holds it any more.
    pub(crate) fn new(number: u32, pool: Pool) -> (Self, mpsc::Receiver<()>) {
        let (held, released) = mpsc::channel(1);
        (Self { number, pool, _held: held }, released)
    }
}

/// A generation with its loop.
pub(crate) struct Generation {
    pub(crate) number: u32,
    pub(crate) store: Arc<dyn ReadStore>,
    pub(crate) progress: watch::Receiver<Progress>,
    pub(crate) goal: watch::Sender<Goal>,
    task: Option<JoinHandle<()>>,
    /// Closed when nobody holds the generation for reading.
    released: mpsc::Receiver<()>,
}

/// The read side.
#[derive(Clone)]
pub struct ReadSide {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) settings: Settings,
    pub(crate) register: Arc<Register>,
    /// The live generation; none once the read side has ended.
    pub(crate) current: Mutex<Option<Generation>>,
    pub(crate) replaying: Mutex<()>,
    live: watch::Sender<LiveGeneration>,
    progress: watch::Sender<Progress>,
    forwarding: watch::Sender<watch::Receiver<Progress>>,
    pub(crate) closing: watch::Sender<bool>,
}

impl ReadSide {
    /// Opens the live generation and starts to follow the log. A generation whose rows are of
    /// another shape, or were made from another log, is made again from the first event on.
    ///
    /// # Errors
    /// When the folder or the log cannot be used.
    pub async fn open(settings: Settings) -> Result<Self, OpenError> {
        let register = Arc::new(Register::open(&settings.place, settings.log.log_id).await?);
        let closing = watch::channel(false).0;
        for retired in register.list(State::Retired).await? {
            forget(&register, retired.number, retired.kept_for, &closing).await?;
        }
        let (number, store) = open_live(&settings, &register, &closing).await?;
        let (generation, live) = start(&settings, &register, number, store);
        make_indexes(&settings, &generation).await?;

        let (forwarding, source) = watch::channel(generation.progress.clone());
        let (progress, told) = watch::channel(generation.progress.borrow().clone());
        tokio::spawn(forward(source, progress.clone()));
        tokio::spawn(publish(Arc::clone(&register), told, closing.subscribe()));
        let inner = Inner {
            settings,
            register,
            current: Mutex::new(Some(generation)),
            replaying: Mutex::new(()),
            live: watch::channel(live).0,
            progress,
            forwarding,
            closing,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Waits for the wish to shut down, then finishes the batch under way and closes everything.
    pub async fn run(&self, mut shutdown: watch::Receiver<bool>) {
        // Whoever could wish it may also be gone.
        drop(shutdown.wait_for(|wished| *wished).await);
        self.close().await;
    }

    /// Finishes the batch under way and closes everything.
    pub async fn close(&self) {
        self.inner.closing.send_replace(true);
        // A replay that is under way gives up, and closes what it has made so far.
        drop(timeout(GIVING_UP, self.inner.replaying.lock()).await);
        if let Some(mut generation) = self.inner.current.lock().await.take() {
            generation.stop().await;
            let pool = self.inner.live.borrow().pool.clone();
            pool.close().await;
            generation.store.close().await;
            self.inner.register.close().await;
        }
        self.inner.progress.send_modify(|progress| progress.status = Status::Ended);
    }

    /// The generation to answer from now.
    #[must_use]
    pub fn live(&self) -> LiveGeneration {
        self.inner.live.borrow().clone()
    }

    /// How far the live generation is. Its position never goes back, also when another one becomes
    /// live; what it says is visible can be seen through [`Self::live`] from then on.
    #[must_use]
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.inner.progress.subscribe()
    }

    /// Where the log ends now; none where it cannot be asked.
    pub async fn head(&self) -> Option<Position> {
        let head = self.inner.settings.log.feed.feed_head().await;
        head.ok().map(|head| head.position)
    }

    /// What whoever answers questions in this process needs of it.
    #[must_use]
    pub fn view(&self) -> ReadView {
        ReadView::here(self.clone())
    }

    /// How it goes now.
    #[must_use]
    pub fn status(&self) -> Progress {
        self.inner.progress.borrow().clone()
    }

    /// Shows another generation to readers.
    pub(crate) fn show(&self, live: LiveGeneration, progress: watch::Receiver<Progress>) {
        self.inner.live.send_replace(live);
        self.inner.forwarding.send_replace(progress);
    }
}

impl Generation {
    /// Lets the loop finish the batch under way, and end.
    pub(crate) async fn stop(&mut self) {
        self.goal.send_modify(|goal| goal.stop = true);
        if let Some(task) = self.task.take()
            && let Err(error) = task.await
        {
            tracing::error!(%error, generation = self.number, "the read loop broke off");
        }
    }

    /// Starts the loop again after [`Self::stop`].
    pub(crate) fn resume(&mut self, settings: &Settings) {
        let (goal, progress, task) = follow(settings, self.number, self.store.clone());
        (self.goal, self.progress, self.task) = (goal, progress, Some(task));
    }

    /// Closes and deletes the rows once nobody reads them any more.
    pub(crate) async fn retire(mut self, pool: Pool, inner: Arc<Inner>) {
        self.stop().await;
        // Nobody ever sends: this ends when all senders are gone.
        self.released.recv().await;
        pool.close().await;
        self.store.close().await;
        let (register, number) = (&inner.register, self.number);
        if let Err(error) = forget(register, number, register.grace(), &inner.closing).await {
            tracing::warn!(%error, generation = number, "an old generation stays for now");
        }
    }
}

impl Drop for Generation {
    fn drop(&mut self) {
        self.goal.send_modify(|goal| goal.stop = true);
    }
}

/// Why the read side cannot start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The rows cannot be used.
    #[error(transparent)]
    ReadStore(#[from] ReadStoreError),
    /// The database cannot be used, or must not be: its read models are of another log.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] events_log::store::StoreError),
}

/// Starts a generation's loop and makes its connections for reading.
pub(crate) fn start(
    settings: &Settings,
    register: &Register,
    number: u32,
    store: Arc<dyn ReadStore>,
) -> (Generation, LiveGeneration) {
    let pool = register.pool(number, settings.connections);
    let (live, released) = LiveGeneration::new(number, pool);
    let (goal, progress, task) = follow(settings, number, store.clone());
    (Generation { number, store, progress, goal, task: Some(task), released }, live)
}

fn follow(
    settings: &Settings,
    number: u32,
    store: Arc<dyn ReadStore>,
) -> (watch::Sender<Goal>, watch::Receiver<Progress>, JoinHandle<()>) {
    let (goal, goals) = watch::channel(Goal::default());
    let progress = Progress { generation: number, ..Progress::default() };
    let (sender, progress) = watch::channel(progress);
    let follow = Follow {
        models: settings.models.clone(),
        store,
        log: settings.log.clone(),
        cache_bytes: settings.cache_bytes,
        goal: goals,
        progress: sender,
    };
    (goal, progress, tokio::spawn(follow.run()))
}

/// Makes the indexes that questions need: at once, or when a long way is behind.
async fn make_indexes(settings: &Settings, generation: &Generation) -> Result<(), OpenError> {
    let head = settings.log.feed.feed_head().await?.position;
    let checkpoint = generation.store.checkpoint().await?.position;
    if head.0.saturating_sub(checkpoint.0) < MANY || checkpoint > Position::START {
        return Ok(generation.store.make_indexes().await?);
    }
    let (store, mut progress) = (generation.store.clone(), generation.progress.clone());
    tokio::spawn(async move {
        // An error means that the loop is gone: the next start makes them.
        if progress.wait_for(|progress| progress.status == Status::Following).await.is_ok()
            && let Err(error) = store.make_indexes().await
        {
            tracing::error!(%error, "questions stay slow: their indexes cannot be made");
        }
    });
    Ok(())
}
