//! The key of each person, and what is sealed with it.

mod ahead;
mod cipher;
mod keyring;
mod master;
mod memory;
mod postgres;
mod sqlite;
#[cfg(any(test, feature = "contract"))]
pub mod contract;

pub use keyring::{Keyring, Unsealer};
pub use memory::MemoryKeys;
pub use postgres::{PostgresKeyImport, PostgresKeyReader, PostgresKeys};
pub use sqlite::{KeyFiles, SqliteKeyReader, SqliteKeys};

use std::sync::Arc;

use aws_lc_rs::{aead::LessSafeKey, constant_time::verify_slices_are_equal};
use zeroize::Zeroizing;

use crate::{ids::KeyId, store::Answer};

/// A person's key, ready for use.
pub type DataKey = Arc<LessSafeKey>;

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
    /// A value does not open with the key it names.
    #[error("a sealed value does not open: it, its key or its place was changed")]
    Forged,
    /// A value was decoded without its event, or an event has no key to seal with.
    #[error("a personal value has no place or no key")]
    NoPlace,
}

/// Reads keys.
pub trait KeyReader: Send + Sync {
    /// The keys of these ids; `None` for one that is not there (any more): its values are erased.
    fn keys(&self, ids: Vec<KeyId>) -> Answer<'_, Result<Vec<Option<DataKey>>, KeyError>>;

    /// How many batches of keys were ever made; a store that makes them one by one has none.
    fn batches(&self) -> Answer<'_, Result<u64, KeyError>> {
        Box::pin(std::future::ready(Ok(0)))
    }
}

/// Makes keys.
pub trait KeyStore: KeyReader {
    /// A new key, durable already, never handed out before and never again.
    fn take(&self) -> Answer<'_, Result<KeyId, KeyError>>;
}

/// Destroys keys, and with them whatever was sealed under them.
pub trait KeyEraser: KeyStore {
    /// Destroys a key for ever. One that is not there (any more) is no error.
    fn destroy(&self, id: KeyId) -> Answer<'_, Result<(), KeyError>>;
}
