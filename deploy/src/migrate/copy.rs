//! Copies log, ledger, refused commands, checkpoints and keys, batch by batch.

use std::sync::Arc;

use events::Recorded;
use events_log::{
    keys::{BareKey, PostgresKeyImport},
    postgres::Server,
    store::{
        EventFeed as _, EventStore as _, StoreError,
        postgres::{Importer, as_kept},
    },
};

use super::{source::Source, watch::Watch};
use crate::{cluster::exit_of_keys, exit::Exit};

/// The most bytes of payload in one batch, unless a single event has more.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// Copies what is missing of the log.
pub(super) async fn copy_log(
    source: &Source,
    copy: &mut Importer,
    batch: usize,
    watch: &Watch,
) -> Result<(), Exit> {
    let server = copy.database().server().clone();
    let failed = |error| cannot_write(&server, &error);
    loop {
        let reached = copy.reached().head.position;
        watch.at("events", reached.0, source.head.position.0)?;
        if reached >= source.head.position {
            break;
        }
        let mut page = source.store.read(reached, batch).await.map_err(Exit::failed)?;
        page.truncate(fitting(&page));
        copy.add_events(page).await.map_err(failed)?;
    }
    // A command may have come between two runs, and its id tells nothing about when.
    let (mut after, mut done) = (None, 0);
    loop {
        watch.at("commands", done, source.commands)?;
        let page = source.store.ledger_page(after, batch).await.map_err(Exit::failed)?;
        let Some(last) = page.last() else { break };
        (after, done) = (Some(last.command_id), done + page.len() as u64);
        copy.add_ledger(page).await.map_err(failed)?;
    }
    loop {
        let reached = copy.reached().attempts;
        watch.at("refused commands", reached, source.attempts)?;
        let page = source.store.attempts(reached, batch).await.map_err(Exit::failed)?;
        if page.is_empty() {
            break;
        }
        let page = page.into_iter().map(as_kept).collect();
        copy.add_attempts(page).await.map_err(failed)?;
    }
    let checkpoints = source.store.checkpoints().await.map_err(Exit::failed)?;
    copy.add_checkpoints(checkpoints).await.map_err(failed)
}

/// How many of these go into one batch: at least one.
fn fitting(page: &[Arc<Recorded>]) -> usize {
    let mut bytes = 0;
    let fit = page.iter().take_while(|event| {
        bytes += event.event.payload.len();
        bytes <= MAX_BYTES
    });
    fit.count().max(1)
}

/// Makes the keys there exactly those of the data folder.
pub(super) async fn copy_keys(
    source: &Source,
    keys: &PostgresKeyImport,
    batch: usize,
    watch: &Watch,
) -> Result<(), Exit> {
    let (mut after, mut done) = (None, 0);
    loop {
        watch.at("keys", done, done)?;
        let page = source.keys.export(after, batch).await.map_err(|error| exit_of_keys(&error))?;
        let (last, count) = (page.last().map(BareKey::id), page.len());
        let is_last = count < batch;
        keys.replace(after, page, is_last).await.map_err(|error| exit_of_keys(&error))?;
        done += count as u64;
        if is_last {
            break;
        }
        after = last;
    }
    // What was destroyed must be known to be, or it would look lost.
    let mut after = None;
    loop {
        let gone = source.keys.destroyed(after, batch).await;
        let gone = gone.map_err(|error| exit_of_keys(&error))?;
        let Some(last) = gone.last().copied() else { return Ok(()) };
        keys.bury(gone).await.map_err(|error| exit_of_keys(&error))?;
        after = Some(last);
    }
}

/// How it ends when the database does not take a batch.
fn cannot_write(server: &Server, error: &StoreError) -> Exit {
    match error {
        StoreError::Full => Exit::failed(format!(
            "PostgreSQL at {server} has no room left: make room and run the same command again, and \
             it goes on from there"
        )),
        error => Exit::failed(format!("PostgreSQL at {server}: {error}")),
    }
}
