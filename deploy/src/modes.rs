//! Who may read what lies in our folders: their owner, and nobody else.

use std::{
    fs::{self, Metadata, Permissions},
    io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// The mode of a folder of ours.
const FOLDER: u32 = 0o700;
/// The mode of a file of ours.
const FILE: u32 = 0o600;
/// What anybody but the owner may do.
const OTHERS: u32 = 0o077;

/// The files that are secrets: nobody but their owner may ever have read them.
pub const SECRETS: [&str; 3] = ["master.key", "installation.key", "token"];

/// Something that others may read, or enter.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{path} has mode {mode:04o}: others may {verb} it, and may have by now: chmod {right:o} {path}{advice}",
    path = path.display()
)]
pub struct TooOpen {
    path: PathBuf,
    mode: u32,
    right: u32,
    verb: &'static str,
    advice: &'static str,
}

/// Refuses a folder that others may enter. One that is not there passes.
///
/// # Errors
/// When others may enter it.
pub fn check_folder(path: &Path) -> Result<(), TooOpen> {
    let advice = "; the files in it are closed at the next start";
    check(path, FOLDER, "enter", advice)
}

/// Refuses a secret that others may read. One that is not there passes.
///
/// # Errors
/// When others may read it.
pub fn check_secret(path: &Path) -> Result<(), TooOpen> {
    check(path, FILE, "read", "; whoever could read it may have a copy")
}

fn check(path: &Path, right: u32, verb: &'static str, advice: &'static str) -> Result<(), TooOpen> {
    // What cannot be looked at is told by whoever opens it.
    let Ok(metadata) = fs::metadata(path) else { return Ok(()) };
    match metadata.mode() & 0o777 {
        mode if mode & OTHERS == 0 => Ok(()),
        mode => Err(TooOpen { path: path.to_owned(), mode, right, verb, advice }),
    }
}

/// Closes what lies in a folder that nobody else may enter: an older build left databases of mode
/// 0644 there. Links are left alone. Answers with how many files were closed.
///
/// # Errors
/// When a file belongs to somebody else, or the file system refuses.
pub fn close_files(folder: &Path) -> io::Result<usize> {
    let mut closed = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => {
                closed += usize::from(close(&entry.path(), &metadata, FOLDER)?);
                closed += close_files(&entry.path())?;
            }
            Ok(metadata) if metadata.is_file() => {
                closed += usize::from(close(&entry.path(), &metadata, FILE)?);
            }
            Ok(_) => {}
            // It went between two looks.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(closed)
}

fn close(path: &Path, metadata: &Metadata, mode: u32) -> io::Result<bool> {
    if metadata.mode() & OTHERS == 0 {
        return Ok(false);
    }
    fs::set_permissions(path, Permissions::from_mode(mode))?;
    Ok(true)
}

#[cfg(test)]
#[path = "modes_tests.rs"]
mod tests;
