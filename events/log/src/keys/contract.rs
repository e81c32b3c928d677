//! The laws that every key store keeps.
//!
//! An adapter's tests make a fresh store for each law and call it. A law panics when it is broken.

use std::collections::HashSet;

use aws_lc_rs::aead::{Aad, Nonce};
use events::ids::KeyId;
use uuid::Uuid;

use super::{DataKey, KeyEraser, KeyState};

async fn take(store: &impl KeyEraser) -> KeyId {
    store.take().await.expect("a key is to be had")
}

async fn state(store: &impl KeyEraser, id: KeyId) -> KeyState {
    let mut keys = store.keys(vec![id]).await.expect("keys can be read");
    assert_eq!(keys.len(), 1, "one answer for each id");
    keys.remove(0)
}

async fn key(store: &impl KeyEraser, id: KeyId) -> Option<DataKey> {
    state(store, id).await.here()
}

/// Tells keys apart: what each makes of the same bytes.
fn fingerprint(key: &DataKey) -> Vec<u8> {
    let mut bytes = vec![0; 32];
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key([0; 12]), Aad::empty(), &mut bytes)
        .expect("a key seals");
    bytes
}

/// A key that was taken is there at once, and is the same whenever it is asked for.
pub async fn a_taken_key_is_there(store: &impl KeyEraser) {
    let id = take(store).await;
    let (first, second) = (key(store, id).await, key(store, id).await);
    assert_eq!(first.as_ref().map(fingerprint), second.as_ref().map(fingerprint));
    assert!(first.is_some());
}

/// No key is handed out twice, and no two ids name the same key.
pub async fn keys_are_handed_out_once(store: &impl KeyEraser) {
    let mut ids = HashSet::new();
    for _ in 0..3_000 {
        assert!(ids.insert(take(store).await), "a key was handed out twice");
    }
    let ids: Vec<_> = ids.into_iter().collect();
    let keys = store.keys(ids).await.expect("keys can be read");
    let distinct: HashSet<_> =
        keys.into_iter().filter_map(|key| key.here()).map(|key| fingerprint(&key)).collect();
    assert_eq!(distinct.len(), 3_000);
}

/// Each id gets its own answer, in the order of the ids, also where an id comes twice.
pub async fn answers_come_in_the_order_of_the_ids(store: &impl KeyEraser) {
    let (a, b) = (take(store).await, take(store).await);
    let unknown = KeyId(Uuid::from_u128(404));
    let keys = store.keys(vec![b, unknown, a, b]).await.expect("keys can be read");
    let seen: Vec<_> = keys.into_iter().map(|key| key.here().as_ref().map(fingerprint)).collect();
    let (a, b) = (key(store, a).await, key(store, b).await);
    let (a, b) = (a.as_ref().map(fingerprint), b.as_ref().map(fingerprint));
    assert!(a.is_some() && b.is_some() && a != b);
    assert_eq!(seen, [b.clone(), None, a, b]);
    assert!(store.keys(Vec::new()).await.expect("keys can be read").is_empty());
}

/// A destroyed key is gone, and only that one; it is no error to destroy it again.
pub async fn a_destroyed_key_is_gone(store: &impl KeyEraser) {
    let (kept, gone) = (take(store).await, take(store).await);
    for _ in 0..2 {
        store.destroy(gone).await.expect("keys can be destroyed");
        assert!(matches!(state(store, gone).await, KeyState::Destroyed));
    }
    assert!(key(store, kept).await.is_some());
    let unknown = KeyId(Uuid::from_u128(404));
    store.destroy(unknown).await.expect("a key that is not there needs no destruction");
    assert!(matches!(state(store, unknown).await, KeyState::Destroyed));
}

/// A key that the store never had is unknown, and nothing that it sealed is taken for erased.
pub async fn a_key_that_was_never_there_is_unknown(store: &impl KeyEraser) {
    let taken = take(store).await;
    assert!(matches!(state(store, KeyId(Uuid::from_u128(404))).await, KeyState::Unknown));
    assert!(matches!(state(store, taken).await, KeyState::Here(_)));
}
