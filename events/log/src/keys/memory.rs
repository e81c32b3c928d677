//! Keys that live as long as the process: for tests and for logs that do so too.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use events::ids::KeyId;
use uuid::Builder;

use super::{
    DataKey, KeyEraser, KeyError, KeyReader, KeyState, KeyStore,
    cipher::{KEY_LENGTH, fill_random, prepare},
};
use crate::store::Answer;

/// A key store in memory.
#[derive(Default)]
pub struct MemoryKeys {
    keys: Mutex<HashMap<KeyId, DataKey>>,
    destroyed: Mutex<HashSet<KeyId>>,
}

impl MemoryKeys {
    /// A store without keys.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a known key there: what was sealed elsewhere can be opened.
    ///
    /// # Errors
    /// Never for a key of 32 bytes.
    pub fn insert(&self, id: KeyId, key: &[u8; KEY_LENGTH]) -> Result<(), KeyError> {
        self.lock().insert(id, prepare(key)?);
        Ok(())
    }

    fn make(&self) -> Result<KeyId, KeyError> {
        let (mut id, mut key) = ([0; 16], [0; KEY_LENGTH]);
        fill_random(&mut id)?;
        fill_random(&mut key)?;
        let id = KeyId(Builder::from_random_bytes(id).into_uuid());
        self.insert(id, &key)?;
        Ok(id)
    }

    /// Loses a key, as a store does that was set back to an earlier time.
    pub fn lose(&self, id: KeyId) {
        self.lock().remove(&id);
    }

    fn destroyed(&self) -> MutexGuard<'_, HashSet<KeyId>> {
        self.destroyed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<KeyId, DataKey>> {
        // The map is whole after every single call on it, also where a thread died between two.
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeyReader for MemoryKeys {
    fn keys(&self, ids: Vec<KeyId>) -> Answer<'_, Result<Vec<KeyState>, KeyError>> {
        let (keys, destroyed) = (self.lock(), self.destroyed());
        let state = |id: &KeyId| match keys.get(id) {
            Some(key) => KeyState::Here(key.clone()),
            None if destroyed.contains(id) => KeyState::Destroyed,
            None => KeyState::Unknown,
        };
        let found = ids.iter().map(state).collect();
        Box::pin(std::future::ready(Ok(found)))
    }
}

impl KeyStore for MemoryKeys {
    fn take(&self) -> Answer<'_, Result<KeyId, KeyError>> {
        Box::pin(std::future::ready(self.make()))
    }
}

impl KeyEraser for MemoryKeys {
    fn destroy(&self, id: KeyId) -> Answer<'_, Result<(), KeyError>> {
        self.lock().remove(&id);
        self.destroyed().insert(id);
        Box::pin(std::future::ready(Ok(())))
    }
}

#[cfg(test)]
#[path = "memory_tests.rs"]
mod tests;
