//! Callers in this process that wait for a bare writer, one event each at a time.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};

use super::GROUP;
use crate::load::{MAX_MICROS, Seen, micros};

/// A new stream for one event, and who waits for it.
pub(super) type Waiting = (u64, oneshot::Sender<()>);

/// A queue to a bare writer.
pub(super) fn queue() -> (mpsc::Sender<Waiting>, mpsc::Receiver<Waiting>) {
    mpsc::channel(4 * GROUP)
}

/// So many callers for so long, back to back.
pub(super) async fn run(
    sender: mpsc::Sender<Waiting>,
    callers: usize,
    seconds: f64,
) -> anyhow::Result<Seen> {
    let started = Instant::now();
    let until = started + Duration::from_secs_f64(seconds);
    let mut workers = JoinSet::new();
    for worker in 0..callers as u64 {
        let sender = sender.clone();
        workers.spawn(async move {
            let mut latency = Histogram::<u64>::new_with_max(MAX_MICROS, 3)?;
            let mut stream = worker << 32;
            while Instant::now() < until {
                let begun = Instant::now();
                let (answer, answered) = oneshot::channel();
                sender.send((stream, answer)).await?;
                answered.await?;
                stream += 1;
                latency.saturating_record(micros(begun));
            }
            Ok::<_, anyhow::Error>(latency)
        });
    }
    drop(sender);
    let mut latency = Histogram::<u64>::new_with_max(MAX_MICROS, 3)?;
    while let Some(worker) = workers.join_next().await {
        latency.add(worker??)?;
    }
    let per_second = latency.len() as f64 / started.elapsed().as_secs_f64();
    Ok(Seen { per_second, latency })
}
