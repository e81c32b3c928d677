//! The keys that were needed and could not be had, told once each.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    convert::Infallible,
    sync::{Mutex, MutexGuard, PoisonError},
};

use events::{
    ids::KeyId,
    personal::{Personal, PersonalFields, PersonalVisitor},
};
use serde::{Serialize, de::DeserializeOwned};

use super::KeyState;

/// How many are known one by one; further ones are only counted.
const KNOWN: usize = 10_000;

/// The keys that this process has needed, and that are missing or damaged though nobody destroyed
/// them.
#[derive(Default)]
pub struct Unreadable(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    /// Whether each is damaged, or missing.
    keys: BTreeMap<KeyId, bool>,
    /// Whether the key store is older than is known of it.
    is_older: bool,
}

impl Unreadable {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.seen().keys.len()
    }

    /// At most so many of them, in the order of their ids.
    #[must_use]
    pub fn first(&self, most: usize) -> Vec<KeyId> {
        self.seen().keys.keys().take(most).copied().collect()
    }

    /// Whether the store is an older one than the log was written with.
    #[must_use]
    pub fn is_store_older(&self) -> bool {
        self.seen().is_older
    }

    /// The store is an older one than the log was written with.
    pub fn set_store_older(&self) {
        self.seen().is_older = true;
    }

    /// A key was asked for.
    pub(super) fn see(&self, id: KeyId, state: &KeyState) {
        let mut seen = self.seen();
        if !state.is_unreadable() {
            // Nearly always there is none.
            if seen.keys.remove(&id).is_some() {
                tracing::warn!(key = %id.0, "a key is there again");
                tell(seen.keys.len());
            }
            return;
        }
        let is_damaged = matches!(state, KeyState::Damaged);
        if seen.keys.len() < KNOWN && seen.keys.insert(id, is_damaged).is_none() {
            let what = if is_damaged { "damaged" } else { "missing, and was not destroyed" };
            tracing::error!(key = %id.0, "what was sealed with a key cannot be read: it is {what}");
            tell(seen.keys.len());
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        // It is whole after every single call on it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The keys of those values that could not be read when the thing was unsealed, each once.
pub fn unreadable_keys(of: &mut impl PersonalFields) -> Vec<KeyId> {
    let mut found = Found(Vec::new());
    let Ok(()) = of.visit_personal(&Cow::Borrowed(""), &mut found);
    found.0
}

/// The keys of those values that are sealed, each once. Tombstones name none.
pub fn sealed_keys(of: &mut impl PersonalFields) -> Vec<KeyId> {
    let mut named = Named(Vec::new());
    let Ok(()) = of.visit_personal(&Cow::Borrowed(""), &mut named);
    named.0
}

struct Named(Vec<KeyId>);

impl PersonalVisitor for Named {
    type Error = Infallible;

    fn visit<T: Serialize + DeserializeOwned>(
        &mut self,
        _: &Cow<'static, str>,
        value: &mut Personal<T>,
    ) -> Result<(), Infallible> {
        if let Personal::Sealed(sealed) = value
            && !sealed.is_tombstone()
            && !self.0.contains(&sealed.key)
        {
            self.0.push(sealed.key);
        }
        Ok(())
    }
}

struct Found(Vec<KeyId>);

impl PersonalVisitor for Found {
    type Error = Infallible;

    fn visit<T: Serialize + DeserializeOwned>(
        &mut self,
        _: &Cow<'static, str>,
        value: &mut Personal<T>,
    ) -> Result<(), Infallible> {
        if let Personal::Unreadable(key) = value
            && !self.0.contains(key)
        {
            self.0.push(*key);
        }
        Ok(())
    }
}

fn tell(count: usize) {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    metrics::gauge!("annals_keys_unreadable").set(f64::from(count));
}
