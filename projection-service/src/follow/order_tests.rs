//! Rows are loaded after what was folded before them is stored, whatever stores them.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use events_log::store::Answer;
use tokio::sync::watch;

use super::{Follow, Goal, Progress};
use crate::{
    places::{TestPlace, on_both},
    read_store::{Checkpoint, Commit, ReadStore, ReadStoreError, Snapshot, TableChanges, Wanted},
    table::Row,
    testing::{Script, TestLog, busy, models},
};

on_both! {
    nothing_is_loaded_while_a_batch_is_being_stored,
}

/// A store that takes its time to commit, and counts who loads meanwhile.
struct Slow {
    inner: Arc<dyn ReadStore>,
    committing: Arc<AtomicBool>,
    loads: Arc<AtomicU32>,
    overlaps: Arc<AtomicU32>,
}

impl ReadStore for Slow {
    fn checkpoint(&self) -> Answer<'_, Result<Checkpoint, ReadStoreError>> {
        self.inner.checkpoint()
    }

    fn load(
        &self,
        wanted: Vec<Wanted>,
    ) -> Answer<'_, Result<Vec<Vec<Option<Row>>>, ReadStoreError>> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        if self.committing.load(Ordering::SeqCst) {
            self.overlaps.fetch_add(1, Ordering::SeqCst);
        }
        self.inner.load(wanted)
    }

    fn commit(&self, commit: Commit) -> Answer<'_, Result<(), ReadStoreError>> {
        Box::pin(async move {
            let has_rows = |changes: &TableChanges| match changes {
                TableChanges::History { begun, .. } => !begun.is_empty(),
                TableChanges::AppendOnly { rows, .. } => !rows.is_empty(),
                TableChanges::Current { put, .. } => !put.is_empty(),
            };
            let matters = commit.tables.iter().any(has_rows);
            self.committing.store(matters, Ordering::SeqCst);
            for _ in 0..200 {
                tokio::task::yield_now().await;
            }
            let committed = self.inner.commit(commit).await;
            self.committing.store(false, Ordering::SeqCst);
            committed
        })
    }

    fn make_indexes(&self) -> Answer<'_, Result<(), ReadStoreError>> {
        self.inner.make_indexes()
    }

    fn snapshot(&self) -> Answer<'_, Result<Box<dyn Snapshot>, ReadStoreError>> {
        self.inner.snapshot()
    }

    fn close(&self) -> Answer<'_, ()> {
        self.inner.close()
    }
}

async fn nothing_is_loaded_while_a_batch_is_being_stored(place: &TestPlace) {
    let (log, script): (_, Script) = (TestLog::founded().await, Arc::new(busy));
    log.append(6_000).await;
    let models = models(script);
    let slow = Slow {
        inner: place.store(models.tables()).await,
        committing: Arc::default(),
        loads: Arc::default(),
        overlaps: Arc::default(),
    };
    let (loads, overlaps) = (slow.loads.clone(), slow.overlaps.clone());
    let (goal, goals) = watch::channel(Goal::default());
    let (sender, mut progress) = watch::channel(Progress::default());
    let follow = Follow {
        models,
        store: Arc::new(slow),
        log: log.log(),
        // Next to nothing stays in memory: every batch loads its rows.
        cache_bytes: 1,
        goal: goals,
        progress: sender,
    };
    let task = tokio::spawn(follow.run());
    progress.wait_for(|progress| progress.position.0 > 6_000).await.unwrap();
    goal.send_modify(|goal| goal.stop = true);
    task.await.unwrap();
    assert!(loads.load(Ordering::SeqCst) > 1, "nothing was loaded: this proves nothing");
    assert_eq!(overlaps.load(Ordering::SeqCst), 0, "rows were loaded from before a batch");
}
