//! A follower's ear: an ordered push consumer without acknowledgements, and a watchdog.
//!
//! A task listens and hands on, so that a wait which is dropped loses nothing. Whatever happens to
//! the consumer, the stream or the connection ends the subscription within moments, with an error:
//! the follower goes on from the store and subscribes again.

use std::{sync::Arc, time::Duration};

use async_nats::{
    Subscriber,
    jetstream::{
        Context,
        consumer::{AckPolicy, DeliverPolicy, push},
        stream::{Info, RawMessageErrorKind, Stream},
    },
};
use bytes::Bytes;
use events::envelope::Position;
use futures_util::StreamExt;
use tokio::{
    sync::mpsc::{Receiver, Sender, channel},
    time::timeout,
};

use super::{link::Link, message};
use crate::{
    bus::{BusError, Message, Subscription},
    store::Answer,
};

/// How often the server says that it is still there when nothing else is to be said.
const HEARTBEAT: Duration = Duration::from_millis(500);
/// After how long a silence the consumer is thought to be gone.
const SILENCE: Duration = Duration::from_secs(2);
/// How long a consumer outlives its listener.
const INACTIVE: Duration = Duration::from_secs(10);
/// How many messages wait for the follower.
const AHEAD: usize = 1_024;
/// How far back a subscription begins at most. Who is further behind reads the store anyway.
const LOOK_BACK: u64 = 4_096;
/// What the server calls neither a message nor an error: a heartbeat, or a question.
const CONTROL: u16 = 100;
const STALLED: &str = "Nats-Consumer-Stalled";

pub(super) struct Ear {
    heard: Receiver<Result<Message, BusError>>,
    /// Why it ended, when that came behind messages.
    ended: Option<BusError>,
}

impl Ear {
    pub(super) fn new(link: Arc<Link>, position: Position) -> Self {
        let (hand, heard) = channel(AHEAD);
        tokio::spawn(async move {
            let ended = tokio::select! {
                ended = listen(&link, position, &hand) => ended,
                () = hand.closed() => return,
            };
            let Err(error) = ended else { return };
            link.hold_off();
            let _heard = hand.send(Err(error)).await.is_ok();
        });
        Self { heard, ended: None }
    }
}

impl Subscription for Ear {
    fn next(
        &mut self,
        limit: usize,
        patience: Duration,
    ) -> Answer<'_, Result<Vec<Message>, BusError>> {
        Box::pin(async move {
            if let Some(error) = self.ended.take() {
                return Err(error);
            }
            let first = match timeout(patience, self.heard.recv()).await {
                Err(_) => return Ok(Vec::new()),
                Ok(None) => return Err(BusError("the subscription has ended".into())),
                Ok(Some(first)) => first?,
            };
            let mut messages = vec![first];
            while messages.len() < limit {
                match self.heard.try_recv() {
                    Ok(Ok(message)) => messages.push(message),
                    Ok(Err(error)) => {
                        self.ended = Some(error);
                        break;
                    }
                    Err(_) => break,
                }
            }
            Ok(messages)
        })
    }
}

/// Listens until something ends it, or nobody wants to hear any more.
async fn listen(
    link: &Link,
    position: Position,
    hand: &Sender<Result<Message, BusError>>,
) -> Result<(), BusError> {
    // First, so that no loss of the connection from here on goes unnoticed.
    let mut changes = link.changes();
    changes.mark_unchanged();
    let context = link.context()?;
    let mut frames = tokio::select! {
        frames = consume(link, context, position) => frames?,
        _ = changes.changed() => return Err(lost()),
    };
    let mut has_warned = false;
    loop {
        let frame = tokio::select! {
            frame = timeout(SILENCE, frames.next()) => frame,
            _ = changes.changed() => return Err(lost()),
        };
        let Ok(frame) = frame else {
            return Err(BusError("neither messages nor heartbeats come".into()));
        };
        let frame = frame.ok_or_else(lost)?;
        if let Some(status) = frame.status {
            if status.as_u16() != CONTROL {
                return Err(BusError(format!("the consumer has ended: {status}").into()));
            }
            answer(context, &frame).await?;
            continue;
        }
        #[cfg(feature = "planted")]
        let reply = frame.reply.clone();
        match message::read(link.log, &frame.headers.unwrap_or_default(), frame.payload) {
            Ok(message) => {
                #[cfg(feature = "planted")]
                let message = planted::read(message, reply.as_deref());
                if hand.send(Ok(message)).await.is_err() {
                    return Ok(());
                }
            }
            Err(strange) => {
                metrics::counter!("annals_bus_skipped_total", "reason" => strange.name())
                    .increment(1);
                if !has_warned {
                    tracing::warn!(reason = strange.name(), "the bus carries strange messages");
                    has_warned = true;
                }
            }
        }
    }
}

/// Makes a consumer that begins after `position`, and listens to it.
async fn consume(
    link: &Link,
    context: &Context,
    position: Position,
) -> Result<Subscriber, BusError> {
    let none = || BusError("the stream is not there".into());
    let info = link.api(context).find(&link.config).await?.ok_or_else(none)?;
    let stream = context.get_stream_no_info(&link.config.name).await.map_err(failed)?;
    let start_sequence = start(link, &stream, &info, position).await?;
    #[cfg(feature = "planted")]
    let start_sequence = planted::start(start_sequence, position);
    let client = context.client();
    let inbox = client.new_inbox();
    let frames = client.subscribe(inbox.clone()).await.map_err(failed)?;
    let config = push::Config {
        deliver_subject: inbox,
        deliver_policy: DeliverPolicy::ByStartSequence { start_sequence },
        ack_policy: AckPolicy::None,
        idle_heartbeat: HEARTBEAT,
        flow_control: true,
        inactive_threshold: INACTIVE,
        num_replicas: 1,
        memory_storage: true,
        ..push::Config::default()
    };
    stream.create_consumer(config).await.map_err(failed)?;
    // A stream that was made anew meanwhile may begin far below where the consumer waits.
    let now = link.api(context).find(&link.config).await?.ok_or_else(none)?;
    #[cfg(feature = "planted")]
    if planted::is_planted() {
        return Ok(frames);
    }
    if now.created != info.created || now.state.last_sequence + 1 < start_sequence {
        return Err(BusError("the stream was made anew".into()));
    }
    Ok(frames)
}

/// About the sequence after `position`. The follower mends a wrong guess.
async fn start(
    link: &Link,
    stream: &Stream<()>,
    info: &Info,
    position: Position,
) -> Result<u64, BusError> {
    let (first, last) = (info.state.first_sequence, info.state.last_sequence);
    if info.state.messages == 0 {
        return Ok(last + 1);
    }
    let newest = match stream.get_raw_message(last).await {
        Ok(raw) => message::read(link.log, &raw.headers, raw.payload).ok(),
        Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => None,
        Err(error) => return Err(failed(error)),
    };
    // One message for each position, as long as nothing happened to the stream.
    let behind = newest.map_or(LOOK_BACK, |newest| {
        newest.event.position.0.saturating_sub(position.0).min(LOOK_BACK)
    });
    Ok((last + 1).saturating_sub(behind).max(first).max(1))
}

/// The sequence of a message is taken for the position of its event.
#[cfg(feature = "planted")]
mod planted {
    use std::sync::Arc;

    use crate::{bus::Message, planted::Mistake};
    use events::envelope::Position;

    pub(super) fn is_planted() -> bool {
        Mistake::SequenceAsPosition.is_planted()
    }

    pub(super) fn start(sequence: u64, position: Position) -> u64 {
        if is_planted() { position.0 + 1 } else { sequence }
    }

    pub(super) fn read(mut message: Message, reply: Option<&str>) -> Message {
        // `$JS.ACK.<stream>.<consumer>.<deliveries>.<sequence>. ..`
        let sequence = reply.and_then(|reply| reply.split('.').nth(5)?.parse().ok());
        if let (true, Some(sequence)) = (is_planted(), sequence) {
            Arc::make_mut(&mut message.event).position = Position(sequence);
            message.previous = Position(sequence.saturating_sub(1));
        }
        message
    }
}

/// Answers the server's question whether all that came before has been taken.
async fn answer(context: &Context, frame: &async_nats::Message) -> Result<(), BusError> {
    let stalled = frame.headers.as_ref().and_then(|headers| headers.get(STALLED));
    let stalled = stalled.map(|subject| subject.as_str().into());
    if let Some(subject) = frame.reply.clone().or(stalled) {
        context.client().publish(subject, Bytes::new()).await.map_err(failed)?;
    }
    Ok(())
}

fn lost() -> BusError {
    BusError("the connection was lost".into())
}

/// What the client says names streams, consumers and subjects, and no secrets.
pub(super) fn failed(error: impl std::fmt::Display) -> BusError {
    BusError(error.to_string().into())
}
