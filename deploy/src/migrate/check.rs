//! Checks that what was copied is what there was, before anybody may use it.

use std::sync::Arc;

use events::{Instant, Position, Recorded};
use events_log::{
    keys::{BareKey, PostgresKeyReader, SqliteKeyReader},
    store::{
        Answer, EventFeed, EventStore as _, Head, StoreError, StreamReader as _,
        postgres::{PostgresStore, as_kept},
    },
};

use super::{source::Source, watch::Watch};
use crate::{
    cluster::exit_of_keys,
    exit::{Code, Exit},
    verify::{Verified, verify_events},
};

/// How many are compared at a time.
const PAGE: usize = 1_000;

/// Checks the log: every hash is made again from what is there now, and every event, command and
/// refusal is compared with the one in the data folder. How many commands and refusals there are.
pub(super) async fn check_log(
    source: &Source,
    target: &Arc<PostgresStore>,
    watch: &Watch,
) -> Result<(u64, u64), Exit> {
    let head = target.head().await.map_err(Exit::failed)?;
    if head != source.head {
        return Err(different("the heads of the two logs differ"));
    }
    let beside =
        Beside { target: target.clone(), source: source.store.clone(), watch: watch.clone() };
    let show = |done, total| watch.show("events checked", done, total);
    let verified = verify_events(&beside, source.log, show).await;
    if watch.is_stopped() {
        return Err(watch.stopped().await);
    }
    let verified: Verified = verified.map_err(Exit::failed)?;
    if let Some(finding) = verified.first() {
        return Err(different(format!("position {}: {}", finding.position, finding.what)));
    }
    let commands = check_ledger(source, target, watch).await?;
    let attempts = check_attempts(source, target, watch).await?;
    let ours = source.store.checkpoints().await.map_err(Exit::failed)?;
    let theirs = target.checkpoints().await.map_err(Exit::failed)?;
    if ours != theirs {
        return Err(different("the checkpoints of the process managers differ"));
    }
    Ok((commands, attempts))
}

async fn check_ledger(source: &Source, target: &PostgresStore, watch: &Watch) -> Result<u64, Exit> {
    let (mut after, mut done) = (None, 0);
    loop {
        watch.at("commands checked", done, source.commands)?;
        let ours = source.store.ledger_page(after, PAGE).await.map_err(Exit::failed)?;
        let theirs = target.ledger_page(after, PAGE).await.map_err(Exit::failed)?;
        if ours != theirs {
            return Err(different("the ledgers of commands differ"));
        }
        let Some(last) = ours.last() else { return Ok(done) };
        (after, done) = (Some(last.command_id), done + ours.len() as u64);
    }
}

async fn check_attempts(
    source: &Source,
    target: &PostgresStore,
    watch: &Watch,
) -> Result<u64, Exit> {
    let mut done = 0;
    loop {
        watch.at("refused commands checked", done, source.attempts)?;
        let ours = source.store.attempts(done, PAGE).await.map_err(Exit::failed)?;
        let theirs = target.attempts(done, PAGE).await.map_err(Exit::failed)?;
        if ours.into_iter().map(as_kept).ne(theirs.iter().cloned()) {
            return Err(different("the refused commands differ"));
        }
        let Some(last) = theirs.last() else { return Ok(done) };
        done = last.number;
    }
}

/// Compares the keys themselves, unwrapped. How many there are.
pub(super) async fn check_keys(
    source: &SqliteKeyReader,
    target: &PostgresKeyReader,
    watch: &Watch,
) -> Result<u64, Exit> {
    let (mut after, mut done) = (None, 0);
    loop {
        watch.at("keys checked", done, done)?;
        let ours = source.export(after, PAGE).await.map_err(|error| exit_of_keys(&error))?;
        let theirs = target.export(after, PAGE).await.map_err(|error| exit_of_keys(&error))?;
        let is_same = |(ours, theirs): (&BareKey, &BareKey)| ours.is_same(theirs);
        if ours.len() != theirs.len() || !ours.iter().zip(&theirs).all(is_same) {
            return Err(different("the keys differ"));
        }
        let Some(last) = ours.last() else { return Ok(done) };
        (after, done) = (Some(last.id()), done + ours.len() as u64);
    }
}

/// How it ends when the copy is not what it should be.
pub(super) fn different(what: impl std::fmt::Display) -> Exit {
    let line = format!("the copy is not the same, and nobody can use it: {what}");
    Exit::new(Code::Tampered, line)
}

/// The copied log, each page of it compared with the same page of the data folder.
struct Beside {
    target: Arc<PostgresStore>,
    source: Arc<dyn EventFeed>,
    watch: Watch,
}

impl EventFeed for Beside {
    fn feed_head(&self) -> Answer<'_, Result<Head, StoreError>> {
        self.target.feed_head()
    }

    fn read(
        &self,
        after: Position,
        limit: usize,
    ) -> Answer<'_, Result<Vec<Arc<Recorded>>, StoreError>> {
        Box::pin(async move {
            if self.watch.is_stopped() {
                return Err(StoreError::Unavailable("it was stopped".into()));
            }
            let theirs = self.target.read(after, limit).await?;
            if theirs == self.source.read(after, limit).await? {
                Ok(theirs)
            } else {
                Err(StoreError::Damaged("it is another event than in the data folder".into()))
            }
        })
    }

    fn wait(&self, beyond: Position) -> Answer<'_, ()> {
        self.target.wait(beyond)
    }

    fn position_at(&self, instant: Instant) -> Answer<'_, Result<Position, StoreError>> {
        self.target.position_at(instant)
    }
}
