//! The data folder: what lies in it, and that one process owns it.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use crate::modes::{SECRETS, TooOpen, check_folder, check_secret, close_files};

/// Why a data folder cannot be used. Nothing in it was touched.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Another process owns it.
    #[error("the data folder {0} is in use by another process")]
    InUse(PathBuf),
    /// It exists and is something else.
    #[error("{0} is no data folder: it is not empty and holds no log")]
    Foreign(PathBuf),
    /// Others may read what is in it.
    #[error(transparent)]
    TooOpen(#[from] TooOpen),
    /// The file system refused.
    #[error("the data folder {0} cannot be used: {1}")]
    Io(PathBuf, #[source] io::Error),
    /// Something is gone that belongs to what is there.
    #[error("the data folder {0} is incomplete: {1} is missing; put it back from a backup")]
    Incomplete(PathBuf, &'static str),
    /// A file does not hold what it should.
    #[error("{0} does not hold what it should: {1}")]
    Damaged(PathBuf, &'static str),
}

/// An owned data folder. Owned until dropped.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// Whether it was made just now.
    pub is_new: bool,
    /// Whether the lock's file was made just now.
    made_lock: bool,
    _lock: File,
}

const LOCK: &str = "annals.lock";
/// The log, which is made before everything else but the lock.
const LOG: &str = "log.db";
/// What is made after the log, and says nothing without it.
const AFTER_LOG: [&str; 8] = [
    "log.db-wal",
    "log.mark",
    "keys.db",
    "master.key",
    "installation.key",
    "token",
    "read",
    "annals.addr",
];
/// What a log that has events cannot do without.
const WITH_EVENTS: [&str; 3] = ["keys.db", "master.key", "installation.key"];

impl Folder {
    /// Owns the folder at `path`, and makes it where it is not there.
    ///
    /// # Errors
    /// When another process owns it, it holds something else or has lost its log, others may enter it
    /// or read a secret in it, or the file system refuses.
    pub fn own(path: &Path) -> Result<Self, FolderError> {
        let io = |error| FolderError::Io(path.to_owned(), error);
        let is_new = is_new(path).map_err(io)?;
        // A new log beside what is left of an old one would be a second history under its keys.
        if is_empty(&path.join(LOG)) && AFTER_LOG.iter().any(|name| path.join(name).exists()) {
            return Err(FolderError::Incomplete(path.to_owned(), LOG));
        }
        if !is_new && !path.join(LOG).exists() && !path.join(LOCK).exists() {
            return Err(FolderError::Foreign(path.to_owned()));
        }
        check_folder(path)?;
        for name in SECRETS {
            check_secret(&path.join(name))?;
        }
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io)?;
        let made_lock = !path.join(LOCK).exists();
        let lock = private().create(true).truncate(false).write(true).open(path.join(LOCK));
        let lock = lock.map_err(io)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(FolderError::InUse(path.to_owned())),
            Err(TryLockError::Error(error)) => return Err(io(error)),
        }
        let is_new = !path.join(LOG).exists();
        // Nobody else may enter the folder, so nobody has read them.
        let closed = close_files(path).map_err(io)?;
        if closed > 0 {
            let folder = path.display();
            tracing::info!(%folder, closed, "files of an older build were closed to others");
        }
        Ok(Self { path: path.to_owned(), is_new, made_lock, _lock: lock })
    }

    /// Refuses a folder that has lost what its log cannot do without. A log without events is that of
    /// a first start that was cut short: what is missing is made.
    ///
    /// # Errors
    /// When something is missing.
    pub fn require_all(&self, has_events: bool) -> Result<(), FolderError> {
        let lost = WITH_EVENTS.into_iter().find(|name| has_events && is_empty(&self.file(name)));
        lost.map_or(Ok(()), |name| Err(FolderError::Incomplete(self.path.clone(), name)))
    }

    /// Gives the folder back as it was found: it is refused, and nothing was written.
    pub fn leave(self) {
        if self.made_lock {
            // A lock that stays behind says nothing.
            fs::remove_file(self.file(LOCK)).ok();
        }
    }

    /// A file of the folder.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// A folder in the folder, made where it is not there.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn folder(&self, name: &str) -> Result<PathBuf, FolderError> {
        let path = self.file(name);
        match fs::DirBuilder::new().recursive(true).mode(0o700).create(&path) {
            Ok(()) => Ok(path),
            Err(error) => Err(FolderError::Io(path, error)),
        }
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The 32 bytes of a secret file, made by `draw` where it is not there.
    ///
    /// # Errors
    /// When the file system refuses, or the file has another length.
    pub fn secret(
        &self,
        name: &str,
        draw: impl FnOnce() -> [u8; 32],
    ) -> Result<[u8; 32], FolderError> {
        secret_file(&self.file(name), draw)
    }
}

/// The 32 bytes of a secret file, made by `draw` where it is not there.
///
/// # Errors
/// When others may read it, the file system refuses, or the file has another length.
pub fn secret_file(path: &Path, draw: impl FnOnce() -> [u8; 32]) -> Result<[u8; 32], FolderError> {
    check_secret(path)?;
    let io = |error| FolderError::Io(path.to_owned(), error);
    match File::open(path) {
        Ok(mut file) => {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).map_err(io)?;
            let wrong = |_| FolderError::Damaged(path.to_owned(), "a key has 32 bytes");
            bytes.try_into().map_err(wrong)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let secret = draw();
            write_private(path, &secret).map_err(io)?;
            Ok(secret)
        }
        Err(error) => Err(io(error)),
    }
}

fn is_new(path: &Path) -> io::Result<bool> {
    match fs::read_dir(path) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

/// Whether a file is missing, or was made and never written.
fn is_empty(path: &Path) -> bool {
    fs::metadata(path).map_or(true, |metadata| metadata.len() == 0)
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

/// Writes a file of mode 0600 whole and durably, or not at all.
///
/// # Errors
/// The file system's.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let temporary = PathBuf::from(temporary);
    let mut file = private().create(true).truncate(true).write(true).open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}
