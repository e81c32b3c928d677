//! Files that only their owner may read, from their first moment on.

use std::{fs::OpenOptions, io, os::unix::fs::OpenOptionsExt, path::Path};

/// Makes an empty file of mode 0600 where there is none.
///
/// A database makes its files readable for everybody; one that finds a file keeps its mode, and gives
/// the same to what it puts beside it (`-wal`, `-shm`, `-journal`).
///
/// # Errors
/// The file system's.
pub fn make_private(path: &Path) -> io::Result<()> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path).map(drop)
}
