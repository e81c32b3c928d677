//! Seals the personal values of an event before it is stored, and unseals those of whole batches.

use std::{borrow::Cow, collections::HashMap, mem, sync::Arc};

use quick_cache::sync::Cache;
use serde::{Serialize, de::DeserializeOwned};

use super::{DataKey, KeyError, KeyReader, KeyStore, cipher};
use crate::{
    codec::Payload,
    ids::{EventId, KeyId, LogId},
    personal::{Origin, Personal, PersonalFields, PersonalVisitor, Sealed},
};

/// How many prepared keys are kept: about 15 MB.
const CACHED_KEYS: usize = 16_384;

/// The keys one batch needs; `None` for a key that was destroyed.
type Keys = HashMap<KeyId, Option<DataKey>>;

/// Opens personal values. It cannot make keys, nor seal.
#[derive(Clone)]
pub struct Unsealer {
    log: LogId,
    reader: Arc<dyn KeyReader>,
    cache: Arc<Cache<KeyId, DataKey>>,
}

impl Unsealer {
    /// Opens what was sealed in `log`, with the keys of `reader`.
    #[must_use]
    pub fn new(reader: Arc<dyn KeyReader>, log: LogId) -> Self {
        Self { log, reader, cache: Arc::new(Cache::new(CACHED_KEYS)) }
    }

    /// Unseals every personal value of a batch in place: afterwards each is clear, or erased.
    ///
    /// The keys of the whole batch are fetched at once; values that are clear already stay.
    ///
    /// # Errors
    /// When keys are not to be had, or a value was tampered with. The batch is of no use then.
    pub async fn unseal<P: PersonalFields>(&self, batch: &mut [P]) -> Result<(), KeyError> {
        let mut needs = Needs::default();
        for payload in &mut *batch {
            payload.visit_personal(&TOP, &mut needs)?;
        }
        let mut unseal = Unseal { log: self.log, keys: &self.fetch(needs.keys).await? };
        for payload in batch {
            payload.visit_personal(&TOP, &mut unseal)?;
        }
        Ok(())
    }

    /// Opens one value; `None` when it is erased.
    ///
    /// # Errors
    /// When its key is not to be had, or it was tampered with.
    pub async fn open<T: DeserializeOwned + Serialize + Clone>(
        &self,
        value: &Personal<T>,
    ) -> Result<Option<T>, KeyError> {
        let mut value = [value.clone()];
        self.unseal(&mut value).await?;
        let [value] = value;
        match value {
            Personal::Clear(value) => Ok(Some(value)),
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
            *key = self.cache.get(id);
            if key.is_none() {
                missing.push(*id);
            }
        }
        if !missing.is_empty() {
            let found = self.reader.keys(missing.clone()).await?;
            for (id, key) in missing.into_iter().zip(found) {
                if let Some(key) = key {
                    self.cache.insert(id, key.clone());
                    keys.insert(id, Some(key));
                }
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
    /// [`KeyError::NoPlace`] when there is something to seal and `key` is none, or destroyed; else
    /// when keys are not to be had or a copied value was tampered with. The payload is of no use
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
        let under = key.and_then(|id| Some((id, keys.get(&id)?.clone()?)));
        let mut seal =
            Seal { log: self.unsealer.log, event, keys: &keys, under, nonce: self.nonce };
        payload.visit_personal(&TOP, &mut seal)
    }
}

const TOP: Cow<'static, str> = Cow::Borrowed("");

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
}

impl PersonalVisitor for Unseal<'_> {
    type Error = KeyError;

    fn visit<T: Serialize + DeserializeOwned>(
        &mut self,
        _: &Cow<'static, str>,
        value: &mut Personal<T>,
    ) -> Result<(), KeyError> {
        let Personal::Sealed(sealed) = value else { return Ok(()) };
        let key = self.keys.get(&sealed.key).and_then(Option::as_ref);
        *value = match key {
            Some(key) if !sealed.is_tombstone() => {
                let bytes = cipher::open(key, self.log, sealed)?;
                // It opened, so it was sealed here; a type that cannot read it is another field's.
                Personal::Clear(serde_json::from_slice(bytes).map_err(|_| KeyError::Forged)?)
            }
            _ => Personal::Erased,
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
            Personal::Erased => return Err(KeyError::NoPlace),
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
        let key = self.keys.get(&sealed.key).and_then(Option::as_ref);
        match key {
            Some(key) if !sealed.is_tombstone() => {
                let length = cipher::open(key, self.log, sealed)?.len();
                let mut bytes = mem::take(&mut sealed.ciphertext);
                bytes.truncate(length);
                self.seal(origin, bytes)
            }
            _ => Ok(Sealed::tombstone(sealed.key, origin)),
        }
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
            Personal::Erased => return Err(KeyError::NoPlace),
        };
        *value = Personal::Sealed(sealed);
        Ok(())
    }
}

#[cfg(test)]
#[path = "keyring_tests.rs"]
mod tests;
