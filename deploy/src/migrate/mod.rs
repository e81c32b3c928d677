//! Moves an installation of one process to a cluster: log, keys and ledger, unchanged.
//!
//! Whatever it is cut off at, the same command goes on from there. Nobody can use the copy before it
//! is complete and was compared with what there was, down to the rows of the read models.

mod source;
mod target;
mod copy;
mod check;
mod read_models;
mod watch;

use std::sync::Arc;

use events_log::{
    keys::PostgresKeyImport,
    store::{Clock, postgres::Importer},
};

pub use self::watch::Watch;
use self::{
    source::Source,
    target::{Before, Target},
};
use crate::{
    cluster::{check_installation, exit_of},
    config::Migrate,
    exit::Exit,
};

/// What a migration saw on both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migrated {
    /// Events, each the same, with its leaf hash made again.
    pub events: u64,
    /// Commands in the ledger.
    pub commands: u64,
    /// Refused commands.
    pub attempts: u64,
    /// Keys.
    pub keys: u64,
    /// Tables of the read models, equal row by row.
    pub tables: usize,
}

/// Moves it, or goes on with that; what it saw, or none where that was done before.
///
/// # Errors
/// When the data folder or the target must not be used: nothing was written then. When it is
/// stopped, something is not to be had, or the copy is not the same: nobody can use it then.
pub async fn migrate(
    migrate: &Migrate,
    clock: Clock,
    watch: &Watch,
) -> Result<Option<Migrated>, Exit> {
    let target = Target::of(migrate)?;
    let source = Source::open(&migrate.from, clock.clone()).await?;
    let moved = move_to(&source, &target, migrate.batch.max(1), clock, watch).await;
    source.close().await;
    moved
}

async fn move_to(
    source: &Source,
    target: &Target,
    batch: usize,
    clock: Clock,
    watch: &Watch,
) -> Result<Option<Migrated>, Exit> {
    let may_begin = match target.check(source, clock.clone()).await? {
        Before::Done => return Ok(None),
        Before::Nothing | Before::Begun { has_keys: false } => true,
        Before::Begun { has_keys: true } => false,
    };
    target.copy_secrets(source)?;
    let mut copy = target.open_log(source).await?;
    let keys = target.open_keys(source, &copy, may_begin).await?;
    copy::copy_log(source, &mut copy, batch, watch).await?;
    copy::copy_keys(source, &keys, batch, watch).await?;
    let migrated = check(source, target, &copy, keys, clock, watch).await?;
    check_installation(copy.database(), &target.log, &source.installation_key).await?;
    copy.finish().await.map_err(Exit::failed)?;
    copy.close().await;
    Ok(Some(migrated))
}

async fn check(
    source: &Source,
    target: &Target,
    copy: &Importer,
    keys: PostgresKeyImport,
    clock: Clock,
    watch: &Watch,
) -> Result<Migrated, Exit> {
    let store = Arc::new(copy.store(clock).await.map_err(|error| exit_of(&error))?);
    let keys = Arc::new(keys.into_reader());
    let checked = async {
        let (commands, attempts) = check::check_log(source, &store, watch).await?;
        let count = check::check_keys(&source.keys, &keys, watch).await?;
        let tables =
            read_models::check_read_models(source, &store, keys.clone(), &target.read, watch)
                .await?;
        let events = source.head.position.0;
        Ok(Migrated { events, commands, attempts, keys: count, tables })
    };
    let checked = checked.await;
    store.shutdown().await;
    keys.close().await;
    checked
}
