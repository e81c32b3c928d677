//! What the processes of the product cost: memory, idle and under load, and the time to the first answer.

use std::time::Instant;

use hdrhistogram::Histogram;
use tests::{Cluster, Http, Process, Role, until};

use crate::{
    load::{self, MAX_MICROS, Seen, get, micros, post},
    memory,
    names::{CLUSTER, COLD_START, EMBEDDED, IDLE, LOADED, PEAK},
    product::{address, cluster},
    report::Report,
    writing::contact,
};

/// How often each is started.
const STARTS: u32 = 5;
const CONNECTIONS: usize = 256;

/// The whole product as one process.
pub(crate) async fn embedded(report: &mut Report, seconds: f64) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    // The first start makes the installation.
    Process::start(&data).terminate();
    let mut starts = Starts::new()?;
    for _ in 0..STARTS {
        let begun = Instant::now();
        let process = Process::start(&data);
        starts.answered(&process.http(), begun).await;
        process.terminate();
    }
    report.times(EMBEDDED, &format!("{COLD_START}annals"), &starts.into());
    let process = Process::start(&data);
    let http = process.http();
    http.settled().await;
    report.memory(EMBEDDED, &format!("{IDLE}annals"), 0, memory::resident(process.id()));
    under_load(&http, seconds).await?;
    let loaded = memory::resident(process.id());
    report.memory(EMBEDDED, &format!("{LOADED}annals"), CONNECTIONS, loaded);
    report.memory(EMBEDDED, &format!("{PEAK}annals"), CONNECTIONS, memory::peak(process.id()));
    Ok(())
}

/// Each role as a process.
pub(crate) async fn roles(report: &mut Report, seconds: f64) -> anyhow::Result<()> {
    let mut cluster = cluster();
    for role in cluster.roles() {
        let mut starts = Starts::new()?;
        for _ in 0..STARTS {
            role.terminate();
            let begun = Instant::now();
            role.start();
            starts.answered(&Http::new(&role.url(), ""), begun).await;
        }
        report.times(CLUSTER, &format!("{COLD_START}{}", role.name()), &starts.into());
    }
    let http = cluster.http(0, 0);
    http.settled().await;
    each(report, &mut cluster, IDLE, 0, memory::resident);
    under_load(&http, seconds).await?;
    each(report, &mut cluster, LOADED, CONNECTIONS, memory::resident);
    each(report, &mut cluster, PEAK, CONNECTIONS, memory::peak);
    Ok(())
}

fn each(
    report: &mut Report,
    cluster: &mut Cluster,
    workload: &str,
    at_once: usize,
    memory: impl Fn(u32) -> Option<f64>,
) {
    for role in cluster.roles() {
        let memory = role.id().and_then(&memory);
        report.memory(CLUSTER, &format!("{workload}{}", Role::name(role)), at_once, memory);
    }
}

/// Commands, then questions, over so many connections at once.
async fn under_load(http: &Http, seconds: f64) -> anyhow::Result<()> {
    let token = http.token().unwrap_or_default().to_owned();
    let create = post("/commands/CreateContact", &token, &contact());
    let commands = [address(http.commands_url())?];
    load::run(&commands, CONNECTIONS, seconds, move |_| create.clone()).await?;
    let ask = get("/contacts?limit=50", &token);
    let queries = [address(http.queries_url())?];
    load::run(&queries, CONNECTIONS, seconds, move |_| ask.clone()).await?;
    Ok(())
}

/// How long starts took.
struct Starts(Histogram<u64>);

impl Starts {
    fn new() -> anyhow::Result<Self> {
        Ok(Self(Histogram::new_with_max(MAX_MICROS, 3)?))
    }

    /// Waits until it says that it is ready: that is the first 200.
    async fn answered(&mut self, http: &Http, begun: Instant) {
        until("it is ready", async || http.get("/readyz").await.status == 200).await;
        self.0.saturating_record(micros(begun));
    }
}

impl From<Starts> for Seen {
    fn from(Starts(latency): Starts) -> Self {
        Self { per_second: 1_000_000.0 / latency.mean(), latency }
    }
}
