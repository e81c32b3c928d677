//! The relay: how fast a backlog of the log goes to JetStream, beside a bare publisher.

use std::time::{Duration, Instant};

use tests::{Cluster, Http, Role, until};
use uuid::Uuid;

use crate::{
    lists,
    names::{PUBLISH, RELAY},
    product::Product,
    report::Report,
    yardsticks,
};

/// How many deals each account gets while the bus is away, for each second of a load.
const DEALS_A_SECOND: f64 = 50.0;
/// How often the relay is asked how far it is.
const RHYTHM: Duration = Duration::from_millis(5);

/// The bus is away while events are written and projected, then it comes back.
pub(crate) async fn run(
    report: &mut Report,
    product: &mut Product,
    accounts: &[Uuid],
    seconds: f64,
) -> anyhow::Result<()> {
    let http = product.http();
    let Product::Cluster(cluster) = &mut *product else { return Ok(()) };
    let published = yardsticks::nats::publish(&cluster.nats.url(), seconds).await?;
    let head: f64 = http.settled().await.parse()?;
    until("the relay has caught up", async || carried(cluster).await == Some(head)).await;
    cluster.nats.kill();
    let each = Duration::from_secs_f64(seconds * DEALS_A_SECOND).as_secs();
    lists::send(&http, &lists::deals(accounts, usize::try_from(each)?)).await?;
    let end: f64 = http.settled().await.parse()?;
    cluster.nats.restart();
    let per_second = (end - head) / carry(cluster, head, end).await.as_secs_f64();
    report.yardstick(PUBLISH, 1, &published, "");
    report.rate(product, RELAY, per_second);
    Ok(())
}

/// How long the relay takes from one position to another, once it has begun.
async fn carry(cluster: &Cluster, from: f64, to: f64) -> Duration {
    let mut rhythm = tokio::time::interval(RHYTHM);
    let mut begun = Instant::now();
    loop {
        rhythm.tick().await;
        let asked = Instant::now();
        match carried(cluster).await {
            Some(at) if at >= to => return begun.elapsed(),
            Some(at) if at > from => {}
            _ => begun = asked,
        }
    }
}

/// How far the relay is. One command service runs here, so it has the relay.
async fn carried(cluster: &Cluster) -> Option<f64> {
    metric(cluster.commands.first()?, "annals_relay_position ").await
}

async fn metric(role: &Role, name: &str) -> Option<f64> {
    let text = Http::new(&role.url(), "").get("/metrics").await.text();
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().parse().ok()
}
