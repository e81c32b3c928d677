//! What the machine can do at all, in the same run: bare disk, bare HTTP, bare databases, bare bus.

mod callers;
pub(crate) mod nats;
pub(crate) mod postgres;
pub(crate) mod sqlite;

use std::{
    fs::File,
    io::{Seek, Write},
    net::SocketAddr,
    path::Path,
    time::{Duration, Instant},
};

use axum::{Json, Router, routing::post};
use hdrhistogram::Histogram;
use serde_json::Value;
use tokio::net::TcpListener;

use crate::load::{MAX_MICROS, Seen, micros};

/// What a bare event weighs.
const PAYLOAD: usize = 360;
/// How many events a group of a bare writer holds at most.
const GROUP: usize = 1_024;

/// An echo of JSON on axum: HTTP and nothing else.
pub(crate) async fn echo() -> anyhow::Result<SocketAddr> {
    let router = Router::new().route("/echo", post(|Json(body): Json<Value>| async { Json(body) }));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

/// How long a 4 KiB write with `fdatasync` takes.
pub(crate) fn flush(folder: &Path, seconds: f64) -> anyhow::Result<Seen> {
    let mut file = File::create(folder.join("flush"))?;
    file.set_len(4 * 1024 * 1024)?;
    file.sync_all()?;
    let block = [7_u8; 4_096];
    let mut latency = Histogram::<u64>::new_with_max(MAX_MICROS, 3)?;
    let started = Instant::now();
    let until = started + Duration::from_secs_f64(seconds);
    let mut offset = 0;
    while Instant::now() < until {
        let begun = Instant::now();
        file.seek(std::io::SeekFrom::Start(offset))?;
        file.write_all(&block)?;
        file.sync_data()?;
        offset = (offset + 4_096) % (4 * 1024 * 1024);
        latency.saturating_record(micros(begun));
    }
    Ok(Seen { per_second: latency.len() as f64 / started.elapsed().as_secs_f64(), latency })
}
