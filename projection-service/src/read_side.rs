//! The read side of one installation: the live generation, its loop, and who reads from it.

use std::{path::PathBuf, sync::Arc};

use events::{Position, store::EventFeed};
use sqlx::{
    SqlitePool,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};
use tokio::{
    sync::{Mutex, mpsc, watch},
    task::JoinHandle,
};

use crate::{
    follow::{Follow, Goal, Log, Progress, Status},
    generation::{Register, State},
    models::ReadModels,
    read_store::{Checkpoint, ReadStore, ReadStoreError, SqliteReadStore},
};

/// From how many waiting events on a new generation is filled before it gets its indexes.
const MANY: u64 = 20_000;

/// Enough that following live rarely loads a row, and that rebuilding some ten thousand records
/// never does.
pub const DEFAULT_CACHE_BYTES: usize = 32 * 1024 * 1024;

/// What a read side is made of.
#[derive(Clone)]
pub struct Settings {
    /// The data folder.
    pub folder: PathBuf,
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
    /// Its file.
    pub path: PathBuf,
    /// Connections that only read.
    pub pool: SqlitePool,
    /// Gone with the last holder: the file is kept until then.
    _held: mpsc::Sender<()>,
}

/// A generation with its loop.
pub(crate) struct Generation {
    pub(crate) number: u32,
    pub(crate) store: Arc<SqliteReadStore>,
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
    pub(crate) register: Register,
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
        let register = Register::open(&settings.folder)?;
        for retired in register.list(State::Retired)? {
            register.delete(retired.number)?;
        }
        let (number, store) = open_live(&settings, &register).await?;
        let (generation, live) = start(&settings, number, store);
        make_indexes(&settings, &generation).await?;

        let (forwarding, source) = watch::channel(generation.progress.clone());
        let (progress, _) = watch::channel(generation.progress.borrow().clone());
        tokio::spawn(forward(source, progress.clone()));
        let inner = Inner {
            settings,
            register,
            current: Mutex::new(Some(generation)),
            replaying: Mutex::new(()),
            live: watch::channel(live).0,
            progress,
            forwarding,
            closing: watch::channel(false).0,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Waits for the wish to shut down, then finishes the batch under way and closes all files.
    pub async fn run(&self, mut shutdown: watch::Receiver<bool>) {
        // Whoever could wish it may also be gone.
        drop(shutdown.wait_for(|wished| *wished).await);
        self.close().await;
    }

    /// Finishes the batch under way and closes all files.
    pub async fn close(&self) {
        self.inner.closing.send_replace(true);
        if let Some(mut generation) = self.inner.current.lock().await.take() {
            generation.stop().await;
            let pool = self.inner.live.borrow().pool.clone();
            pool.close().await;
            generation.store.close().await;
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

    /// Closes and deletes the file once nobody reads from it any more.
    pub(crate) async fn retire(mut self, pool: SqlitePool, inner: Arc<Inner>) {
        self.stop().await;
        // Nobody ever sends: this ends when all senders are gone.
        self.released.recv().await;
        pool.close().await;
        self.store.close().await;
        if let Err(error) = inner.register.delete(self.number) {
            tracing::warn!(%error, generation = self.number, "an old generation stays for now");
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
    /// The files cannot be used.
    #[error(transparent)]
    ReadStore(#[from] ReadStoreError),
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] events::store::StoreError),
}

/// The live generation if it can be kept, else a new and empty one.
async fn open_live(
    settings: &Settings,
    register: &Register,
) -> Result<(u32, SqliteReadStore), OpenError> {
    let shape = settings.models.shape();
    if let Some(entry) = register.list(State::Live)?.pop() {
        let number = entry.number;
        if entry.shape != **shape {
            tracing::info!(generation = number, "the read models have a new shape");
        } else {
            match SqliteReadStore::open(&register.file(number), settings.models.tables()) {
                Ok(store) if fits(&*settings.log.feed, &store.checkpoint().await?).await? => {
                    return Ok((number, store));
                }
                Ok(store) => {
                    tracing::warn!(generation = number, "the rows are not of this log");
                    store.close().await;
                }
                Err(error @ ReadStoreError::Damaged(_)) => {
                    tracing::error!(generation = number, %error, "the rows are made again");
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
    let number = register.begin(shape)?;
    let store = SqliteReadStore::open(&register.file(number), settings.models.tables())?;
    if let Some(retired) = register.switch_to(number)? {
        register.delete(retired)?;
    }
    Ok((number, store))
}

/// Whether the event at the checkpoint is still the one the rows were made from. It is not when the
/// log was restored from a backup, or is another one.
async fn fits(
    feed: &dyn EventFeed,
    checkpoint: &Checkpoint,
) -> Result<bool, events::store::StoreError> {
    let Some(leaf) = checkpoint.leaf else { return Ok(true) };
    let before = Position(checkpoint.position.0.saturating_sub(1));
    let event = feed.read(before, 1).await?.pop();
    Ok(event.is_some_and(|event| event.position == checkpoint.position && event.leaf == leaf))
}

/// Starts a generation's loop and makes its connections for reading.
pub(crate) fn start(
    settings: &Settings,
    number: u32,
    store: SqliteReadStore,
) -> (Generation, LiveGeneration) {
    let store = Arc::new(store);
    let (held, released) = mpsc::channel(1);
    let live = LiveGeneration {
        number,
        path: store.path().to_owned(),
        pool: pool(settings, &store),
        _held: held,
    };
    let (goal, progress, task) = follow(settings, number, store.clone());
    (Generation { number, store, progress, goal, task: Some(task), released }, live)
}

fn follow(
    settings: &Settings,
    number: u32,
    store: Arc<SqliteReadStore>,
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

fn pool(settings: &Settings, store: &SqliteReadStore) -> SqlitePool {
    let options = SqliteConnectOptions::new()
        .filename(store.path())
        .read_only(true)
        .pragma("cache_size", "-4096")
        .pragma("temp_store", "memory");
    // A file does not go away like a server: there is no need to ask before each question.
    SqlitePoolOptions::new()
        .max_connections(settings.connections)
        .test_before_acquire(false)
        .connect_lazy_with(options)
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

/// Passes the progress of whichever generation is live on to those who watch the read side.
async fn forward(
    mut source: watch::Receiver<watch::Receiver<Progress>>,
    target: watch::Sender<Progress>,
) {
    loop {
        let mut progress = source.borrow_and_update().clone();
        loop {
            let latest = progress.borrow_and_update().clone();
            // A loop that ends makes room for the next one, which only goes on.
            if latest.status != Status::Ended {
                target.send_replace(latest);
            }
            tokio::select! {
                changed = source.changed() => match changed {
                    Ok(()) => break,
                    Err(_) => return,
                },
                changed = progress.changed() => if changed.is_err() {
                    // Its loop has ended; another one may come.
                    if source.changed().await.is_err() {
                        return;
                    }
                    break;
                }
            }
        }
    }
}
