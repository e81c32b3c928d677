//! Whether the key store holds what the log names, as far as a start can tell without reading all.

use events::{Payload, Position};
use events_log::{
    keys::Unsealer,
    store::{EventFeed, StoreError},
};

/// How many of the last events are looked at in any case.
const TAIL: u64 = 1_000;
/// How many at most, where the mark lies far back: it was set back together with the keys.
const MOST: u64 = 100_000;
/// How many are read at a time.
const PAGE: usize = 500;

/// Looks for the keys that the last events name, and those since `marked`: the mark vouches for what
/// was before. What is missing or damaged
/// is told of by the unsealer; it stops what needs it, and nothing else.
///
/// # Errors
/// When the log cannot be read.
pub(crate) async fn check_keys(
    feed: &dyn EventFeed,
    unsealer: &Unsealer,
    marked: Position,
) -> Result<(), StoreError> {
    let head = feed.feed_head().await?.position;
    let from = marked.0.min(head.0.saturating_sub(TAIL)).max(head.0.saturating_sub(MOST));
    let mut at = Position(from);
    while at < head {
        let page = feed.read(at, PAGE).await?;
        let Some(last) = page.last() else { break };
        at = last.position;
        let decoded = page.iter().map(|recorded| Payload::decode(&recorded.event));
        // What cannot be decoded, or was changed, is told of by whoever needs it.
        let mut payloads: Vec<_> = decoded.filter_map(Result::ok).collect();
        unsealer.unseal(&mut payloads).await.ok();
    }
    let missing = unsealer.unreadable().count();
    if missing > 0 {
        tracing::error!(
            missing,
            "keys that the log names are missing or damaged: `annals verify` lists them"
        );
    }
    Ok(())
}
