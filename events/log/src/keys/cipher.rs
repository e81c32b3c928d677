//! AES-256-GCM over one personal value, bound to its log, its event, its key and its field.

use std::sync::Arc;

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    rand,
};
use events::{
    ids::{EventId, KeyId, LogId},
    personal::{Origin, Sealed},
};

use super::{DataKey, KeyError};

/// The length of a key in bytes.
pub(super) const KEY_LENGTH: usize = 32;

/// Prepares a key for use.
pub(super) fn prepare(bytes: &[u8]) -> Result<DataKey, KeyError> {
    let key = UnboundKey::new(&AES_256_GCM, bytes).map_err(|_| KeyError::Damaged)?;
    Ok(Arc::new(LessSafeKey::new(key)))
}

/// Fills `bytes` from the random number generator of the crypto provider.
pub(super) fn fill_random(bytes: &mut [u8]) -> Result<(), KeyError> {
    rand::fill(bytes).map_err(|_| KeyError::Unavailable("no random numbers are to be had".into()))
}

/// A random nonce. A key seals the few fields of one person: 96 random bits never meet again.
pub(super) fn random_nonce() -> Result<[u8; 12], KeyError> {
    let mut nonce = [0; 12];
    fill_random(&mut nonce)?;
    Ok(nonce)
}

/// Room for what a value is bound to: three ids and a field path. Longer paths go to the heap.
const ROOM: usize = 48 + 80;

/// Calls `f` with everything a sealed value is bound to, fixed lengths first.
fn with_associated_data<T>(
    log: LogId,
    event: EventId,
    key: KeyId,
    path: &str,
    f: impl FnOnce(Aad<&[u8]>) -> T,
) -> T {
    let parts = [log.0.as_bytes(), event.0.as_bytes(), key.0.as_bytes(), path.as_bytes()];
    let mut room = [0; ROOM];
    let mut length = 0;
    for part in parts {
        let Some(place) = room.get_mut(length..length + part.len()) else {
            return f(Aad::from(parts.concat().as_slice()));
        };
        place.copy_from_slice(part);
        length += part.len();
    }
    f(Aad::from(&room[..length]))
}

/// Seals `value` in place.
pub(super) fn seal(
    key: &LessSafeKey,
    id: KeyId,
    log: LogId,
    origin: Origin,
    nonce: [u8; 12],
    mut value: Vec<u8>,
) -> Result<Sealed, KeyError> {
    value.reserve_exact(AES_256_GCM.tag_len());
    with_associated_data(log, origin.event, id, &origin.path, |data| {
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), data, &mut value)
    })
    .map_err(|_| KeyError::NoPlace)?;
    Ok(Sealed { key: id, nonce, ciphertext: value, origin: Some(origin) })
}

/// Opens `sealed`; its ciphertext becomes the value, which is returned as a part of it.
pub(super) fn open<'a>(
    key: &LessSafeKey,
    log: LogId,
    sealed: &'a mut Sealed,
) -> Result<&'a [u8], KeyError> {
    let Sealed { key: id, nonce, ciphertext, origin } = sealed;
    let origin = origin.as_ref().ok_or(KeyError::NoPlace)?;
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let value = with_associated_data(log, origin.event, *id, &origin.path, |data| {
        key.open_in_place(nonce, data, ciphertext)
    })
    .map_err(|_| KeyError::Forged)?;
    Ok(value)
}
