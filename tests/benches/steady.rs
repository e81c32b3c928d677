//! Commands on a schedule, whatever the answers take, and how soon what they did is visible.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::{
    load::{Connection, MAX_MICROS, Seen, get, micros, post},
    names,
    product::Product,
    report::Report,
    writing::contact,
};

/// How many commands may wait at a time: beyond that the schedule is not kept, which shows.
const CALLERS: usize = 256;
/// How many questions are asked in a second, spread evenly over the commands: the load of questions
/// is not what is measured.
const QUESTIONS: u64 = 500;
/// A run that falls behind ends after so many times its length.
const OVERTIME: f64 = 3.0;
/// No command may stay invisible for longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// When commands are due, shared by those who send them.
struct Schedule {
    commands: SocketAddr,
    queries: SocketAddr,
    token: String,
    create: Vec<u8>,
    begun: Instant,
    rate: u64,
    total: u64,
    deadline: Instant,
    next: AtomicU64,
}

/// What callers saw.
struct Latencies {
    command: Histogram<u64>,
    visible: Histogram<u64>,
}

impl Latencies {
    fn new() -> anyhow::Result<Self> {
        let empty = Histogram::<u64>::new_with_max(MAX_MICROS, 3)?;
        Ok(Self { command: empty.clone(), visible: empty })
    }
}

/// So many commands a second for so long.
pub(crate) async fn run(
    report: &mut Report,
    product: &Product,
    rate: u64,
    seconds: f64,
) -> anyhow::Result<()> {
    product.http().settled().await;
    let token = product.token();
    let begun = Instant::now();
    let schedule = Arc::new(Schedule {
        commands: product.commands()?,
        queries: product.queries()?,
        create: post("/commands/CreateContact", &token, &contact()),
        token,
        begun,
        rate,
        total: Duration::from_secs_f64(seconds * rate as f64).as_secs(),
        deadline: begun + Duration::from_secs_f64(seconds * OVERTIME),
        next: AtomicU64::new(0),
    });
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let schedule = schedule.clone();
        callers.spawn(async move { schedule.work().await });
    }
    let mut all = Latencies::new()?;
    while let Some(caller) = callers.join_next().await {
        let seen = caller??;
        all.command.add(seen.command)?;
        all.visible.add(seen.visible)?;
    }
    // What was reached: as many as were due, if the schedule was kept.
    let per_second = all.command.len() as f64 / begun.elapsed().as_secs_f64();
    let at_once = CALLERS;
    let seen = Seen { per_second, latency: all.command };
    report.load(product, &names::paced(rate), at_once, &seen);
    report.load(
        product,
        &names::visible(rate),
        at_once,
        &Seen { per_second, latency: all.visible },
    );
    Ok(())
}

impl Schedule {
    /// Sends whatever is due next, until all was sent.
    async fn work(&self) -> anyhow::Result<Latencies> {
        let mut seen = Latencies::new()?;
        let mut commands = Connection::open(self.commands).await?;
        let mut questions = Connection::open(self.queries).await?;
        let asked = (self.rate / QUESTIONS).max(1);
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= self.total || Instant::now() > self.deadline {
                return Ok(seen);
            }
            let due = self.begun + Duration::from_secs_f64(number as f64 / self.rate as f64);
            tokio::time::sleep_until(due.into()).await;
            let (status, answer) = commands.exchange(&self.create).await?;
            let acknowledged = Instant::now();
            seen.command.saturating_record(micros(due));
            anyhow::ensure!(status == 200, "{status}: {}", String::from_utf8_lossy(answer));
            if number.is_multiple_of(asked) {
                let answer: Value = serde_json::from_slice(answer)?;
                self.see(&mut questions, &answer, acknowledged).await?;
                seen.visible.saturating_record(micros(acknowledged));
            }
        }
    }

    /// Asks until the answer is there.
    async fn see(
        &self,
        questions: &mut Connection,
        command: &Value,
        acknowledged: Instant,
    ) -> anyhow::Result<()> {
        let id = command["record"]["id"].as_str().unwrap_or_default();
        let position = command["position"].as_str().unwrap_or_default();
        let ask = get(&format!("/contacts/{id}?at_least={position}"), &self.token);
        loop {
            let (status, answer) = questions.exchange(&ask).await?;
            if status == 200 {
                return Ok(());
            }
            let text = String::from_utf8_lossy(answer);
            anyhow::ensure!(acknowledged.elapsed() < PATIENCE, "{status}: {text}");
        }
    }
}
