//! Durable commands over HTTP, beside the bare echo and the bare group commit.

use std::{net::SocketAddr, path::Path};

use serde_json::json;
use tests::Annals;

use crate::{
    load::{self, post},
    report::Report,
    yardsticks,
};

/// How many callers wait at a time.
const CONNECTIONS: [usize; 4] = [1, 16, 64, 256];

pub(crate) async fn run(report: &mut Report, folder: &Path, seconds: f64) -> anyhow::Result<()> {
    let echo = yardsticks::echo().await?;
    let mut annals = Annals::start().await;
    let address: SocketAddr = annals.commands_url().trim_start_matches("http://").parse()?;
    let token = annals.token();
    let contact = contact();
    for connections in CONNECTIONS {
        let body = contact.clone();
        let echoed =
            load::run(echo, connections, seconds, move |_| post("/echo", "-", &body)).await?;
        report.load("yardstick: axum echo of the same body", connections, &echoed);
        let bare = yardsticks::group_commit(folder, connections, seconds).await?;
        report.load("yardstick: bare group commit, in process", connections, &bare);
        let (body, token) = (contact.clone(), token.clone());
        let created = load::run(address, connections, seconds, move |_| {
            post("/commands/CreateContact", &token, &body)
        })
        .await?;
        report.load("CreateContact over HTTP, durable, sealed", connections, &created);
        let against = |other: f64| created.per_second / other;
        report.note(
            &format!("ratio at {connections}: to the group commit, to the echo"),
            format!("{:.2}, {:.2}", against(bare.per_second), against(echoed.per_second)),
        );
    }
    report.note("resident memory after the load", format!("{} MiB", resident_mib()?));
    annals.stop().await;
    Ok(())
}

/// A contact as a web form sends it.
fn contact() -> String {
    json!({
        "first_name": "Beatriz",
        "last_name": "Quintela",
        "kind": "Consumer",
        "email": "beatriz.quintela@norte.example",
        "phone": "+55 11 5555 0199",
    })
    .to_string()
}

/// The resident memory of this process, load generator included, in MiB.
pub(crate) fn resident_mib() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: u64 = line
        .and_then(|line| line.trim().strip_suffix(" kB"))
        .and_then(|kib| kib.trim().parse().ok())
        .unwrap_or_default();
    Ok(kib / 1_024)
}
