//! Questions, replays and how soon a command is visible.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use serde_json::{Value, json};
use tests::Annals;
use uuid::Uuid;

use crate::{
    load::{self, Connection, MAX_MICROS, Seen, get, micros, post},
    report::Report,
    writing::resident_mib,
};

/// How many accounts the questions are asked about, and how many deals each has.
const ACCOUNTS: usize = 200;
const DEALS: usize = 100;
/// How many commands are sent in one list.
const BATCH: usize = 1_000;

pub(crate) async fn run(
    report: &mut Report,
    annals: &mut Annals,
    seconds: f64,
) -> anyhow::Result<()> {
    let address: SocketAddr = annals.queries_url().trim_start_matches("http://").parse()?;
    let token = annals.token();
    let accounts = fill(report, annals).await?;
    visible(report, address, &token, seconds).await?;
    questions(report, address, &token, &accounts, seconds).await?;
    replay(report, annals).await?;
    report.note("resident memory after the questions", format!("{} MiB", resident_mib()?));
    Ok(())
}

/// Imports deals in lists, as an import does.
async fn fill(report: &mut Report, annals: &Annals) -> anyhow::Result<Vec<Uuid>> {
    let accounts: Vec<Uuid> = (0..ACCOUNTS as u128).map(|n| Uuid::from_u128(0xA000 + n)).collect();
    // A list of their own: the commands of one list run side by side.
    let customers: Vec<Value> = accounts
        .iter()
        .map(|id| item("CreateAccount", &json!({ "account_id": id, "name": format!("No {id}") })))
        .collect();
    let mut items = Vec::new();
    for (account, number) in accounts.iter().flat_map(|id| (0..DEALS).map(move |n| (id, n))) {
        items.push(item(
            "CreateOpportunity",
            &json!({
                "topic": "Chairs",
                "customer": { "type": "account", "id": account },
                "estimated_value": { "amount": format!("{}.00", 100 + number), "currency": "BRL" },
                "probability": "40",
                "estimated_close_date": format!("2026-{:02}-15", 1 + number % 12),
            }),
        ));
    }
    let begun = Instant::now();
    let mut position = String::new();
    for batch in customers.chunks(BATCH).chain(items.chunks(BATCH)) {
        let body = Value::Array(batch.to_vec());
        let headers = [("annals-channel", "import")];
        let answers = annals.post("/commands", &headers, &body).await.ok();
        for answer in answers.as_array().into_iter().flatten() {
            anyhow::ensure!(answer["status"] == "accepted", "{answer}");
            position = answer["position"].as_str().unwrap_or_default().to_owned();
        }
    }
    let count = (customers.len() + items.len()) as f64;
    let per_second = count / begun.elapsed().as_secs_f64();
    report.rate("commands in lists of 1,000, durable, sealed", 1, per_second);
    annals.see("/accounts?limit=1", &position).await;
    let all = count / begun.elapsed().as_secs_f64();
    report.rate("the same until all read models show it", 1, all);
    Ok(accounts)
}

fn item(name: &str, data: &Value) -> Value {
    json!({ "type": name, "data": data })
}

/// From the acknowledgement of a command to the first answer that shows it.
async fn visible(
    report: &mut Report,
    address: SocketAddr,
    token: &str,
    seconds: f64,
) -> anyhow::Result<()> {
    let mut connection = Connection::open(address).await?;
    let mut latency = Histogram::<u64>::new_with_max(MAX_MICROS, 3)?;
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs_f64(seconds) {
        let body = json!({ "name": "Contoso" }).to_string();
        let create = post("/commands/CreateAccount", token, &body);
        let (status, answer) = connection.exchange(&create).await?;
        anyhow::ensure!(status == 200, "{}", String::from_utf8_lossy(answer));
        let answer: Value = serde_json::from_slice(answer)?;
        let acknowledged = Instant::now();
        let id = answer["record"]["id"].as_str().unwrap_or_default();
        let position = answer["position"].as_str().unwrap_or_default();
        let ask = get(&format!("/accounts/{id}?at_least={position}"), token);
        let (status, answer) = connection.exchange(&ask).await?;
        anyhow::ensure!(status == 200, "{}", String::from_utf8_lossy(answer));
        latency.saturating_record(micros(acknowledged));
    }
    let per_second = latency.len() as f64 / started.elapsed().as_secs_f64();
    report.load("from acknowledged to seen over HTTP", 1, &Seen { per_second, latency });
    Ok(())
}

async fn questions(
    report: &mut Report,
    address: SocketAddr,
    token: &str,
    accounts: &[Uuid],
    seconds: f64,
) -> anyhow::Result<()> {
    let now = [
        ("timeline page of an account", "/accounts/{id}/timeline?limit=50"),
        ("expected revenue of an account", "/accounts/{id}/expected-revenue"),
        ("expected revenue by owner, 20,000 deals", "/expected-revenue?by=owner"),
    ];
    let head = head(address, token).await?;
    for (name, path) in now {
        let separator = if path.contains('?') { '&' } else { '?' };
        let as_of = format!("{path}{separator}as_of={}", head / 2);
        for (name, path) in [(name.to_owned(), path.to_owned()), (format!("{name}, as of"), as_of)]
        {
            let (token, accounts) = (token.to_owned(), accounts.to_vec());
            let seen = load::run(address, 1, seconds, move |sequence| {
                let turn = usize::try_from(sequence).unwrap_or(0) % accounts.len();
                let account = accounts[turn];
                get(&path.replace("{id}", &account.to_string()), &token)
            })
            .await?;
            report.load(&name, 1, &seen);
        }
    }
    Ok(())
}

async fn head(address: SocketAddr, token: &str) -> anyhow::Result<u64> {
    let mut connection = Connection::open(address).await?;
    let (_, answer) = connection.exchange(&get("/processes", token)).await?;
    let answer: Value = serde_json::from_slice(answer)?;
    Ok(answer["head"].as_str().unwrap_or_default().parse()?)
}

/// All read models from the first event on, beside the bare reading of the same log.
async fn replay(report: &mut Report, annals: &Annals) -> anyhow::Result<()> {
    let begun = Instant::now();
    let checked = last_line(annals, "/admin/verify").await?;
    let events = checked["done"]["events"].as_f64().unwrap_or_default();
    let per_second = events / begun.elapsed().as_secs_f64();
    report.rate("verify: read, hash and decode the log", 1, per_second);
    let replayed = last_line(annals, "/admin/replay").await?;
    let done = &replayed["done"];
    let per_second =
        done["events"].as_f64().unwrap_or_default() / done["seconds"].as_f64().unwrap_or(1.0);
    report.rate("replay: all read models with their history", 1, per_second);
    Ok(())
}

async fn last_line(annals: &Annals, path: &str) -> anyhow::Result<Value> {
    let answer = annals.post(path, &[], &json!({})).await;
    let text = answer.text();
    let line = text.lines().last().unwrap_or_default();
    Ok(serde_json::from_str(line)?)
}
