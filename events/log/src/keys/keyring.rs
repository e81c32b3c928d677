//! Seals the personal values of an event before it is stored, and unseals those of whole batches.

use std::{borrow::Cow, collections::HashMap, mem, sync::Arc};

use events::{
    codec::Payload,
    ids::{EventId, KeyId, LogId},
    personal::{Origin, Personal, PersonalFields, PersonalVisitor, Sealed},
};
use quick_cache::sync::Cache;
use serde::{Serialize, de::DeserializeOwned};

use super::{DataKey, KeyError, KeyReader, KeyState, KeyStore, cipher, unreadable::Unreadable};

/// How many prepared keys are kept: about 15 MB.
const CACHED_KEYS: usize = 16_384;

/// The keys one batch needs; `None` before it was looked for.
type Keys = HashMap<KeyId, Option<KeyState>>;

/// Opens personal values. It cannot make keys, nor seal.
#[derive(Clone)]
pub struct Unsealer {
    log: LogId,
    reader: Arc<dyn KeyReader>,
    cache: Arc<Cache<KeyId, DataKey>>,
    unreadable: Arc<Unreadable>,
}

impl Unsealer {
    /// Opens what was sealed in `log`, with the keys of `reader`.
    #[must_use]
    pub fn new(reader: Arc<dyn KeyReader>, log: LogId) -> Self {
        Self { log, reader, cache: Arc::new(Cache::new(CACHED_KEYS)), unreadable: Arc::default() }
    }

    /// Which keys were asked for that are missing or damaged, though nobody destroyed them.
    #[must_use]
    pub fn unreadable(&self) -> &Unreadable {
        &self.unreadable
    }

    /// What is wrong with how the keys are stored.
    ///
    /// # Errors
    /// When keys are not to be had.
    pub async fn check_store(&self) -> Result<Vec<String>, KeyError> {
        self.reader.check().await
    }

    /// What is known of these keys now; those that are missing or damaged are told of.
    ///
    /// # Errors
    /// When keys are not to be had.
    pub async fn look(&self, ids: Vec<KeyId>) -> Result<Vec<(KeyId, KeyState)>, KeyError> {
        let keys = self.fetch(ids.into_iter().map(|id| (id, None)).collect()).await?;
        Ok(keys.into_iter().filter_map(|(id, state)| Some((id, state?))).collect())
    }

    /// Unseals every personal value of a batch in place: afterwards each is clear, erased, or, where
    /// its key is missing or damaged, unreadable.
    ///
    /// The keys of the whole batch are fetched at once; values that are clear already stay.
    ///
    /// Answers whether every value that was not erased could be read.
    ///
    /// # Errors
    /// When keys are not to be had, or a value was tampered with. The batch is of no use then.
    pub async fn unseal<P: PersonalFields>(&self, batch: &mut [P]) -> Result<bool, KeyError> {
        let mut needs = Needs::default();
        for payload in &mut *batch {
            payload.visit_personal(&TOP, &mut needs)?;
        }
        let keys = self.fetch(needs.keys).await?;
        let mut unseal = Unseal { log: self.log, keys: &keys, is_whole: true };
        for payload in batch {
            payload.visit_personal(&TOP, &mut unseal)?;
        }
        Ok(unseal.is_whole)
    }

    /// Opens one value; `None` when it is erased.
    ///
    /// # Errors
    /// When its key is not to be had, missing or damaged, or it was tampered with.
    pub async fn open<T: DeserializeOwned + Serialize + Clone>(
        &self,
        value: &Personal<T>,
    ) -> Result<Option<T>, KeyError> {
        let mut value = [value.clone()];
        self.unseal(&mut value).await?;
        let [value] = value;
        match value {
            Personal::Clear(value) => Ok(Some(value)),
            Personal::Unreadable(key) => Err(KeyError::Unreadable(key)),
            Personal::Sealed(_) | Personal::Erased => Ok(None),
        }
    }

    /// Drops a key from the cache. To be called wherever a key was destroyed.
    pub fn forget(&self, id: KeyId) {
        self.cache.remove(&id);
    }

    /// From the cache, and what is missing there from the store. That a key is not there is not
    /// remembered: a key store that falls behind must not make values look erased for long.
    async fn fetch(&self, mut keys: Keys) -> Result<Keys, KeyError> {
        let mut missing = Vec::new();
        for (id, key) in &mut keys {
            *key = self.cache.get(id).map(KeyState::Here);
            if key.is_none() {
                missing.push(*id);
            }
        }
        if !missing.is_empty() {
            let found = self.reader.keys(missing.clone()).await?;
            for (id, state) in missing.into_iter().zip(found) {
                if let KeyState::Here(key) = &state {
                    self.cache.insert(id, key.clone());
                }
                self.unreadable.see(id, &state);
                keys.insert(id, Some(state));
            }
        }
        Ok(keys)
    }
}

/// Takes keys, seals with them, and opens what was sealed. Cheap to clone.
#[derive(Clone)]
pub struct Keyring {
    unsealer: Unsealer,
    store: Arc<dyn KeyStore>,
    nonce: fn() -> Result<[u8; 12], KeyError>,
}

impl Keyring {
    /// The keys of `store`, used for the events of `log`.
    #[must_use]
    pub fn new(store: Arc<dyn KeyStore>, log: LogId) -> Self {
        let reader: Arc<dyn KeyReader> = store.clone();
        Self { unsealer: Unsealer::new(reader, log), store, nonce: cipher::random_nonce }
    }

    /// Seals with always the same nonce: for values that are no secret and must not change.
    #[cfg(any(test, feature = "contract"))]
    pub(crate) fn with_fixed_nonce(store: Arc<dyn KeyStore>, log: LogId) -> Self {
        Self { nonce: || Ok(*b"golden nonce"), ..Self::new(store, log) }
    }

    /// The half that only opens; it shares the cache.
    #[must_use]
    pub const fn unsealer(&self) -> &Unsealer {
        &self.unsealer
    }

    /// A new key.
    ///
    /// # Errors
    /// When the key store has failed.
    pub async fn take(&self) -> Result<KeyId, KeyError> {
        self.store.take().await
    }

    /// Seals what is clear in the payload of `event` under `key`, and seals anew what was sealed in
    /// another event (a copy). What was sealed in this event already stays.
    ///
    /// The original of a copy may have been erased meanwhile: a tombstone takes its place, and the
    /// command goes on.
    ///
    /// # Errors
    /// [`KeyError::NoPlace`] when there is something to seal and `key` is none, or destroyed;
    /// [`KeyError::Unreadable`] when a key that is needed is missing or damaged; else when keys are
    /// not to be had or a copied value was tampered with. The payload is of no use
    /// then.
    pub async fn seal(
        &self,
        payload: &mut Payload,
        event: EventId,
        key: Option<KeyId>,
    ) -> Result<(), KeyError> {
        let mut needs = SealNeeds { event, clear: false, keys: Keys::new() };
        payload.visit_personal(&TOP, &mut needs)?;
        if !needs.clear && needs.keys.is_empty() {
            return Ok(());
        }
        needs.keys.extend(key.map(|id| (id, None)));
        let keys = self.unsealer.fetch(needs.keys).await?;
        let under = match key {
            Some(id) => found(&keys, id)?.map(|key| (id, key)),
            None => None,
        };
        let mut seal =
            Seal { log: self.unsealer.log, event, keys: &keys, under, nonce: self.nonce };
        payload.visit_personal(&TOP, &mut seal)
    }
}

const TOP: Cow<'static, str> = Cow::Borrowed("");

/// The key of that id; none where it was destroyed.
fn found(keys: &Keys, id: KeyId) -> Result<Option<DataKey>, KeyError> {
    match keys.get(&id).and_then(Option::as_ref) {
        Some(KeyState::Here(key)) => Ok(Some(key.clone())),
        Some(KeyState::Destroyed) => Ok(None),
        Some(KeyState::Unknown | KeyState::Damaged) | None => Err(KeyError::Unreadable(id)),
    }
}

/// Collects the keys that a batch needs.
#[derive(Default)]
struct Needs {
    keys: Keys,
    last: Option<KeyId>,
}

impl PersonalVisitor for Needs {
    type Error = KeyError;

    fn visit<T: Serialize + DeserializeOwned>(
        &mut self,
        _: &Cow<'static, str>,
        value: &mut Personal<T>,
    ) -> Result<(), KeyError> {
        // The values of one event nearly always share a key.
        if let Personal::Sealed(sealed) = value
            && !sealed.is_tombstone()
            && self.last != Some(sealed.key)
        {
            self.last = Some(sealed.key);
            self.keys.insert(sealed.key, None);
        }
        Ok(())
    }
}

/// Turns sealed values into clear or erased ones.
struct Unseal<'a> {
    log: LogId,
    keys: &'a Keys,
    /// Whether nothing was unreadable so far.
    is_whole: bool,
}

impl PersonalVisitor for Unseal<'_> {
    type Error = KeyError;

    fn visit<T: Serialize + DeserializeOwned>(
        &mut self,
        _: &Cow<'static, str>,
        value: &mut Personal<T>,
    ) -> Result<(), KeyError> {
        let Personal::Sealed(sealed) = value else { return Ok(()) };
        let state = self.keys.get(&sealed.key).and_then(Option::as_ref);
        *value = match state {
            _ if sealed.is_tombstone() => Personal::Erased,
            Some(KeyState::Here(key)) => {
                let bytes = cipher::open(key, self.log, sealed)?;
                // It opened, so it was sealed here; a type that cannot read it is another field's.
                Personal::Clear(serde_json::from_slice(bytes).map_err(|_| KeyError::Forged)?)
            }
            Some(KeyState::Destroyed) => Personal::Erased,
            Some(KeyState::Unknown | KeyState::Damaged) | None => {
                self.is_whole = false;
                Personal::Unreadable(sealed.key)
            }
        };
        Ok(())
    }
}

/// Finds out what is to be sealed, and which keys copies need to be opened.
struct SealNeeds {
    event: EventId,
    clear: bool,
    keys: Keys,
}

impl PersonalVisitor for SealNeeds {
    type Error = KeyError;

    fn visit<T: Serialize + DeserializeOwned>(
        &mut self,
        _: &Cow<'static, str>,
        value: &mut Personal<T>,
    ) -> Result<(), KeyError> {
        match value {
            Personal::Clear(_) => self.clear = true,
            Personal::Erased | Personal::Unreadable(_) => return Err(KeyError::NoPlace),
            Personal::Sealed(sealed) => {
                let origin = sealed.origin.as_ref().ok_or(KeyError::NoPlace)?;
                if origin.event != self.event {
                    self.keys.insert(sealed.key, None);
                }
            }
        }
        Ok(())
    }
}

/// Seals.
struct Seal<'a> {
    log: LogId,
    event: EventId,
    keys: &'a Keys,
    under: Option<(KeyId, DataKey)>,
    nonce: fn() -> Result<[u8; 12], KeyError>,
}

impl Seal<'_> {
    fn seal(&self, origin: Origin, value: Vec<u8>) -> Result<Sealed, KeyError> {
        let (id, key) = self.under.as_ref().ok_or(KeyError::NoPlace)?;
        cipher::seal(key, *id, self.log, origin, (self.nonce)()?, value)
    }

    fn copy(&self, origin: Origin, sealed: &mut Sealed) -> Result<Sealed, KeyError> {
        let key = if sealed.is_tombstone() { None } else { found(self.keys, sealed.key)? };
        let Some(key) = key else { return Ok(Sealed::tombstone(sealed.key, origin)) };
        let length = cipher::open(&key, self.log, sealed)?.len();
        let mut bytes = mem::take(&mut sealed.ciphertext);
        bytes.truncate(length);
        self.seal(origin, bytes)
    }
}

impl PersonalVisitor for Seal<'_> {
    type Error = KeyError;

    fn visit<T: Serialize + DeserializeOwned>(
        &mut self,
        path: &Cow<'static, str>,
        value: &mut Personal<T>,
    ) -> Result<(), KeyError> {
        let here = Origin { event: self.event, path: path.clone() };
        let sealed = match value {
            Personal::Clear(value) => {
                let mut bytes = Vec::with_capacity(96);
                serde_json::to_writer(&mut bytes, value).map_err(|_| KeyError::NoPlace)?;
                self.seal(here, bytes)?
            }
            Personal::Sealed(sealed) => {
                if sealed.origin.as_ref().is_some_and(|origin| origin.event == self.event) {
                    return Ok(());
                }
                self.copy(here, sealed)?
            }
            Personal::Erased | Personal::Unreadable(_) => return Err(KeyError::NoPlace),
        };
        *value = Personal::Sealed(sealed);
        Ok(())
    }
}

#[cfg(test)]
#[path = "keyring_tests.rs"]
mod tests;
