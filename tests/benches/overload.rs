//! Five times what the product can do, on a schedule: what is still answered in time, how soon the rest
//! is refused, and what it costs in memory.
//!
//! The product runs in processes of its own; load generator and product share the machine. How much was
//! really sent is a line of its own: a generator that does not keep its schedule shows.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use serde_json::json;
use tests::{Cluster, Http, Process, Role};
use tokio::task::JoinSet;

use crate::{
    load::{self, Connection, MAX_MICROS, Seen, get, micros, post},
    memory,
    names::{CLUSTER, COMMANDS, EMBEDDED, Overload, QUESTIONS},
    product::{address, cluster},
    report::Report,
    writing::contact,
};

/// How many times the peak is sent.
const TIMES: f64 = 5.0;
/// How many callers there are at the peak, and while the product is overloaded.
const AT_PEAK: usize = 64;
pub(crate) const CALLERS: usize = 2_048;
/// An answer that comes later is of no use.
const IN_TIME: Duration = Duration::from_secs(2);
/// How long a storm lasts, at least: longer than what was let in before it was noticed.
const AT_LEAST: f64 = 8.0;
/// How many accounts there are to be asked for.
const ACCOUNTS: usize = 500;

/// Who is overloaded.
struct Target {
    peer: &'static str,
    http: Http,
    /// Its processes.
    ids: Vec<u32>,
}

impl Target {
    /// The memory of all its processes, in MiB.
    fn memory(&self, of: impl Fn(u32) -> Option<f64>) -> Option<f64> {
        self.ids.iter().copied().map(of).sum()
    }
}

/// The whole product as one process.
pub(crate) async fn embedded(report: &mut Report, seconds: f64) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let process = Process::start_quietly(&folder.path().join("data"));
    let target = Target { peer: EMBEDDED, http: process.http(), ids: vec![process.id()] };
    both(report, &target, seconds).await
}

/// One process of each role.
pub(crate) async fn roles(report: &mut Report, seconds: f64) -> anyhow::Result<()> {
    let cluster: Cluster = cluster();
    let roles = cluster.commands.iter().chain(&cluster.projections).chain(&cluster.queries);
    let ids = roles.filter_map(Role::id).collect();
    let target = Target { peer: CLUSTER, http: cluster.http(0, 0), ids };
    both(report, &target, seconds).await
}

async fn both(report: &mut Report, target: &Target, seconds: f64) -> anyhow::Result<()> {
    let token = target.http.token().unwrap_or_default().to_owned();
    let accounts =
        vec![json!({ "type": "CreateAccount", "data": { "name": "Contoso" } }); ACCOUNTS];
    target.http.post("/commands", &[], &json!(accounts)).await.ok();
    target.http.settled().await;
    let ask = get("/accounts?limit=50", &token);
    run(report, target, &QUESTIONS, address(target.http.queries_url())?, ask, seconds).await?;
    let create = post("/commands/CreateContact", &token, &contact());
    let before: u64 = target.http.settled().await.parse()?;
    let commands = address(target.http.commands_url())?;
    let acknowledged = run(report, target, &COMMANDS, commands, create, seconds).await?;
    let head: u64 = target.http.settled().await.parse()?;
    // Each is one event. What was not acknowledged in time may be there too.
    anyhow::ensure!(head - before >= acknowledged, "{acknowledged} said, {head} after {before}");
    Ok(())
}

/// The peak, then the storm; answers with how many were acknowledged in both.
async fn run(
    report: &mut Report,
    target: &Target,
    names: &Overload,
    address: SocketAddr,
    request: Vec<u8>,
    seconds: f64,
) -> anyhow::Result<u64> {
    let each = request.clone();
    let peak = load::run(&[address], AT_PEAK, seconds, move |_| each.clone()).await?;
    target.http.settled().await;
    report.of(target.peer, names.peak, CALLERS, &peak, target.memory(memory::resident));
    let rate = peak.per_second * TIMES;
    let storm = storm(address, request, rate, seconds.max(AT_LEAST)).await?;
    let memory = target.memory(memory::peak);
    let acknowledged = peak.latency.len() + storm.accepted.latency.len() + storm.late;
    report.of(target.peer, names.good, CALLERS, &storm.accepted, memory);
    report.of(target.peer, names.shed, CALLERS, &storm.refused, None);
    report.of(target.peer, names.sent, CALLERS, &storm.sent, None);
    Ok(acknowledged)
}

/// What became of what was sent.
struct Storm {
    /// Answered in time.
    accepted: Seen,
    refused: Seen,
    /// All, by how long after it was due each was sent.
    sent: Seen,
    /// Done, but answered too late.
    late: u64,
}

/// When requests are due, shared by those who send them.
struct Schedule {
    address: SocketAddr,
    request: Vec<u8>,
    begun: Instant,
    rate: f64,
    until: Instant,
    next: AtomicU64,
}

/// What one caller saw.
struct Saw {
    accepted: Histogram<u64>,
    refused: Histogram<u64>,
    sent: Histogram<u64>,
    late: u64,
}

impl Saw {
    fn nothing() -> anyhow::Result<Self> {
        let empty = Histogram::<u64>::new_with_max(MAX_MICROS, 3)?;
        Ok(Self { accepted: empty.clone(), refused: empty.clone(), sent: empty, late: 0 })
    }

    fn add(&mut self, other: &Self) -> anyhow::Result<()> {
        self.accepted.add(&other.accepted)?;
        self.refused.add(&other.refused)?;
        self.sent.add(&other.sent)?;
        self.late += other.late;
        Ok(())
    }
}

async fn storm(
    address: SocketAddr,
    request: Vec<u8>,
    rate: f64,
    seconds: f64,
) -> anyhow::Result<Storm> {
    let begun = Instant::now();
    let until = begun + Duration::from_secs_f64(seconds);
    let next = AtomicU64::new(0);
    let schedule = Arc::new(Schedule { address, request, begun, rate, until, next });
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let schedule = schedule.clone();
        callers.spawn(async move { schedule.work().await });
    }
    let mut all = Saw::nothing()?;
    while let Some(caller) = callers.join_next().await {
        all.add(&caller??)?;
    }
    let seen =
        |latency: Histogram<u64>| Seen { per_second: latency.len() as f64 / seconds, latency };
    Ok(Storm {
        accepted: seen(all.accepted),
        refused: seen(all.refused),
        sent: seen(all.sent),
        late: all.late,
    })
}

impl Schedule {
    /// Sends whatever is due next, until the end.
    async fn work(&self) -> anyhow::Result<Saw> {
        let mut saw = Saw::nothing()?;
        let mut connection = Connection::open(self.address).await?;
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let due = self.begun + Duration::from_secs_f64(number as f64 / self.rate);
            if due >= self.until || Instant::now() >= self.until {
                return Ok(saw);
            }
            tokio::time::sleep_until(due.into()).await;
            saw.sent.saturating_record(micros(due));
            let sent = Instant::now();
            let Ok((status, answer)) = connection.exchange(&self.request).await else {
                // Cut: neither answered nor refused.
                connection = Connection::open(self.address).await?;
                continue;
            };
            match status {
                200 if sent.elapsed() <= IN_TIME => saw.accepted.saturating_record(micros(sent)),
                200 => saw.late += 1,
                429 | 503 => saw.refused.saturating_record(micros(sent)),
                _ => anyhow::bail!("{status}: {}", String::from_utf8_lossy(answer)),
            }
        }
    }
}
