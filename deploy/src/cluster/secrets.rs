//! The folder of what every process of a cluster shares and no database may hold.

use std::{
    fs::DirBuilder,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use crate::{
    exit::{Code, Exit},
    folder::{FolderError, secret_file},
    modes::{SECRETS, check_folder, check_secret},
};

/// `master.key`, `installation.key`, and the first token.
#[derive(Clone, Debug)]
pub struct Secrets {
    path: PathBuf,
}

impl Secrets {
    /// The folder at `path`, which need not be there yet.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Makes the folder where it is missing, for its owner alone.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn make(&self) -> Result<(), Exit> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.path);
        made.map_err(|error| {
            let line = format!("the folder of secrets {}: {error}", self.path.display());
            Exit::new(Code::Folder, line)
        })
    }

    /// Refuses secrets that others may read, and a folder of them that others may enter.
    ///
    /// # Errors
    /// One line that says what to run.
    pub fn check(&self) -> Result<(), Exit> {
        let checked = check_folder(&self.path)
            .and_then(|()| SECRETS.iter().try_for_each(|name| check_secret(&self.path.join(name))));
        checked.map_err(|error| Exit::new(Code::Folder, error))
    }

    /// The file of the key under which all keys are wrapped.
    #[must_use]
    pub fn master_key(&self) -> PathBuf {
        self.path.join("master.key")
    }

    /// The file of the first token.
    #[must_use]
    pub fn token(&self) -> PathBuf {
        self.path.join("token")
    }

    /// The file of the key of the ledger's fingerprints.
    #[must_use]
    pub fn installation_key_file(&self) -> PathBuf {
        self.path.join("installation.key")
    }

    /// The key of the ledger's fingerprints; drawn where it is missing and `draw` is given.
    ///
    /// # Errors
    /// When it is missing, or the file system refuses.
    pub fn installation_key(&self, draw: Option<fn() -> [u8; 32]>) -> Result<[u8; 32], Exit> {
        let path = self.installation_key_file();
        if draw.is_none() && !path.exists() {
            let line = format!("{}: it is missing: copy it from the first service", path.display());
            return Err(Exit::new(Code::Folder, line));
        }
        let draw = draw.unwrap_or(|| [0; 32]);
        secret_file(&path, draw).map_err(|error: FolderError| Exit::new(Code::Folder, error))
    }
}
