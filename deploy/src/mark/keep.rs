//! Writes the mark: each second when the log has moved, and at the end.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use anyhow::Context as _;
use events::{Position, ids::LogId};
use events_log::{
    keys::{KeyBatch, KeyError, KeyReader, PostgresKeys},
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
    /// In the database of the keys.
    Keys(Arc<PostgresKeys>),
}

/// Keeps the mark of one log.
pub(crate) struct Keeper {
    pub(crate) place: Place,
    pub(crate) log: LogId,
    pub(crate) feed: Arc<dyn EventFeed>,
    pub(crate) keys: Arc<dyn KeyReader>,
    installation_key: Zeroizing<[u8; 32]>,
    epoch: AtomicU32,
    /// The batch of keys that an older key store does not have: it stays in the mark until it is back.
    lost_batch: OnceLock<KeyBatch>,
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
        let (epoch, lost_batch) = (AtomicU32::new(0), OnceLock::new());
        let written = Mutex::new(None);
        Self { place, log, feed, keys, installation_key, epoch, lost_batch, written }
    }

    /// How often an older log was accepted.
    pub(crate) fn epoch(&self) -> u32 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Another older log was accepted, or it is known by now how often that happened.
    pub(crate) fn set_epoch(&self, epoch: u32) {
        self.epoch.store(epoch, Ordering::Release);
    }

    /// Looks whether the key store has the batch that the last mark names. Where it has not, it is an
    /// older one, and every mark goes on to say so.
    ///
    /// # Errors
    /// When the keys cannot be read.
    pub(crate) async fn expect_batch(&self, batch: Option<KeyBatch>) -> Result<bool, KeyError> {
        let Some(batch) = batch else { return Ok(true) };
        let is_there = self.keys.has_batch(batch).await?;
        if !is_there {
            // It is asked once.
            self.lost_batch.set(batch).ok();
        }
        Ok(is_there)
    }

    /// The batch of keys that a mark names.
    async fn batch(&self) -> Result<Option<KeyBatch>, KeyError> {
        match self.lost_batch.get() {
            Some(lost) => Ok(Some(*lost)),
            None => self.keys.newest_batch().await,
        }
    }

    /// Writes the mark if the log has moved since.
    ///
    /// # Errors
    /// When the log or the keys cannot be read, or the mark cannot be written.
    pub(crate) async fn write(&self) -> anyhow::Result<()> {
        self.write_over(false).await
    }

    /// The same; also over a mark that says more, when an older log was accepted.
    pub(crate) async fn write_over(&self, anyway: bool) -> anyhow::Result<()> {
        let head = self.feed.feed_head().await?;
        let mut written = self.written.lock().await;
        if written.is_some_and(|written| head.position <= written) {
            return Ok(());
        }
        let batch = self.batch().await?;
        let mark = mark_at(&*self.feed, self.log, head, self.epoch(), batch).await?;
        match &self.place {
            Place::Keys(keys) => {
                let text = mark.to_text(&self.installation_key);
                keys.put_mark(mark.epoch, mark.position, text, anyway).await?;
            }
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
        let batch = self.batch().await?;
        let mark = mark_at(&*self.feed, self.log, head, self.epoch(), batch).await?;
        let (folder, key) = (folder.to_owned(), self.installation_key.clone());
        let writing = move || write_mark(&folder, &mark, &key);
        tokio::task::spawn_blocking(writing).await?.context("writing log.mark")
    }

    /// Writes it at the end.
    pub(crate) async fn write_last(&self) {
        if let Err(error) = self.write().await {
            tracing::warn!("the mark of the newest position stays behind: {error:#}");
        }
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
