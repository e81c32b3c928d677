//! The installation of one process that is moved: locked, read, and left as it is.

use std::{fs, path::Path, sync::Arc};

use events::ids::LogId;
use events_log::{
    keys::{KeyFiles, SqliteKeyReader},
    store::{Clock, Head, StreamReader as _, sqlite::SqliteStore},
};
use zeroize::Zeroizing;

use crate::{
    exit::{Code, Exit},
    folder::Folder,
    guard,
};

/// How many threads read the log.
const READERS: usize = 2;

/// A data folder that nobody else uses meanwhile.
pub(super) struct Source {
    pub(super) folder: Folder,
    pub(super) store: Arc<SqliteStore>,
    pub(super) keys: Arc<SqliteKeyReader>,
    pub(super) log: LogId,
    pub(super) head: Head,
    /// How many commands are in its ledger.
    pub(super) commands: u64,
    /// How many refused commands it remembers.
    pub(super) attempts: u64,
    /// The file `installation.key`.
    pub(super) installation_key: Zeroizing<Vec<u8>>,
    /// The file of the first token, where it is still there.
    pub(super) token: Option<Zeroizing<Vec<u8>>>,
}

impl Source {
    /// Locks the folder and opens what is in it.
    pub(super) async fn open(path: &Path, clock: Clock) -> Result<Self, Exit> {
        if !path.join("log.db").is_file() {
            return Err(refused(format!("{} is no data folder: it holds no log", path.display())));
        }
        let folder = Folder::own(path).map_err(refused)?;
        // An older log than is known of would be moved as if nothing had come after.
        if let Err(exit) = guard::look(&folder, None) {
            folder.leave();
            return Err(exit);
        }
        let key_file = folder.file("installation.key");
        let missing = |error| refused(format!("{}: {error}", key_file.display()));
        let installation_key = Zeroizing::new(fs::read(&key_file).map_err(missing)?);
        let token = fs::read(folder.file("token")).ok().map(Zeroizing::new);
        let log_file = folder.file("log.db");
        let opening = tokio::task::spawn_blocking(move || {
            SqliteStore::open_existing(log_file, clock, READERS)
        });
        let store = opening.await.map_err(Exit::failed)?;
        let store = store.map_err(|error| refused(format!("{:#}", anyhow::Error::from(error))))?;
        match open_rest(&folder, &store).await {
            Ok((keys, head, (commands, attempts))) => Ok(Self {
                folder,
                log: store.log_id(),
                store: Arc::new(store),
                keys: Arc::new(keys),
                head,
                commands,
                attempts,
                installation_key,
                token,
            }),
            Err(exit) => {
                // Closed in order, so that no file of the database stays behind.
                store.shutdown().await;
                Err(exit)
            }
        }
    }

    /// Closes and unlocks it.
    pub(super) async fn close(self) {
        self.store.shutdown().await;
    }
}

async fn open_rest(
    folder: &Folder,
    store: &SqliteStore,
) -> Result<(SqliteKeyReader, Head, (u64, u64)), Exit> {
    let head = store.head().await.map_err(Exit::failed)?;
    let counts = store.counts().await.map_err(Exit::failed)?;
    let files = KeyFiles {
        keys: folder.file("keys.db"),
        master_key: folder.file("master.key"),
        log: store.log_id(),
        may_create: false,
    };
    let opening = tokio::task::spawn_blocking(move || SqliteKeyReader::open(&files));
    let keys = opening
        .await
        .map_err(Exit::failed)?
        .map_err(|error| refused(format!("the keys in {}: {error}", folder.path().display())))?;
    Ok((keys, head, counts))
}

fn refused(line: impl std::fmt::Display) -> Exit {
    Exit::new(Code::Folder, line)
}
