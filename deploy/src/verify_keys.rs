//! Checks that the key store has every key that the log names, or knows that it was destroyed, and is
//! stored as it should be.

use std::collections::HashSet;

use events::{Payload, Position};
use events_log::{
    keys::{KeyState, Unsealer, sealed_keys},
    store::{EventFeed, StoreError},
};

use crate::verify::{Finding, Findings};

/// How many events are read at a time.
const PAGE: usize = 4_096;

/// The kind of what is found of keys that the log names.
pub const KIND: &str = "keys";
/// The kind of what the key store says of itself.
pub const STORE: &str = "key_store";
/// How many are named.
const NAMED: usize = 20;

/// Looks for every key that the log names up to its head, and at the store itself.
///
/// # Errors
/// When the log or the keys cannot be read. A key that is missing or damaged is no error.
pub async fn verify_keys(
    feed: &dyn EventFeed,
    unsealer: &Unsealer,
    mut progress: impl FnMut(u64, u64) + Send,
) -> anyhow::Result<Vec<Findings>> {
    let head = feed.feed_head().await?.position;
    let (mut at, mut seen, mut lost) = (Position::START, HashSet::new(), Vec::new());
    while at < head {
        let page = feed.read(at, PAGE).await?;
        let last = page.last().map(|recorded| recorded.position);
        let ended = || StoreError::Damaged("the log ends before its head".into());
        at = last.ok_or_else(ended)?;
        let mut named = Vec::new();
        for recorded in &page {
            let Ok(mut payload) = Payload::decode(&recorded.event) else { continue };
            let keys = sealed_keys(&mut payload).into_iter().filter(|key| seen.insert(*key));
            named.extend(keys.map(|key| (key, recorded)));
        }
        let ids = named.iter().map(|(key, _)| *key).collect();
        for (key, state) in unsealer.look(ids).await? {
            let what = match state {
                KeyState::Here(_) | KeyState::Destroyed => continue,
                KeyState::Unknown => "missing, and was not destroyed",
                KeyState::Damaged => "damaged",
            };
            if let Some((_, recorded)) = named.iter().find(|(named, _)| *named == key) {
                lost.push(Finding {
                    position: recorded.position.0,
                    stream: recorded.stream.to_string(),
                    version: recorded.version.0,
                    what: format!("its key {} is {what}", key.0),
                });
            }
        }
        progress(at.0, head.0);
    }
    lost.sort_by_key(|lost: &Finding| lost.position);
    let count = lost.len() as u64;
    lost.truncate(NAMED);
    let lost = Findings { kind: KIND.to_owned(), count, first: lost };
    let found = [lost, check_store(unsealer).await?];
    Ok(found.into_iter().filter(|findings| findings.count > 0).collect())
}

/// What the key store says of itself.
async fn check_store(unsealer: &Unsealer) -> anyhow::Result<Findings> {
    let said = unsealer.check_store().await?;
    let count = said.len() as u64;
    let finding = |what| Finding { position: 0, stream: String::new(), version: 0, what };
    let first = said.into_iter().map(finding).collect();
    Ok(Findings { kind: STORE.to_owned(), count, first })
}
