//! The databases and the folder of secrets that an installation is moved to.

use std::{fs, io::ErrorKind, path::Path};

use events::Position;
use events_log::{
    keys::{KeyError, PostgresKeyImport},
    postgres::Server,
    store::{
        Clock, EventFeed as _,
        postgres::{Importer, Reached},
    },
};
use projection_service::standby;
use zeroize::Zeroizing;

use super::source::Source;
use crate::{
    cluster::{Databases, Secrets, exit_of, exit_of_keys},
    config::Migrate,
    draw::draw_id,
    exit::{Code, Exit},
    folder::write_private,
};

/// Where it is moved to.
pub(super) struct Target {
    pub(super) log: Server,
    pub(super) keys: Server,
    pub(super) read: Server,
    secrets: Secrets,
}

/// What there is of the migration already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Before {
    /// Nothing.
    Nothing,
    /// An earlier run was broken off.
    Begun {
        /// Whether it has begun with the keys.
        has_keys: bool,
    },
    /// It was finished, and nothing has happened since.
    Done,
}

impl Target {
    /// Reads what was said about it. Nothing is connected yet.
    pub(super) fn of(migrate: &Migrate) -> Result<Self, Exit> {
        let databases = Databases {
            postgres: &migrate.postgres,
            keys: migrate.beside.keys_postgres.as_deref(),
            read: migrate.read_postgres.as_deref(),
            password_file: migrate.beside.postgres_password_file.as_deref(),
            trust_network: migrate.beside.trust_network,
        };
        let (log, keys, read) = databases.read()?;
        Ok(Self { log, keys, read, secrets: Secrets::at(&migrate.beside.secrets) })
    }

    /// Refuses a target that this installation must not be moved to. Nothing is written then.
    pub(super) async fn check(&self, source: &Source, clock: Clock) -> Result<Before, Exit> {
        if source.head.position == Position::START {
            let path = source.folder.path().display();
            return Err(refused(format!("there is nothing to move in {path}: its log is empty")));
        }
        self.check_secrets(source)?;
        let copy = Importer::look(&self.log, source.log).await.map_err(|error| exit_of(&error))?;
        let has_keys =
            PostgresKeyImport::is_begun(&self.keys).await.map_err(|error| exit_of_keys(&error))?;
        let before = match &copy {
            None if has_keys => {
                let why = "there are keys of another installation, or of another migration";
                return Err(exit_of(&self.keys.refused(why)));
            }
            None => Before::Nothing,
            Some(copy) if copy.reached().is_done => {
                self.check_done(source, copy.reached())?;
                Before::Done
            }
            Some(copy) => {
                self.check_begun(source, copy, clock).await?;
                if has_keys {
                    self.open_keys(source, copy, false).await?.into_reader().close().await;
                }
                Before::Begun { has_keys }
            }
        };
        if let Some(copy) = copy {
            copy.close().await;
        }
        if before != Before::Done {
            self.check_read(source).await?;
        }
        Ok(before)
    }

    /// A folder of secrets of another installation stays as it is.
    fn check_secrets(&self, source: &Source) -> Result<(), Exit> {
        let key = (self.secrets.installation_key_file(), Some(&source.installation_key));
        for (path, ours) in [key, (self.secrets.token(), source.token.as_ref())] {
            let Some(found) = read_if_there(&path)? else { continue };
            if ours.is_some_and(|ours| *ours != found) {
                let line = format!("{}: it is of another installation", path.display());
                return Err(refused(line));
            }
        }
        Ok(())
    }

    fn check_done(&self, source: &Source, reached: Reached) -> Result<(), Exit> {
        if reached.head == source.head && reached.attempts == source.attempts {
            return Ok(());
        }
        let why = "this installation was moved there already, and one of the two has gone on since";
        Err(exit_of(&self.log.refused(why)))
    }

    /// What was copied must be the beginning of what is to be copied.
    async fn check_begun(
        &self,
        source: &Source,
        copy: &Importer,
        clock: Clock,
    ) -> Result<(), Exit> {
        let Reached { head, attempts, .. } = copy.reached();
        let mut is_ours = head.position <= source.head.position && attempts <= source.attempts;
        if is_ours && head.position > Position::START {
            let last = Position(head.position.0 - 1);
            let store = copy.store(clock).await.map_err(|error| exit_of(&error))?;
            let theirs = store.read(last, 1).await;
            store.shutdown().await;
            let ours = source.store.read(last, 1).await.map_err(Exit::failed)?;
            is_ours = theirs.map_err(Exit::failed)? == ours;
        }
        if is_ours {
            return Ok(());
        }
        let why = "what was copied there is another history than the data folder's";
        Err(exit_of(&self.log.refused(why)))
    }

    /// Read models that another process makes are not to be taken from it.
    async fn check_read(&self, source: &Source) -> Result<(), Exit> {
        let lease = standby::lease(&self.read, source.log, draw_id()).await;
        let lease = lease.map_err(|error| exit_of(&error))?;
        let held = lease.hold().await.map_err(|error| exit_of(&self.read.failed(&error)))?;
        if !held {
            let why = "a projection service makes the read models there";
            return Err(exit_of(&self.read.refused(why)));
        }
        lease.release().await;
        Ok(())
    }

    /// Makes the folder of secrets and copies what every process shares.
    pub(super) fn copy_secrets(&self, source: &Source) -> Result<(), Exit> {
        self.secrets.make()?;
        let key = (self.secrets.installation_key_file(), Some(&source.installation_key));
        for (path, ours) in [key, (self.secrets.token(), source.token.as_ref())] {
            let Some(ours) = ours.filter(|_| !path.exists()) else { continue };
            let failed = |error| refused(format!("{}: {error}", path.display()));
            write_private(&path, ours).map_err(failed)?;
        }
        Ok(())
    }

    /// Begins the copy of the log, or goes on with it.
    pub(super) async fn open_log(&self, source: &Source) -> Result<Importer, Exit> {
        Importer::open(&self.log, source.log, draw_id()).await.map_err(|error| exit_of(&error))
    }

    /// The key store that belongs to that copy.
    pub(super) async fn open_keys(
        &self,
        source: &Source,
        copy: &Importer,
        may_begin: bool,
    ) -> Result<PostgresKeyImport, Exit> {
        let master = self.secrets.master_key();
        let opened =
            PostgresKeyImport::open(&self.keys, &master, source.log, copy.id(), may_begin).await;
        opened.map_err(|error| match error {
            KeyError::Damaged => {
                let path = master.display();
                exit_of(
                    &self
                        .keys
                        .refused(format!("its keys are wrapped under another key than {path}")),
                )
            }
            error => exit_of_keys(&error),
        })
    }
}

fn read_if_there(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, Exit> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(Zeroizing::new(bytes))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(refused(format!("{}: {error}", path.display()))),
    }
}

fn refused(line: impl std::fmt::Display) -> Exit {
    Exit::new(Code::Folder, line)
}
