//! The key of each person, and what is sealed with it.

mod ahead;
mod cipher;
mod keyring;
mod master;
mod memory;
mod postgres;
mod sqlite;
mod unreadable;
#[cfg(any(test, feature = "contract"))]
pub mod contract;

pub use keyring::{Keyring, Unsealer};
pub use memory::MemoryKeys;
pub use postgres::{PostgresKeyImport, PostgresKeyReader, PostgresKeys};
pub use sqlite::{KeyFiles, SqliteKeyReader, SqliteKeys};
pub use unreadable::{Unreadable, sealed_keys, unreadable_keys};

use std::sync::Arc;

use aws_lc_rs::{aead::LessSafeKey, constant_time::verify_slices_are_equal};
use events::ids::KeyId;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::store::Answer;

/// A person's key, ready for use.
pub type DataKey = Arc<LessSafeKey>;

/// A batch of keys, and the run of the process that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyBatch {
    /// Its number.
    pub number: u64,
    /// Who made it.
    pub run: Uuid,
}

/// What a key store knows of a key.
#[derive(Clone)]
pub enum KeyState {
    /// It is there.
    Here(DataKey),
    /// It was destroyed: what was sealed with it is erased, for ever.
    Destroyed,
    /// The store never had it, or has lost it: it is older than what names the key. Nothing is erased
    /// by that.
    Unknown,
    /// It is there, and does not unwrap. Nothing is erased by that.
    Damaged,
}

impl KeyState {
    /// The key, where it can be used.
    #[must_use]
    pub fn here(self) -> Option<DataKey> {
        match self {
            Self::Here(key) => Some(key),
            Self::Destroyed | Self::Unknown | Self::Damaged => None,
        }
    }

    /// Whether it can be used.
    #[must_use]
    pub const fn is_here(&self) -> bool {
        matches!(self, Self::Here(_))
    }

    /// Whether what was sealed with it cannot be read now, though it was not erased.
    #[must_use]
    pub const fn is_unreadable(&self) -> bool {
        matches!(self, Self::Unknown | Self::Damaged)
    }
}

/// A key on its way from one key store to another, not wrapped. It leaves memory when it is dropped.
pub struct BareKey {
    id: KeyId,
    bytes: Zeroizing<[u8; cipher::KEY_LENGTH]>,
}

impl BareKey {
    /// Which it is.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// Whether both are one key under one id.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.id == other.id && verify_slices_are_equal(&*self.bytes, &*other.bytes).is_ok()
    }
}

/// Why keys are not to be had.
#[derive(Clone, Debug, thiserror::Error)]
pub enum KeyError {
    /// The key store has failed.
    #[error("the key store is not available: {0}")]
    Unavailable(Arc<str>),
    /// The key store has no room left for new keys. Those that are there can be read.
    #[error("the key store has no room left")]
    Full,
    /// The key store must not be used as it is. Nothing was changed.
    #[error("the key store is refused: {0}")]
    Refused(Arc<str>),
    /// A key is there but cannot be unwrapped. Never treated as erased.
    #[error("a key is damaged, or wrapped by another master key")]
    Damaged,
    /// A key that is needed is missing without having been destroyed, or damaged.
    #[error("the key {} is missing or damaged: put the key store back from a backup", .0.0)]
    Unreadable(KeyId),
    /// A value does not open with the key it names.
    #[error("a sealed value does not open: it, its key or its place was changed")]
    Forged,
    /// A value was decoded without its event, or an event has no key to seal with.
    #[error("a personal value has no place or no key")]
    NoPlace,
}

/// Reads keys.
pub trait KeyReader: Send + Sync {
    /// What is known of the keys of these ids, one answer for each. That one is damaged or missing is
    /// no error: it stops what needs it, and nothing else.
    fn keys(&self, ids: Vec<KeyId>) -> Answer<'_, Result<Vec<KeyState>, KeyError>>;

    /// The newest batch of keys; a store that makes them one by one has none.
    fn newest_batch(&self) -> Answer<'_, Result<Option<KeyBatch>, KeyError>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Whether the store has that very batch. One that was set back to an earlier time has not, also
    /// where it has made others of the same number since.
    fn has_batch(&self, batch: KeyBatch) -> Answer<'_, Result<bool, KeyError>> {
        let _ = batch;
        Box::pin(std::future::ready(Ok(true)))
    }

    /// What is wrong with how the store is kept, where nobody else looks after that.
    fn check(&self) -> Answer<'_, Result<Vec<String>, KeyError>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }
}

/// Makes keys.
pub trait KeyStore: KeyReader {
    /// A new key, durable already, never handed out before and never again.
    fn take(&self) -> Answer<'_, Result<KeyId, KeyError>>;
}

/// Destroys keys, and with them whatever was sealed under them.
pub trait KeyEraser: KeyStore {
    /// Destroys a key for ever, and leaves a tombstone: only by that it is known to be destroyed. One
    /// that is not there (any more) is no error.
    fn destroy(&self, id: KeyId) -> Answer<'_, Result<(), KeyError>>;
}
