//! A copy of the log while it is being written: a consistent prefix of it.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use rusqlite::{
    Connection,
    backup::{Backup, StepResult},
};

use super::schema::{OpenError, connect_reader, read_state};
use crate::{private::make_private, store::Head};

/// Why a copy was not made. What there was of it is removed.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A backup never overwrites.
    #[error("{} is there already", .0.display())]
    Exists(PathBuf),
    /// The log cannot be opened for reading.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The copy cannot be written.
    #[error("the copy cannot be written")]
    Io(#[from] std::io::Error),
    /// The database says no.
    #[error("the copy cannot be made")]
    Database(#[from] rusqlite::Error),
    /// The thread that copies is gone.
    #[error("the copy was broken off")]
    Interrupted,
}

/// Copies the log at `from` to a new file `to`, and says where the copy ends. The copy has its
/// name only when it is whole and durable.
pub(super) fn back_up(from: &Path, to: &Path) -> Result<Head, BackupError> {
    if to.try_exists()? {
        return Err(BackupError::Exists(to.to_owned()));
    }
    let mut partial = to.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let outcome = copy(from, &partial).and_then(|head| {
        File::open(&partial)?.sync_all()?;
        fs::rename(&partial, to)?;
        sync_folder(to)?;
        Ok(head)
    });
    if outcome.is_err() {
        // What went wrong before is worth more than that the rest cannot be removed.
        fs::remove_file(&partial).ok();
    }
    outcome
}

fn copy(from: &Path, partial: &Path) -> Result<Head, BackupError> {
    // Left by a copy that was killed; nothing else has such a name.
    match fs::remove_file(partial) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    #[cfg(feature = "planted")]
    let from = &super::planted::without_wal(from, partial)?;
    let source = connect_reader(from)?;
    make_private(partial)?;
    let mut target = Connection::open(partial)?;
    // All pages in one step are read from one snapshot; in several steps every commit in between
    // would make it begin again.
    if Backup::new(&source, &mut target)?.step(-1)? != StepResult::Done {
        return Err(BackupError::Interrupted);
    }
    let head = read_state(&target)?.head;
    target.close().map_err(|(_, error)| error)?;
    Ok(head)
}

fn sync_folder(file: &Path) -> Result<(), std::io::Error> {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}
