//! A log in a vector, and events to put in it: what the buses and the follower are tried with.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use events::{
    envelope::{
        Actor, ActorKind, Cause, Channel, EventType, Instant, NewEvent, Position, Recorded, Version,
    },
    evidence::{leaf, sha256},
    ids::{Category, CommandId, LogId, StreamName},
};
use tokio::sync::Notify;
use uuid::Uuid;

use super::Message;
use crate::store::{Answer, EventFeed, Head, StoreError};

/// The log of every sample event.
pub const LOG: LogId = LogId(Uuid::from_u128(0x0106));

/// The event at `position` of the sample log. Its payload is no CRM event: no bus reads it.
#[must_use]
pub fn event(position: u64) -> Arc<Recorded> {
    let command_id = CommandId(Uuid::from_u128(u128::from(position)));
    let stream = StreamName { category: Category::Note, id: command_id.record() };
    let payload = Bytes::from(format!(r#"{{"data":{{"sealed":"🔒 {position}"}}}}"#));
    let event = NewEvent {
        event_id: command_id.event(0),
        event_type: EventType::new("note.added", 1),
        effective_at: None,
        cause: Cause {
            actor: Actor { kind: ActorKind::System, id: LOG.0 },
            on_behalf_of: None,
            channel: Channel::System,
            command_id,
            causation_id: command_id.0,
            correlation_id: command_id.0,
        },
        payload_sha256: sha256(&payload),
        payload,
    };
    let recorded_at = Instant::from_micros(1_700_000_000_000_000);
    let leaf = leaf(LOG, stream, Version(1), recorded_at, &event);
    let position = Position(position);
    Arc::new(Recorded { position, stream, version: Version(1), recorded_at, event, leaf })
}

/// The message that carries the event at `position`.
#[must_use]
pub fn message(position: u64) -> Message {
    Message { previous: Position(position - 1), event: event(position) }
}

/// A log that lives in a vector.
#[derive(Default)]
pub struct VecFeed {
    events: Mutex<Vec<Arc<Recorded>>>,
    longer: Notify,
    reads: AtomicUsize,
}

impl VecFeed {
    /// Appends the next `count` sample events and returns their messages.
    pub fn grow(&self, count: u64) -> Vec<Message> {
        let mut events = self.lock();
        let length = events.len() as u64;
        let messages: Vec<_> = (length + 1..=length + count).map(message).collect();
        events.extend(messages.iter().map(|message| message.event.clone()));
        self.longer.notify_waiters();
        messages
    }

    /// Everything in the log.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Recorded>> {
        self.lock().clone()
    }

    /// How often it was read.
    #[must_use]
    pub fn reads(&self) -> usize {
        self.reads.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Recorded>>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EventFeed for VecFeed {
    fn feed_head(&self) -> Answer<'_, Result<Head, StoreError>> {
        let head = self.lock().last().map_or(
            Head { position: Position::START, recorded_at: Instant::from_micros(0) },
            |event| Head { position: event.position, recorded_at: event.recorded_at },
        );
        Box::pin(std::future::ready(Ok(head)))
    }

    fn read(
        &self,
        after: Position,
        limit: usize,
    ) -> Answer<'_, Result<Vec<Arc<Recorded>>, StoreError>> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let skipped = usize::try_from(after.0).unwrap_or(usize::MAX);
        let page = self.lock().iter().skip(skipped).take(limit).cloned().collect();
        Box::pin(std::future::ready(Ok(page)))
    }

    fn wait(&self, beyond: Position) -> Answer<'_, ()> {
        Box::pin(async move {
            let longer = self.longer.notified();
            if (self.lock().len() as u64) <= beyond.0 {
                longer.await;
            }
        })
    }

    fn position_at(&self, instant: Instant) -> Answer<'_, Result<Position, StoreError>> {
        let events = self.lock();
        let position = events.iter().rfind(|event| event.recorded_at <= instant);
        let position = position.map_or(Position::START, |event| event.position);
        Box::pin(std::future::ready(Ok(position)))
    }
}
