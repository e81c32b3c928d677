//! Files that somebody names: a pipe or a device is refused before it is opened, for it may never end.

use std::{fs, io, path::Path};

/// Refuses what is no regular file.
///
/// # Errors
/// When it is another thing, is longer than `most` bytes, or cannot be looked at.
pub fn check(path: &Path, most: u64) -> io::Result<()> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    if metadata.len() > most {
        return Err(io::Error::other(format!("it has more than {most} bytes")));
    }
    Ok(())
}

/// Reads a short text.
///
/// # Errors
/// As [`check`] says, and when it is no text.
pub fn read(path: &Path, most: u64) -> io::Result<String> {
    check(path, most)?;
    fs::read_to_string(path)
}
