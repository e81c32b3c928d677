//! The master key: a file that only its owner may read, and the wrapping of keys under it.

use std::{
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
};

use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrap};
use zeroize::Zeroizing;

use super::{
    DataKey, KeyError,
    cipher::{KEY_LENGTH, fill_random, prepare},
};

/// The length of a wrapped key (RFC 3394): the key and eight bytes that prove it whole.
pub(super) const WRAPPED_LENGTH: usize = KEY_LENGTH + 8;

/// What is wrapped to tell one master key from another. No secret.
const CHECK: &[u8; KEY_LENGTH] = b"annals: is this the master key? ";

/// The key under which all others are wrapped: AES key wrap (RFC 3394) with 256 bits.
pub(super) struct MasterKey(Zeroizing<[u8; KEY_LENGTH]>);

impl MasterKey {
    /// Reads the master key.
    ///
    /// # Errors
    /// [`KeyError::Refused`] when the file is not there, may be read by others, or holds no key.
    pub(super) fn load(path: &Path) -> Result<Self, KeyError> {
        let refused = |why: &str| KeyError::Refused(format!("{}: {why}", path.display()).into());
        let mut file = File::open(path).map_err(|error| refused(&error.to_string()))?;
        let metadata = file.metadata().map_err(|error| refused(&error.to_string()))?;
        if !metadata.is_file() {
            return Err(refused("the master key is no ordinary file"));
        }
        if metadata.mode() & 0o077 != 0 {
            return Err(refused("others may read the master key: its mode must be 0600"));
        }
        // Read into room that never moves, so that no copy of the key stays behind.
        let mut text = Zeroizing::new([0_u8; 2 * KEY_LENGTH + 2]);
        let mut length = 0;
        while length < text.len() {
            match file.read(&mut text[length..]) {
                Ok(0) => break,
                Ok(count) => length += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(refused(&error.to_string())),
            }
        }
        let mut key = Zeroizing::new([0; KEY_LENGTH]);
        hex::decode_to_slice(text[..length].trim_ascii_end(), &mut *key)
            .map_err(|_| refused("the master key must be 64 hexadecimal digits on one line"))?;
        if key.iter().all(|byte| *byte == 0) {
            return Err(refused("the master key is all zero"));
        }
        Ok(Self(key))
    }

    /// Makes a master key and its file, durably and at once; one that is there already stays.
    pub(super) fn create(path: &Path) -> Result<(), KeyError> {
        let failed = |error: std::io::Error| {
            KeyError::Unavailable(format!("{}: {error}", path.display()).into())
        };
        let mut key = Zeroizing::new([0; KEY_LENGTH]);
        fill_random(&mut *key)?;
        let text = Zeroizing::new(format!("{}\n", *Zeroizing::new(hex::encode(*key))));
        let mut suffix = [0; 8];
        fill_random(&mut suffix)?;
        // Written beside and then linked: nobody ever sees half a key, nor loses one that is there.
        let beside = path.with_extension(format!("new-{}", hex::encode(suffix)));
        create_private(&beside)
            .and_then(|mut file| {
                file.write_all(text.as_bytes())?;
                file.sync_all()
            })
            .map_err(failed)?;
        let linked = match fs::hard_link(&beside, path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        };
        let removed = fs::remove_file(&beside);
        linked.and(removed).and_then(|()| sync_folder_of(path)).map_err(failed)
    }

    /// Wraps a key.
    pub(super) fn wrap(&self, key: &[u8; KEY_LENGTH]) -> Result<[u8; WRAPPED_LENGTH], KeyError> {
        let mut wrapped = [0; WRAPPED_LENGTH];
        let length = self.kek()?.wrap(key, &mut wrapped).map_err(|_| KeyError::Damaged)?.len();
        if length == WRAPPED_LENGTH { Ok(wrapped) } else { Err(KeyError::Damaged) }
    }

    /// Unwraps a key and prepares it for use.
    pub(super) fn unwrap(&self, wrapped: &[u8]) -> Result<DataKey, KeyError> {
        prepare(&*self.unwrap_bytes(wrapped)?)
    }

    /// A value that only this master key unwraps.
    pub(super) fn check_value(&self) -> Result<[u8; WRAPPED_LENGTH], KeyError> {
        self.wrap(CHECK)
    }

    /// Whether a check value was made by this master key.
    pub(super) fn made(&self, check_value: &[u8]) -> bool {
        self.unwrap_bytes(check_value).is_ok_and(|bytes| *bytes == *CHECK)
    }

    /// Unwraps a key.
    pub(super) fn unwrap_bytes(
        &self,
        wrapped: &[u8],
    ) -> Result<Zeroizing<[u8; KEY_LENGTH]>, KeyError> {
        let mut key = Zeroizing::new([0; KEY_LENGTH]);
        if wrapped.len() != WRAPPED_LENGTH {
            return Err(KeyError::Damaged);
        }
        self.kek()?.unwrap(wrapped, &mut *key).map_err(|_| KeyError::Damaged)?;
        Ok(key)
    }

    fn kek(&self) -> Result<AesKek, KeyError> {
        AesKek::new(&AES_256, &*self.0).map_err(|_| KeyError::Damaged)
    }
}

/// Makes a file that only its owner may read. One that is there already is an error.
pub(super) fn create_private(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Makes the name of a new file durable.
pub(super) fn sync_folder_of(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()
}
