//! A backup: the log and the wrapped keys, consistent, while everything runs.
//!
//! It holds no token and no master key: who finds it reads no personal value and opens nothing.

use std::{
    fs::{self, DirBuilder, Permissions},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context;
use events::values::Line;
use events_log::{
    keys::SqliteKeys,
    store::{Head, sqlite::SqliteStore},
};

use crate::{
    folder::{FolderError, write_private},
    mark::Keeper,
    verify::{Verified, check_copy},
};

/// What a backup copies. Read models are not: they are rebuilt from the log.
pub struct Sources {
    /// The log.
    pub log: Arc<SqliteStore>,
    /// The keys.
    pub keys: Arc<SqliteKeys>,
    /// The data folder.
    pub folder: PathBuf,
    /// What keeps the mark of the log.
    pub(crate) keeper: Arc<Keeper>,
}

/// The small files beside the databases. The master key goes apart, and no token is ever copied.
const FILES: [&str; 1] = ["installation.key"];

/// The longest name of a backup.
const MAX_NAME: usize = 64;

/// Where a backup goes: a new folder directly below the folder of backups.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its name.
    pub name: Line<100>,
    /// The folder to make.
    pub folder: PathBuf,
}

/// Why a backup goes nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPlace {
    /// None was named at start.
    #[error(
        "the service was started without a folder for backups: start it with --backups <folder>"
    )]
    NoFolder,
    /// It would lead elsewhere, or is none.
    #[error(
        "a backup is called by 1 to 64 letters, digits, `.`, `_` and `-`, beginning with a letter or digit"
    )]
    Name,
    /// A backup never overwrites.
    #[error("a backup of that name is there already")]
    Exists,
}

impl BadPlace {
    /// The codes of all.
    pub(crate) const CODES: [&str; 3] =
        [Self::NoFolder.code(), Self::Name.code(), Self::Exists.code()];

    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoFolder => "backup.no_folder",
            Self::Name => "backup.name_invalid",
            Self::Exists => "backup.exists",
        }
    }
}

impl Place {
    /// A place below the folder of backups.
    ///
    /// # Errors
    /// When there is no such folder, the name is none, or something of that name is there.
    pub fn new(backups: Option<&Path>, name: &str) -> Result<Self, BadPlace> {
        let backups = backups.ok_or(BadPlace::NoFolder)?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        let is_name = name.len() <= MAX_NAME
            && name.bytes().all(plain)
            && name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        if !is_name {
            return Err(BadPlace::Name);
        }
        let folder = backups.join(name);
        // A link counts, also one that leads nowhere.
        if folder.symlink_metadata().is_ok() {
            return Err(BadPlace::Exists);
        }
        Ok(Self { name: Line::new(name).map_err(|_| BadPlace::Name)?, folder })
    }
}

/// The folder of backups, made where it is missing, as it is without links: what is linked later
/// leads nowhere else.
///
/// # Errors
/// When it cannot be made, or is no folder.
pub fn folder_of_backups(path: &Path) -> Result<PathBuf, FolderError> {
    let io = |error| FolderError::Io(path.to_owned(), error);
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io)?;
    fs::canonicalize(path).map_err(io)
}

/// Copies everything that cannot be rebuilt into a new folder, and says where the log ends in it, and
/// what is wrong with the copy of the log.
///
/// The log goes first: every key that its events name is in the copy of the keys then.
///
/// # Errors
/// When the folder is there already or cannot be written. A half-made folder has no `complete` file.
pub async fn back_up(sources: &Sources, to: &Path) -> anyhow::Result<(Head, Verified)> {
    // Making a folder follows no link and takes no folder that is there.
    DirBuilder::new().mode(0o700).create(to).with_context(|| format!("making {}", to.display()))?;
    let head = sources.log.backup_to(to.join("log.db")).await.context("copying the log")?;
    sources.keys.backup_to(to.join("keys.db")).await.context("copying the keys")?;
    for name in ["log.db", "keys.db"] {
        // The database makes its files readable for everybody; copies travel without their folder.
        fs::set_permissions(to.join(name), Permissions::from_mode(0o600))?;
    }
    for name in FILES {
        let from = sources.folder.join(name);
        if from.exists() {
            let bytes = fs::read(&from).with_context(|| format!("reading {name}"))?;
            write_private(&to.join(name), &bytes).with_context(|| format!("copying {name}"))?;
        }
    }
    sources.keeper.write_cut(to, head).await.context("marking where the copy ends")?;
    // A damaged log is copied as far as that goes: what can be saved is worth having. It is not called
    // complete.
    let verified = check_copy(to.join("log.db")).await.context("checking the copy")?;
    if verified.first().is_none() {
        write_private(&to.join("complete"), head.position.to_string().as_bytes())?;
    }
    Ok((head, verified))
}

#[cfg(test)]
#[path = "backup_tests.rs"]
mod tests;
