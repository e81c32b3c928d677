//! The relay's side: a fence of sequences, and as much on its way at once as is handed over.

use std::time::Duration;

use async_nats::{
    HeaderMap, HeaderValue,
    client::PublishErrorKind as PlainErrorKind,
    header::{NATS_EXPECTED_LAST_SEQUENCE, NATS_EXPECTED_STREAM},
    jetstream::{
        Context,
        context::{PublishAckFuture, PublishErrorKind},
        message::PublishMessage,
        stream::{RawMessageErrorKind, Stream},
    },
};
use tokio::time::timeout;

use super::{
    ear::failed,
    link::Link,
    message::{self, Strange},
};
use crate::bus::{BusError, Last, Message};

/// How long the server may take over the next acknowledgement.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many strange messages at the stream's end are passed over.
const STRANGERS: u64 = 64;

/// The last message of the stream, which is made where it is missing. From here on the publisher
/// knows what the next message has to follow.
pub(super) async fn last(link: &Link) -> Result<Option<Last>, BusError> {
    let mut sequence = link.sequence.lock().await;
    *sequence = None;
    let context = link.reachable()?;
    let info = link.api(context).find_or_make(&link.config).await?;
    let stream = context.get_stream_no_info(&link.config.name).await.map_err(failed)?;
    let end = info.state.last_sequence;
    let begin = info.state.first_sequence.max(1).max(end.saturating_sub(STRANGERS - 1));
    let mut last = None;
    if info.state.messages > 0 {
        for number in (begin..=end).rev() {
            last = at(link, &stream, number).await?;
            if last.is_some() {
                break;
            }
        }
        if last.is_none() && begin > info.state.first_sequence {
            let why =
                format!("the last messages of the stream {} are none of ours", info.config.name);
            return Err(BusError(why.into()));
        }
    }
    *sequence = Some(end);
    Ok(last)
}

/// Takes every message out of the stream, if there is one.
pub(super) async fn empty(link: &Link) -> Result<(), BusError> {
    let mut sequence = link.sequence.lock().await;
    *sequence = None;
    let context = link.reachable()?;
    if link.api(context).find(&link.config).await?.is_none() {
        return Ok(());
    }
    let stream = context.get_stream_no_info(&link.config.name).await.map_err(failed)?;
    let purged = stream.purge().await.map_err(failed)?;
    tracing::warn!(messages = purged.purged, "the stream of the bus was emptied");
    Ok(())
}

/// The message of that sequence, where it is one of ours.
async fn at(link: &Link, stream: &Stream<()>, number: u64) -> Result<Option<Last>, BusError> {
    let raw = match stream.get_raw_message(number).await {
        Ok(raw) => raw,
        Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    match message::read(link.log, &raw.headers, raw.payload) {
        Ok(message) => {
            Ok(Some(Last { position: message.event.position, leaf: message.event.leaf }))
        }
        Err(Strange::Log) => {
            let name = &link.config.name;
            let why = format!("another log's events are in the stream {name}");
            link.distrust(Some(why.as_str().into()));
            Err(BusError(why.into()))
        }
        Err(strange @ (Strange::Form | Strange::Forged)) => {
            metrics::counter!("annals_bus_skipped_total", "reason" => strange.name()).increment(1);
            tracing::warn!(reason = strange.name(), "a strange message is at the stream's end");
            Ok(None)
        }
    }
}

/// Hands over all messages without waiting in between, then waits until the last was taken.
///
/// Each names the sequence it follows: when one is refused, or another publisher comes between, all
/// behind it are refused too. So the word about the last one says it of all, and the server need not
/// answer the others. Dropped or failed, nothing is known until [`last`] is asked.
pub(super) async fn publish(link: &Link, messages: Vec<Message>) -> Result<(), BusError> {
    let Some((end, before)) = messages.split_last() else { return Ok(()) };
    let mut sequence = link.sequence.lock().await;
    let Some(first) = sequence.take() else {
        return Err(BusError("the end of the stream has to be asked for first".into()));
    };
    let mut changes = link.changes();
    changes.mark_unchanged();
    let context = link.context()?;
    let mut number = first;
    let mut sent = None;
    for message in before {
        if hand_over(link, context, number, message).await? {
            number += 1;
            sent = Some(message);
        }
    }
    if let Some(taken) = ask_for(link, context, number, end).await? {
        number += 1;
        let taken = tokio::select! {
            taken = timeout(PATIENCE, taken.into_future()) => taken,
            _ = changes.changed() => return Err(BusError("the connection was lost".into())),
        };
        let taken = taken.map_err(|_| BusError("a message was not acknowledged".into()))?;
        let taken = taken.map_err(failed)?;
        if taken.sequence != number || taken.duplicate {
            return Err(misplaced());
        }
    } else if let Some(message) = sent {
        // The one that would have been answered was left out.
        look_for(link, context, number, message).await?;
    }
    *sequence = Some(number);
    Ok(())
}

/// Sends one message that is to follow `sequence`, and wants no answer. False for one that is too
/// large for the server: it is left out, followers see the gap and read it from the store.
async fn hand_over(
    link: &Link,
    context: &Context,
    sequence: u64,
    message: &Message,
) -> Result<bool, BusError> {
    let subject = message::subject(&message.event);
    let payload = message.event.event.payload.clone();
    let headers = fenced(link, sequence, message);
    match context.client().publish_with_headers(subject, headers, payload).await {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == PlainErrorKind::MaxPayloadExceeded => {
            left_out(message);
            Ok(false)
        }
        Err(error) => Err(failed(error)),
    }
}

/// The same, and the server answers.
async fn ask_for(
    link: &Link,
    context: &Context,
    sequence: u64,
    message: &Message,
) -> Result<Option<PublishAckFuture>, BusError> {
    let publish = PublishMessage::build()
        .headers(fenced(link, sequence, message))
        .payload(message.event.event.payload.clone());
    match context.send_publish(message::subject(&message.event), publish).await {
        Ok(taken) => Ok(Some(taken)),
        Err(error) if error.kind() == PublishErrorKind::MaxPayloadExceeded => {
            left_out(message);
            Ok(None)
        }
        Err(error) => Err(failed(error)),
    }
}

/// Makes sure that the message of that sequence is this one. Where it is not, or not yet, the relay
/// asks once more where the stream ends.
async fn look_for(
    link: &Link,
    context: &Context,
    sequence: u64,
    message: &Message,
) -> Result<(), BusError> {
    let stream = context.get_stream_no_info(&link.config.name).await.map_err(failed)?;
    let wanted = Last { position: message.event.position, leaf: message.event.leaf };
    if at(link, &stream, sequence).await? == Some(wanted) { Ok(()) } else { Err(misplaced()) }
}

fn fenced(link: &Link, sequence: u64, message: &Message) -> HeaderMap {
    let mut headers = message::headers(link.log, message);
    headers.insert(NATS_EXPECTED_STREAM, link.config.name.as_str());
    headers.insert(NATS_EXPECTED_LAST_SEQUENCE, HeaderValue::from(sequence));
    headers
}

fn left_out(message: &Message) {
    metrics::counter!("annals_bus_too_large_total").increment(1);
    let position = message.event.position;
    tracing::warn!(%position, "an event is too large for the server's max_payload");
}

fn misplaced() -> BusError {
    BusError("a message was not stored where it belongs".into())
}
