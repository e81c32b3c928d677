//! A backup: the log, the keys and the tokens, consistent, while everything runs.

use std::{
    fs::{self, DirBuilder, Permissions},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, ensure};
use events::{
    keys::SqliteKeys,
    store::{Head, sqlite::SqliteStore},
};

use crate::{folder::write_private, mark::Keeper};

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

/// The small files beside the databases.
const FILES: [&str; 3] = ["master.key", "installation.key", "token"];

/// Copies everything that cannot be rebuilt into a new folder, and says where the log ends in it.
///
/// The log goes first: every key that its events name is in the copy of the keys then.
///
/// # Errors
/// When the folder is there already or cannot be written. A half-made folder has no `complete` file.
pub async fn back_up(sources: &Sources, to: &Path) -> anyhow::Result<Head> {
    ensure!(to.is_absolute(), "the folder of a backup must be an absolute path");
    ensure!(!to.exists(), "{} is there already", to.display());
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
    write_private(&to.join("complete"), head.position.to_string().as_bytes())?;
    Ok(head)
}
