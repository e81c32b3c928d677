//! What is looked at before a data folder is used, and what is written before it is served.
//!
//! A refusal writes nothing: everything that can refuse a folder is only read.

use std::{io, sync::Arc};

use command_service::{
    access::AcceptOlderLog,
    handle::{CommandError, Handler, Request},
};
use events::{
    Position,
    ids::{CommandId, LogId, OrganizationId},
};
use events_log::mark::Mark;
use events_log::{
    keys::Unsealer,
    store::sqlite::{LogPeek, OpenError, SqliteStore},
};
use projection_service::witness;
use uuid::Uuid;

use crate::{
    exit::{Code, Exit},
    folder::Folder,
    mark::{Accepted, Found, Held, Keeper, Known, check_keys, judge, read_mark},
    running::Tasks,
};

/// What was found in a folder that may be used.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Looked {
    /// Whether the log has events: nothing that it needs may be made anew.
    pub(crate) has_events: bool,
    /// Whether the log says already that a mark is kept.
    keeps_mark: bool,
    /// The older log that is accepted.
    accepted: Option<Accepted>,
    /// The mark, where there is one that is of this log.
    mark: Option<Mark>,
}

impl Looked {
    /// What was found in a log that may be used.
    ///
    /// # Errors
    /// As [`judge`].
    pub(crate) fn judged(held: &Held, accepted: Option<u64>) -> Result<Self, Exit> {
        let accepted = judge(held, accepted)?;
        let Held { head, keeps_mark, found, .. } = held;
        let has_events = *head > Position::START;
        if has_events && *found == Found::Missing && accepted.is_none() {
            tracing::info!(position = %head, "the log has no mark of its newest position yet: it is made");
        }
        let mark = found.mark().copied().filter(|mark| mark.log == held.log);
        Ok(Self { has_events, keeps_mark: *keeps_mark, accepted, mark })
    }

    /// Whether an older log is accepted in place of a newer one.
    pub(crate) const fn is_older(&self) -> bool {
        self.accepted.is_some()
    }

    /// The position up to which the mark vouches for the keys that the log names.
    pub(crate) fn marked(&self) -> Position {
        self.mark.map_or(Position::START, |mark| mark.position)
    }
}

/// Looks at a folder and refuses one that has lost something, or whose log is older than is known.
/// `accepted` is the position that the operator repeated. Blocks.
///
/// # Errors
/// One line that says what is missing, or what was found and the switch.
pub(crate) fn look(folder: &Folder, accepted: Option<u64>) -> Result<Looked, Exit> {
    let peek = LogPeek::open(&folder.file("log.db")).map_err(bad_log)?;
    let Some(peek) = peek else { return Ok(Looked::default()) };
    let head = peek.head().map_err(bad_log)?.position;
    let has_events = head > Position::START;
    folder.require_all(has_events).map_err(|error| Exit::new(Code::Folder, error))?;
    let keeps_mark = peek.keeps_mark().map_err(bad_log)?;
    let key_file = folder.file("installation.key");
    if !key_file.exists() {
        return Ok(Looked { keeps_mark, ..Looked::default() });
    }
    let key = folder.secret("installation.key", || [0; 32]);
    let key = key.map_err(|error| Exit::new(Code::Folder, error))?;
    let found = read_mark(folder.path(), &key).map_err(|error: io::Error| {
        Exit::new(Code::Folder, format!("{}: {error}", folder.file("log.mark").display()))
    })?;
    let at = |position: Option<Position>| {
        position.map_or(Ok(None), |position| peek.leaf(position).map_err(bad_log))
    };
    let seen = witness::of_folder(&folder.file("read"));
    let there = at(seen.map(|(position, _)| position))?;
    let held = Held {
        log: peek.log_id().map_err(bad_log)?,
        head,
        leaf: at(Some(head))?,
        keeps_mark,
        found,
        at_mark: at(found.mark().map(|mark| mark.position))?,
        reads: seen.map(|(position, leaf)| Known { position, leaf: Some(leaf), there }),
        cut: peek.accepted().map_err(bad_log)?,
    };
    Looked::judged(&held, accepted)
}

fn bad_log(error: OpenError) -> Exit {
    Exit::new(Code::Folder, format!("{:#}", anyhow::Error::from(error)))
}

/// Writes down an older log that is accepted, and the mark: before the log becomes any longer.
///
/// # Errors
/// When the log or the mark cannot be written.
pub(crate) async fn settle(
    looked: Looked,
    handler: &Handler,
    log: &impl Remembers,
    keeper: &Keeper,
    unsealer: &Unsealer,
) -> Result<(), Exit> {
    if let Some(accepted) = looked.accepted {
        log.set_back(accepted.position).await?;
        accept(handler, keeper.log, accepted)
            .await
            .map_err(|error| Exit::from(anyhow::Error::from(error)))?;
    }
    let epoch =
        epoch(handler, keeper.log).await.map_err(|error| Exit::from(anyhow::Error::from(error)))?;
    keeper.set_epoch(epoch.max(looked.mark.map_or(0, |mark| mark.epoch)));
    let batch = looked.mark.and_then(|mark| mark.keys);
    if !keeper.expect_batch(batch).await.map_err(Exit::failed)? {
        tracing::error!(
            "the key store is older than the log: people who were added since cannot be read; put the \
             newer one back"
        );
        unsealer.unreadable().set_store_older();
    }
    keeper.write_over(looked.is_older()).await?;
    if !looked.keeps_mark {
        log.remember_mark().await?;
    }
    Ok(())
}

/// Keeps the mark, looks for the keys that the log names, and watches the clock.
pub(crate) fn watch_over(
    tasks: &mut Tasks,
    handler: &Arc<Handler>,
    keeper: &Arc<Keeper>,
    unsealer: &Unsealer,
    marked: Position,
) {
    let (feed, unsealer) = (keeper.feed.clone(), unsealer.clone());
    tasks.start(async move {
        if let Err(error) = check_keys(&*feed, &unsealer, marked).await {
            tracing::warn!(%error, "it was not looked for the keys that the log names");
        }
        Ok(())
    });
    let (keeper, stopped) = (keeper.clone(), tasks.stopped());
    tasks.start(async move {
        keeper.run(stopped).await;
        Ok(())
    });
    watch_clock(tasks, handler);
}

/// Watches the clock.
pub(crate) fn watch_clock(tasks: &mut Tasks, handler: &Arc<Handler>) {
    let (handler, stopped) = (handler.clone(), tasks.stopped());
    tasks.start(async move {
        handler.follow_clock(stopped).await;
        Ok(())
    });
}

/// What a log remembers besides its events.
pub(crate) trait Remembers {
    /// That a mark is kept apart from it.
    async fn remember_mark(&self) -> Result<(), Exit>;

    /// Where process managers stand: not beyond the end of an older log.
    async fn set_back(&self, head: Position) -> Result<(), Exit>;
}

impl Remembers for SqliteStore {
    async fn remember_mark(&self) -> Result<(), Exit> {
        Self::remember_mark(self).await.map_err(Exit::failed)
    }

    async fn set_back(&self, head: Position) -> Result<(), Exit> {
        self.set_back_checkpoints(head).await.map_err(Exit::failed)
    }
}

/// How often an older log was accepted, by the log itself.
pub(crate) async fn epoch(handler: &Handler, log: LogId) -> Result<u32, CommandError> {
    let loaded = handler.load(OrganizationId(log.0).stream()).await?;
    Ok(match &*loaded.record {
        command_service::aggregate::Record::Organization(organization) => organization.epoch(),
        _ => 0,
    })
}

/// Appends the event that an older log was accepted.
pub(crate) async fn accept(
    handler: &Handler,
    log: LogId,
    accepted: Accepted,
) -> Result<(), CommandError> {
    let Accepted { epoch, position, leaf, known } = accepted;
    let leaf = hex::encode(leaf.0);
    let known_leaf = known.and_then(|(_, leaf)| leaf).map(|leaf| hex::encode(leaf.0));
    let name = format!("AcceptOlderLog {epoch} {position} {leaf} {known_leaf:?}");
    let command_id = CommandId(Uuid::new_v5(&log.0, name.as_bytes()));
    let command = AcceptOlderLog {
        organization_id: OrganizationId(log.0),
        epoch,
        position: position.0,
        leaf,
        known_position: known.map(|(position, _)| position.0),
        known_leaf,
    };
    let request = Request::of_system(command_id, "AcceptOlderLog", Box::new(command));
    handler.handle(request).await.map(drop)
}
