//! The bare publishing to JetStream.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use async_nats::{
    HeaderMap,
    jetstream::{self, context::PublishAckFuture, stream::Config},
};
use hdrhistogram::Histogram;
use hyper::body::Bytes;

use super::PAYLOAD;
use crate::load::{MAX_MICROS, Seen, micros};

/// How many messages may be on their way.
const OUTSTANDING: usize = 256;
/// The stream, which is deleted again.
const STREAM: &str = "YARDSTICK";

/// Publishes for so long into a stream of its own, with ids against repeats.
pub(crate) async fn publish(address: &str, seconds: f64) -> anyhow::Result<Seen> {
    let context = jetstream::new(async_nats::connect(address).await?);
    let subjects = vec!["yardstick.>".to_owned()];
    context
        .create_stream(Config { name: STREAM.to_owned(), subjects, ..Config::default() })
        .await?;
    let payload = Bytes::from(vec![b'x'; PAYLOAD]);
    let mut latency = Histogram::<u64>::new_with_max(MAX_MICROS, 3)?;
    let mut outstanding: VecDeque<(Instant, PublishAckFuture)> = VecDeque::new();
    let started = Instant::now();
    let until = started + Duration::from_secs_f64(seconds);
    for number in 0_u64.. {
        if Instant::now() >= until {
            break;
        }
        if outstanding.len() == OUTSTANDING
            && let Some((sent, acknowledgement)) = outstanding.pop_front()
        {
            acknowledgement.await?;
            latency.saturating_record(micros(sent));
        }
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Msg-Id", number.to_string());
        let subject = format!("yardstick.{}", number % 1_000);
        let published = context.publish_with_headers(subject, headers, payload.clone()).await?;
        outstanding.push_back((Instant::now(), published));
    }
    for (sent, acknowledgement) in outstanding {
        acknowledgement.await?;
        latency.saturating_record(micros(sent));
    }
    let per_second = latency.len() as f64 / started.elapsed().as_secs_f64();
    context.delete_stream(STREAM).await?;
    Ok(Seen { per_second, latency })
}
