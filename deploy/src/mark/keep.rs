//! Writes the mark: each second when the log has moved, and at the end.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use anyhow::Context as _;
use events::{
    Position,
    ids::LogId,
    keys::KeyReader,
    store::{EventFeed, Head},
};
use tokio::{
    sync::{Mutex, watch},
    time::{MissedTickBehavior, interval},
};
use zeroize::Zeroizing;

use super::{mark_at, write_mark};

/// How often it is looked whether the log has moved.
const RHYTHM: Duration = Duration::from_secs(1);

/// Where the mark is kept.
#[derive(Clone)]
pub(crate) enum Place {
    /// In a file of the data folder.
    Folder(PathBuf),
}

/// Keeps the mark of one log.
pub(crate) struct Keeper {
    pub(crate) place: Place,
    pub(crate) log: LogId,
    pub(crate) feed: Arc<dyn EventFeed>,
    pub(crate) keys: Arc<dyn KeyReader>,
    installation_key: Zeroizing<[u8; 32]>,
    epoch: AtomicU32,
    /// What was written last.
    written: Mutex<Option<Position>>,
}

impl Keeper {
    pub(crate) fn new(
        place: Place,
        log: LogId,
        feed: Arc<dyn EventFeed>,
        keys: Arc<dyn KeyReader>,
        installation_key: [u8; 32],
    ) -> Self {
        let installation_key = Zeroizing::new(installation_key);
        let (epoch, written) = (AtomicU32::new(0), Mutex::new(None));
        Self { place, log, feed, keys, installation_key, epoch, written }
    }

    /// How often an older log was accepted.
    pub(crate) fn epoch(&self) -> u32 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Another older log was accepted, or it is known by now how often that happened.
    pub(crate) fn set_epoch(&self, epoch: u32) {
        self.epoch.store(epoch, Ordering::Release);
    }

    /// Writes the mark if the log has moved since.
    ///
    /// # Errors
    /// When the log or the keys cannot be read, or the mark cannot be written.
    pub(crate) async fn write(&self) -> anyhow::Result<()> {
        let head = self.feed.feed_head().await?;
        let mut written = self.written.lock().await;
        if written.is_some_and(|written| head.position <= written) {
            return Ok(());
        }
        let batches = self.keys.batches().await?;
        let mark = mark_at(&*self.feed, self.log, head, self.epoch(), batches).await?;
        match &self.place {
            Place::Folder(folder) => {
                let (folder, key) = (folder.clone(), self.installation_key.clone());
                let writing = move || write_mark(&folder, &mark, &key);
                tokio::task::spawn_blocking(writing).await?.context("writing log.mark")?;
            }
        }
        *written = Some(head.position);
        Ok(())
    }

    /// Writes into another folder the mark of a copy of the log that ends at `head`: what came after
    /// is not lost by who starts on that copy.
    ///
    /// # Errors
    /// When the log or the keys cannot be read, or the mark cannot be written.
    pub(crate) async fn write_cut(&self, folder: &Path, head: Head) -> anyhow::Result<()> {
        let batches = self.keys.batches().await?;
        let mark = mark_at(&*self.feed, self.log, head, self.epoch(), batches).await?;
        let (folder, key) = (folder.to_owned(), self.installation_key.clone());
        let writing = move || write_mark(&folder, &mark, &key);
        tokio::task::spawn_blocking(writing).await?.context("writing log.mark")
    }

    /// Writes it whenever it is due, until `stop` says so. One that cannot be written is tried again:
    /// the next start only knows less.
    pub(crate) async fn run(&self, mut stop: watch::Receiver<bool>) {
        let mut rhythm = interval(RHYTHM);
        rhythm.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut is_failing = false;
        loop {
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                _ = rhythm.tick() => {}
            }
            let outcome = self.write().await;
            if let Err(error) = &outcome
                && !is_failing
            {
                tracing::warn!("the mark of the newest position stays behind: {error:#}");
            }
            is_failing = outcome.is_err();
        }
    }
}
