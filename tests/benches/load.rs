//! The load: keep-alive connections that send requests back to back and time each answer.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

/// The longest time that is told apart from longer ones, in microseconds: a minute.
pub(crate) const MAX_MICROS: u64 = 60_000_000;

/// What one load saw.
pub(crate) struct Seen {
    /// Answers per second.
    pub(crate) per_second: f64,
    /// How long answers took, in microseconds.
    pub(crate) latency: Histogram<u64>,
}

impl Seen {
    /// A percentile in milliseconds.
    pub(crate) fn percentile_ms(&self, percentile: f64) -> f64 {
        self.latency.value_at_quantile(percentile / 100.0) as f64 / 1_000.0
    }
}

/// The time since, in microseconds.
pub(crate) fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}

/// A connection that is kept open.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(4_096) })
    }

    /// Sends a request and reads the whole answer; answers with its status and body.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<(u16, &[u8])> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let (head, length) = loop {
            let read = self.stream.read_buf(&mut self.buffer).await?;
            anyhow::ensure!(read > 0, "the connection was closed");
            if let Some(head) = find(&self.buffer, b"\r\n\r\n") {
                break (head + 4, content_length(&self.buffer[..head])?);
            }
        };
        while self.buffer.len() < head + length {
            let read = self.stream.read_buf(&mut self.buffer).await?;
            anyhow::ensure!(read > 0, "the connection was closed");
        }
        let status = std::str::from_utf8(self.buffer.get(9..12).unwrap_or_default())?.parse()?;
        Ok((status, &self.buffer[head..head + length]))
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn content_length(head: &[u8]) -> anyhow::Result<usize> {
    let head = std::str::from_utf8(head)?;
    head.split("\r\n")
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map(|(_, value)| Ok(value.trim().parse()?))
        .unwrap_or_else(|| anyhow::bail!("an answer without a length"))
}

/// A POST with a JSON body.
pub(crate) fn post(path: &str, token: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// A GET.
pub(crate) fn get(path: &str, token: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\r\n")
        .into_bytes()
}

/// Sends what `request` makes over `connections` connections, spread evenly over the addresses, for
/// `seconds`; every answer must be 200.
pub(crate) async fn run(
    addresses: &[SocketAddr],
    connections: usize,
    seconds: f64,
    request: impl Fn(u64) -> Vec<u8> + Clone + Send + 'static,
) -> anyhow::Result<Seen> {
    let mut workers = JoinSet::new();
    let started = Instant::now();
    let until = started + Duration::from_secs_f64(seconds);
    for (worker, address) in (0..connections as u64).zip(addresses.iter().copied().cycle()) {
        let request = request.clone();
        workers.spawn(async move {
            let mut connection = Connection::open(address).await?;
            let mut latency = Histogram::<u64>::new_with_max(MAX_MICROS, 3)?;
            let mut sequence = worker << 32;
            while Instant::now() < until {
                let bytes = request(sequence);
                sequence += 1;
                let sent = Instant::now();
                let (status, body) = connection.exchange(&bytes).await?;
                anyhow::ensure!(status == 200, "{status}: {}", String::from_utf8_lossy(body));
                latency.saturating_record(micros(sent));
            }
            Ok::<_, anyhow::Error>(latency)
        });
    }
    let mut latency = Histogram::<u64>::new_with_max(MAX_MICROS, 3)?;
    while let Some(worker) = workers.join_next().await {
        latency.add(worker??)?;
    }
    let per_second = latency.len() as f64 / started.elapsed().as_secs_f64();
    Ok(Seen { per_second, latency })
}
