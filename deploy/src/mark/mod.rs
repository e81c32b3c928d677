//! The mark of the newest position: kept apart from the log, looked at before the log is used.
//!
//! It is never ahead of what is durable: a position is taken only from what the log shows, and the log
//! shows what was flushed.

mod check;
mod keep;
mod keys;

use std::{fs, io, path::Path};

use events::{Position, ids::LogId};
use events_log::mark::Mark;
use events_log::{
    keys::KeyBatch,
    store::{EventFeed, Head, StoreError},
};

pub(crate) use self::{
    check::{Accepted, Found, Held, Known, judge},
    keep::{Keeper, Place},
    keys::check_keys,
};
use crate::folder::write_private;

/// The file of the mark in a data folder.
pub const MARK_FILE: &str = "log.mark";

/// Writes the mark of a log into its folder, whole and durably: also for the cut of a backup.
///
/// # Errors
/// The file system's.
pub fn write_mark(folder: &Path, mark: &Mark, installation_key: &[u8; 32]) -> io::Result<()> {
    write_private(&folder.join(MARK_FILE), mark.to_text(installation_key).as_bytes())
}

/// The mark of a log as it ends at `head`, of `feed`.
///
/// # Errors
/// When the log cannot be read, or does not hold its own head.
pub async fn mark_at(
    feed: &dyn EventFeed,
    log: LogId,
    head: Head,
    epoch: u32,
    keys: Option<KeyBatch>,
) -> Result<Mark, StoreError> {
    let Head { position, recorded_at } = head;
    let mut leaf = None;
    if position > Position::START {
        let before = Position(position.0.saturating_sub(1));
        let event = feed.read(before, 1).await?.pop().filter(|event| event.position == position);
        let gone = || StoreError::Damaged("the event at the head is not there".into());
        leaf = Some(event.ok_or_else(gone)?.leaf);
    }
    Ok(Mark { log, epoch, position, leaf, recorded_at, keys })
}

/// What there is of a mark in a folder.
pub(crate) fn read_mark(folder: &Path, installation_key: &[u8; 32]) -> Result<Found, io::Error> {
    match fs::read(folder.join(MARK_FILE)) {
        Ok(bytes) => Ok(Found::of(std::str::from_utf8(&bytes).ok(), installation_key)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Found::Missing),
        Err(error) => Err(error),
    }
}
