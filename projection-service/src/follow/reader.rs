//! Reads the log ahead of folding: the next page is fetched, decoded and unsealed meanwhile.

use std::{sync::Arc, time::Duration};

use events::{DecodeError, Payload, Position, Recorded, ids::LogId};
use events_log::{
    bus::{Bus, Follower},
    keys::{KeyError, Unsealer, unreadable_keys},
    store::{EventFeed, StoreError},
};
use tokio::{
    sync::mpsc::Sender,
    task::{spawn_blocking, yield_now},
    time::Instant,
};

use crate::fold::{Decoded, Stop};

/// The most events in a page.
const PAGE: usize = 4_096;
/// About the most bytes of payloads in a page: what is read ahead stays small in memory.
const PAGE_BYTES: usize = 8 * 1024 * 1024;
/// How long to wait for news before the store is asked anyway.
const PATIENCE: Duration = Duration::from_secs(1);
/// How many payloads are unsealed in one go on an async thread: less than a millisecond's work.
const UNSEAL_CHUNK: usize = 128;
/// From how many events on decoding is moved off the async threads.
const MANY: usize = 32;

/// From how many events in a batch on more is waited for: about two thousand a second.
const BUSY: usize = 8;
/// How long, at most, and for how many.
const GATHERING: Duration = Duration::from_millis(4);
const GATHERED: usize = 256;

/// Where events come from.
#[derive(Clone)]
pub struct Log {
    /// The log itself.
    pub feed: Arc<dyn EventFeed>,
    /// What brings news of it quickly, where there is one.
    pub bus: Option<Arc<dyn Bus>>,
    /// Opens personal values.
    pub unsealer: Unsealer,
    /// Which log it is: messages of any other are not believed.
    pub log_id: LogId,
}

/// Some consecutive events.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) events: Vec<Decoded>,
    /// Where the log ended when the page was read, as far as is known.
    pub(super) head: Position,
    /// Why the event behind these cannot be read.
    pub(super) stop: Option<Stop>,
}

/// Why reading does not go on now. It may later.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Keys(#[from] KeyError),
    #[error("decoding was interrupted")]
    Interrupted,
}

/// Sends page after page until nobody listens, or something fails.
pub(super) async fn read_ahead(log: Log, after: Position, pages: Sender<Result<Page, Trouble>>) {
    let mut reader = Reader::new(log, after);
    loop {
        let page = tokio::select! {
            page = reader.next() => page,
            () = pages.closed() => return,
        };
        let is_over = !matches!(&page, Ok(page) if page.stop.is_none());
        if pages.send(page).await.is_err() || is_over {
            return;
        }
    }
}

struct Reader {
    log: Log,
    follower: Follower,
    limit: usize,
    is_first: bool,
    /// Whether events come faster than one by one, so that it is worth waiting for some more.
    is_busy: bool,
}

impl Reader {
    fn new(log: Log, after: Position) -> Self {
        let follower = Follower::new(log.feed.clone(), None, after).of_log(log.log_id);
        Self { log, follower, limit: PAGE / 16, is_first: true, is_busy: false }
    }

    /// The next events; the first answer also comes when there are none.
    async fn next(&mut self) -> Result<Page, Trouble> {
        loop {
            self.listen().await;
            let patience = if self.is_first { Duration::ZERO } else { PATIENCE };
            let mut events = self.follower.next(self.limit, patience).await?;
            self.gather(&mut events).await?;
            if events.is_empty() && !self.is_first {
                continue;
            }
            self.is_first = false;
            let head = if events.len() < self.limit {
                self.follower.at()
            } else {
                self.log.feed.feed_head().await?.position
            };
            self.limit = next_limit(&events);
            let mut page = decode(events).await?;
            page.head = head;
            unseal(&self.log.unsealer, &mut page).await?;
            return Ok(page);
        }
    }

    /// Under load, waits a moment for more events: every batch rewrites the index pages it touches,
    /// so that many small ones cost several times what a few larger ones do. A lone event is taken
    /// at once.
    async fn gather(&mut self, events: &mut Vec<Arc<Recorded>>) -> Result<(), Trouble> {
        let until = Instant::now() + GATHERING;
        while self.is_busy && events.len() < GATHERED.min(self.limit) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            events.extend(self.follower.more(self.limit - events.len(), left).await?);
        }
        self.is_busy = events.len() >= BUSY;
        Ok(())
    }

    /// Listens to the bus, again if it had failed. Without it the store is followed.
    async fn listen(&mut self) {
        if let Some(bus) = &self.log.bus
            && !self.follower.is_listening()
        {
            match bus.subscribe(self.follower.at()).await {
                Ok(subscription) => self.follower.listen(subscription),
                Err(error) => tracing::debug!(%error, "no bus to listen to"),
            }
        }
    }
}

/// Opens the personal values of a page. An event whose values do not open ends it; one whose key is
/// missing or damaged does not: what cannot be read is a value, not the event.
async fn unseal(unsealer: &Unsealer, page: &mut Page) -> Result<(), Trouble> {
    let mut from = 0;
    for chunk in page.events.chunks_mut(UNSEAL_CHUNK) {
        match unsealer.unseal(chunk).await {
            Ok(is_whole) => {
                from += chunk.len();
                if !is_whole {
                    note_unreadable(chunk);
                }
            }
            Err(error @ (KeyError::Unavailable(_) | KeyError::Full)) => return Err(error.into()),
            Err(_) => return unseal_singly(unsealer, page, from).await,
        }
        if chunk.len() == UNSEAL_CHUNK {
            yield_now().await;
        }
    }
    Ok(())
}

fn note_unreadable(events: &mut [Decoded]) {
    for event in events {
        event.unreadable = unreadable_keys(&mut event.payload);
    }
}

async fn unseal_singly(unsealer: &Unsealer, page: &mut Page, from: usize) -> Result<(), Trouble> {
    for index in from..page.events.len() {
        let error = match unsealer.unseal(&mut page.events[index..=index]).await {
            Ok(is_whole) => {
                if !is_whole {
                    note_unreadable(&mut page.events[index..=index]);
                }
                continue;
            }
            Err(error @ (KeyError::Unavailable(_) | KeyError::Full)) => return Err(error.into()),
            Err(error) => error,
        };
        let position = page.events[index].recorded.position;
        page.stop =
            Some(Stop { position, code: "event.sealed_wrongly", detail: error.to_string() });
        page.events.truncate(index);
        break;
    }
    Ok(())
}

/// Decodes a page, off the async threads when it is long.
async fn decode(events: Vec<Arc<Recorded>>) -> Result<Page, Trouble> {
    if events.len() < MANY {
        return Ok(decode_all(events));
    }
    spawn_blocking(|| decode_all(events)).await.map_err(|_| Trouble::Interrupted)
}

fn decode_all(events: Vec<Arc<Recorded>>) -> Page {
    let mut page = Page { events: Vec::with_capacity(events.len()), ..Page::default() };
    for recorded in events {
        match Payload::decode(&recorded.event) {
            Ok(payload) => {
                page.events.push(Decoded { recorded, payload, unreadable: Vec::new() });
            }
            Err(error) => {
                page.stop = Some(undecodable(recorded.position, &error));
                break;
            }
        }
    }
    page
}

/// What JSON says of a payload may hold pieces of it, so only the place is told.
fn undecodable(position: Position, error: &DecodeError) -> Stop {
    match error {
        DecodeError::UnknownType { .. } => {
            Stop { position, code: "event.unknown", detail: error.to_string() }
        }
        DecodeError::Payload { source, .. } => Stop {
            position,
            code: "event.undecodable",
            detail: format!("{error}, at byte {} of line {}", source.column(), source.line()),
        },
    }
}

fn next_limit(events: &[Arc<Recorded>]) -> usize {
    let bytes: usize = events.iter().map(|recorded| recorded.event.payload.len() + 256).sum();
    let average = bytes.checked_div(events.len()).unwrap_or(0).max(1);
    (PAGE_BYTES / average).clamp(1, PAGE)
}
