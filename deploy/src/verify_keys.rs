//! Checks that the key store has every key that the log names, or knows that it was destroyed.

use std::collections::HashSet;

use events::{
    Payload, Position,
    keys::{KeyState, Unsealer, sealed_keys},
    store::{EventFeed, StoreError},
};

use crate::verify::{Finding, Findings};

/// How many events are read at a time.
const PAGE: usize = 4_096;

/// The kind of what is found here.
pub const KIND: &str = "keys";
/// How many are named.
const NAMED: usize = 20;

/// Looks for every key that the log names up to its head.
///
/// # Errors
/// When the log or the keys cannot be read. A key that is missing or damaged is no error.
pub async fn verify_keys(
    feed: &dyn EventFeed,
    unsealer: &Unsealer,
    mut progress: impl FnMut(u64, u64) + Send,
) -> anyhow::Result<Option<Findings>> {
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
    Ok((count > 0).then(|| Findings { kind: KIND.to_owned(), count, first: lost }))
}
