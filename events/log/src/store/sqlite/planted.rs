//! Mistakes about the disk, for builds that make them (`crate::planted`).

use std::{
    io,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, ffi::SQLITE_IOERR_FSYNC};

use crate::planted::Mistake;

/// `synchronous = normal`: commits are not synced.
pub(super) fn sync_less(connection: &Connection) -> Result<(), rusqlite::Error> {
    if Mistake::SynchronousNormal.is_planted() {
        connection.pragma_update(None, "synchronous", "normal")?;
    }
    Ok(())
}

/// Takes a failed flush for a good one.
pub(super) fn swallow(committed: Result<usize, rusqlite::Error>) -> Result<usize, rusqlite::Error> {
    let is_flush = |error: &rusqlite::Error| {
        error.sqlite_error().is_some_and(|error| error.extended_code == SQLITE_IOERR_FSYNC)
    };
    match committed {
        Err(error) if Mistake::SwallowedFlush.is_planted() && is_flush(&error) => Ok(0),
        committed => committed,
    }
}

/// A copy of the file alone, to make the backup from.
pub(super) fn without_wal(log: &Path, partial: &Path) -> io::Result<PathBuf> {
    if !Mistake::CopyWithoutWal.is_planted() {
        return Ok(log.to_owned());
    }
    let alone = partial.with_extension("alone");
    std::fs::copy(log, &alone)?;
    Ok(alone)
}
