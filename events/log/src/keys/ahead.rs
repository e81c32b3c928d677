//! Keys that were made ahead, durably, many in one commit: so that no command waits for a second
//! flush.
//!
//! A batch belongs to one run of one process: what it does not hand out nobody ever will.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use events::ids::KeyId;
use uuid::Builder;
use zeroize::Zeroizing;

use super::{
    DataKey, KeyError, KeyReader, KeyState,
    cipher::{KEY_LENGTH, fill_random, prepare},
    master::{MasterKey, WRAPPED_LENGTH},
};

/// How many keys are made at once, in one commit.
pub(super) const BATCH: usize = 512;
/// With fewer keys than this in hand the next batch is made.
const LOW: usize = BATCH / 2;
/// How many of the newest keys are kept in memory, handed out or not.
const KEPT: usize = 4 * BATCH;

/// The keys in hand.
#[derive(Default)]
pub(super) struct Ahead {
    ready: Mutex<VecDeque<KeyId>>,
    /// The keys of the last batches: who took one seals with it at once, without a look in the store.
    fresh: Mutex<Fresh>,
    refilling: AtomicBool,
}

/// The newest keys, in the order they were made. Not a cache that goes by use: a key is needed once,
/// some time after it was made, and such a cache throws away first what was never asked for. Once it
/// was asked for it is gone: another process may destroy what something is sealed with.
#[derive(Default)]
struct Fresh {
    keys: HashMap<KeyId, DataKey>,
    order: VecDeque<KeyId>,
}

impl Fresh {
    fn insert(&mut self, id: KeyId, key: DataKey) {
        self.keys.insert(id, key);
        self.order.push_back(id);
        if self.order.len() > KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            self.keys.remove(&oldest);
        }
    }
}

impl Ahead {
    fn fresh(&self) -> MutexGuard<'_, Fresh> {
        // The two halves agree again after every single call on it.
        self.fresh.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ready(&self) -> MutexGuard<'_, VecDeque<KeyId>> {
        // The queue is whole after every single call on it.
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A key that nobody has.
    pub(super) fn take(&self) -> Option<KeyId> {
        self.ready().pop_front()
    }

    /// Whether the next batch should be made.
    pub(super) fn is_low(&self) -> bool {
        self.ready().len() < LOW
    }

    /// Whether the caller is the one who makes the next batch, and says when it is done.
    pub(super) fn begin_refill(&self) -> bool {
        !self.refilling.swap(true, Ordering::AcqRel)
    }

    /// The batch was made, or could not be.
    pub(super) fn end_refill(&self) {
        self.refilling.store(false, Ordering::Release);
    }

    /// Adds a batch that is durable.
    pub(super) fn add(&self, batch: Vec<(KeyId, DataKey)>) {
        let ids: Vec<_> = batch.iter().map(|(id, _)| *id).collect();
        let mut fresh = self.fresh();
        for (id, key) in batch {
            fresh.insert(id, key);
        }
        drop(fresh);
        self.ready().extend(ids);
    }

    /// The key is destroyed.
    pub(super) fn forget(&self, id: KeyId) {
        self.ready().retain(|ready| *ready != id);
        self.fresh().keys.remove(&id);
    }

    /// The keys of these ids: what is in hand, and the rest from where all keys are.
    pub(super) async fn or_read(
        &self,
        ids: Vec<KeyId>,
        reader: &impl KeyReader,
    ) -> Result<Vec<KeyState>, KeyError> {
        let keys = self.in_hand(&ids);
        let is_missing = |(id, key): (&KeyId, &Option<DataKey>)| key.is_none().then_some(*id);
        let missing: Vec<_> = ids.iter().zip(&keys).filter_map(is_missing).collect();
        let found = if missing.is_empty() { Vec::new() } else { reader.keys(missing).await? };
        let mut found = found.into_iter();
        let state = |key: Option<DataKey>| match key {
            Some(key) => KeyState::Here(key),
            None => found.next().unwrap_or(KeyState::Unknown),
        };
        Ok(keys.into_iter().map(state).collect())
    }

    fn in_hand(&self, ids: &[KeyId]) -> Vec<Option<DataKey>> {
        let mut fresh = self.fresh();
        ids.iter().map(|id| fresh.keys.remove(id)).collect()
    }
}

/// A key that was just made, and what is kept of it.
pub(super) struct Made {
    pub(super) id: KeyId,
    pub(super) wrapped: [u8; WRAPPED_LENGTH],
    pub(super) key: DataKey,
}

/// Makes a key of a batch.
pub(super) fn make(batch: i64, master: &MasterKey) -> Result<Made, KeyError> {
    let mut bytes = Zeroizing::new([0; KEY_LENGTH]);
    fill_random(&mut *bytes)?;
    Ok(Made { id: new_id(batch)?, wrapped: master.wrap(&bytes)?, key: prepare(&*bytes)? })
}

/// Ids of one batch lie together in the store; all but the batch is random.
fn new_id(batch: i64) -> Result<KeyId, KeyError> {
    let mut bytes = [0; 16];
    fill_random(&mut bytes)?;
    bytes[..6].copy_from_slice(&batch.to_be_bytes()[2..]);
    Ok(KeyId(Builder::from_custom_bytes(bytes).into_uuid()))
}
