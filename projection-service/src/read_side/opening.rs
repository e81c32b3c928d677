//! Which rows a read side begins with: those that were live, if they can be kept, or none.

use std::{sync::Arc, time::Duration};

use events::{CrmEvent, Payload, Position, access::OrganizationEvent, ids::KeyId};
use events_log::store::EventFeed;
use tokio::{sync::watch, time::timeout};

use super::{OpenError, Settings};
use crate::{
    generation::{Register, State},
    read_store::{Checkpoint, ReadStore, ReadStoreError},
    unreadable::UNREADABLE_KEYS,
};

/// How many lost keys are asked for at a start.
const LOST_KEYS: usize = 10_000;

/// The live generation if it can be kept, else a new and empty one.
pub(super) async fn open_live(
    settings: &Settings,
    register: &Arc<Register>,
    closing: &watch::Sender<bool>,
) -> Result<(u32, Arc<dyn ReadStore>), OpenError> {
    let (shape, tables) = (settings.models.shape(), settings.models.tables());
    if let Some(entry) = register.list(State::Live).await?.pop() {
        let number = entry.number;
        if entry.shape != **shape {
            tracing::info!(generation = number, "the read models have a new shape");
        } else {
            match kept(settings, register, number).await? {
                Ok(store) => return Ok((number, store)),
                Err(why) => {
                    tracing::error!(generation = number, "the read models are made again: {why}");
                }
            }
        }
    }
    let number = register.begin(shape).await?;
    let store = register.store(number, tables).await?;
    if let Some(retired) = register.switch_to(number).await? {
        forget(register, retired, register.grace(), closing).await?;
    }
    Ok((number, store))
}

/// The rows of the live generation; or why they cannot be kept.
async fn kept(
    settings: &Settings,
    register: &Register,
    number: u32,
) -> Result<Result<Arc<dyn ReadStore>, String>, OpenError> {
    let opened = async {
        let store = register.store(number, settings.models.tables()).await?;
        let why = match fault(settings, &*store).await {
            Ok(None) => return Ok(Ok(store)),
            fault => fault,
        };
        store.close().await;
        Ok(why?.map_or_else(|| Ok(store), |why| Err(why.to_owned())))
    };
    match opened.await {
        // What can be made again stops nothing.
        Err(OpenError::ReadStore(error @ ReadStoreError::Damaged(_))) => Ok(Err(error.to_string())),
        opened => opened,
    }
}

/// Why the rows cannot be kept, as far as a start can tell.
async fn fault(
    settings: &Settings,
    store: &dyn ReadStore,
) -> Result<Option<&'static str>, OpenError> {
    let checkpoint = store.checkpoint().await?;
    if !fits(&*settings.log.feed, &checkpoint).await? {
        return Ok(Some("the rows are not of this log"));
    }
    if checkpoint.position > Position::START {
        store.make_indexes().await?;
    }
    let is_back = keys_are_back(settings, store).await?;
    Ok(is_back.then_some("keys are back that were missing"))
}

/// Deletes the rows of a generation that is not live any more: at once, or beside everything else
/// when other processes may read them still.
pub(super) async fn forget(
    register: &Arc<Register>,
    number: u32,
    kept_for: Duration,
    closing: &watch::Sender<bool>,
) -> Result<(), ReadStoreError> {
    if kept_for.is_zero() {
        return register.delete(number).await;
    }
    let (register, mut closing) = (Arc::clone(register), closing.subscribe());
    tokio::spawn(async move {
        // Whoever is told to close leaves it to the next start.
        while timeout(kept_for, closing.wait_for(|closing| *closing)).await.is_err() {
            match register.delete(number).await {
                Ok(()) => return,
                Err(error) => {
                    tracing::warn!(%error, generation = number, "an old generation stays for now");
                }
            }
        }
    });
    Ok(())
}

/// Whether the event at the checkpoint is still the one the rows were made from. It is not when the
/// log was restored from a backup, or is another one.
async fn fits(
    feed: &dyn EventFeed,
    checkpoint: &Checkpoint,
) -> Result<bool, events_log::store::StoreError> {
    let Some(leaf) = checkpoint.leaf else { return Ok(checkpoint.position == Position::START) };
    let before = Position(checkpoint.position.0.saturating_sub(1));
    let event = feed.read(before, 1).await?.pop();
    let is_there =
        event.is_some_and(|event| event.position == checkpoint.position && event.leaf == leaf);
    Ok(is_there && knows_its_zone(feed, checkpoint).await)
}

/// Whether the zone is still the one that the log begins with. Days would silently be others.
async fn knows_its_zone(feed: &dyn EventFeed, checkpoint: &Checkpoint) -> bool {
    // A first event that cannot be read is told of by whoever needs it.
    let first = feed.read(Position::START, 1).await.ok().and_then(|mut page| page.pop());
    let decoded = first.and_then(|first| Payload::decode(&first.event).ok());
    let Some(CrmEvent::Organization(OrganizationEvent::Founded(founded))) =
        decoded.map(|payload| payload.event)
    else {
        return true;
    };
    checkpoint.zone.as_deref() == Some(founded.zone.as_str())
}

/// Whether a key can be read by now, or was destroyed, that was missing or damaged when the rows were
/// made: what they lack can be had again.
async fn keys_are_back(settings: &Settings, store: &dyn ReadStore) -> Result<bool, OpenError> {
    let tables = settings.models.tables();
    if !tables.iter().any(|table| table.name == UNREADABLE_KEYS.name) {
        return Ok(false);
    }
    let mut snapshot = store.snapshot().await?;
    let at = snapshot.position();
    let rows = snapshot.page(&UNREADABLE_KEYS, at, None, LOST_KEYS).await?;
    drop(snapshot);
    let ids: Vec<_> = rows.iter().filter_map(|row| row.first()?.id()).map(KeyId).collect();
    if ids.is_empty() {
        return Ok(false);
    }
    match settings.log.unsealer.look(ids).await {
        Ok(states) => Ok(states.iter().any(|(_, state)| !state.is_unreadable())),
        Err(error) => {
            tracing::warn!(%error, "it cannot be asked whether lost keys are back");
            Ok(false)
        }
    }
}
