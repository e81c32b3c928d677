//! Questions, replays and how soon a command is visible.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    lists,
    load::{self, Connection, MAX_MICROS, Seen, get, micros, post},
    names::{self, LISTS, LISTS_SHOWN, REPLAY, REVENUE, REVENUE_BY_OWNER, SEEN, TIMELINE, VERIFY},
    product::Product,
    report::Report,
};

/// How many accounts the questions are asked about, and how many deals each has.
const ACCOUNTS: u128 = 200;
const DEALS: usize = 100;
/// How long a whole replay may take.
const PATIENCE: Duration = Duration::from_secs(20 * 60);

/// Imports deals in lists, as an import does; answers with the accounts they are of.
pub(crate) async fn fill(report: &mut Report, product: &Product) -> anyhow::Result<Vec<Uuid>> {
    let accounts: Vec<Uuid> = (0..ACCOUNTS).map(|n| Uuid::from_u128(0xA000 + n)).collect();
    let http = product.http();
    // Lists of their own: the commands of one list run side by side.
    lists::send(&http, &lists::accounts(&accounts)).await?;
    http.settled().await;
    let deals = lists::deals(&accounts, DEALS);
    let begun = Instant::now();
    let sent = lists::send(&http, &deals).await?;
    http.see("/accounts?limit=1", &sent.position).await;
    let shown = deals.len() as f64 / begun.elapsed().as_secs_f64();
    report.load(product, LISTS, 1, &sent.seen);
    report.rate(product, LISTS_SHOWN, shown);
    Ok(accounts)
}

/// From the acknowledgement of a command to the first answer that shows it, one after another.
pub(crate) async fn seen(
    report: &mut Report,
    product: &Product,
    seconds: f64,
) -> anyhow::Result<()> {
    let token = product.token();
    let mut commands = Connection::open(product.commands()?).await?;
    let mut questions = Connection::open(product.queries()?).await?;
    let create = post("/commands/CreateAccount", &token, &json!({ "name": "Contoso" }).to_string());
    let mut latency = Histogram::<u64>::new_with_max(MAX_MICROS, 3)?;
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs_f64(seconds) {
        let (status, answer) = commands.exchange(&create).await?;
        let acknowledged = Instant::now();
        anyhow::ensure!(status == 200, "{}", String::from_utf8_lossy(answer));
        let answer: Value = serde_json::from_slice(answer)?;
        let id = answer["record"]["id"].as_str().unwrap_or_default();
        let position = answer["position"].as_str().unwrap_or_default();
        let ask = get(&format!("/accounts/{id}?at_least={position}"), &token);
        let (status, answer) = questions.exchange(&ask).await?;
        anyhow::ensure!(status == 200, "{}", String::from_utf8_lossy(answer));
        latency.saturating_record(micros(acknowledged));
    }
    let per_second = latency.len() as f64 / started.elapsed().as_secs_f64();
    report.load(product, SEEN, 1, &Seen { per_second, latency });
    Ok(())
}

/// Questions about now and about half-way back, one after another.
pub(crate) async fn questions(
    report: &mut Report,
    product: &Product,
    accounts: &[Uuid],
    seconds: f64,
) -> anyhow::Result<()> {
    let now = [
        (TIMELINE, "/accounts/{id}/timeline?limit=50"),
        (REVENUE, "/accounts/{id}/expected-revenue?"),
        (REVENUE_BY_OWNER, "/expected-revenue?by=owner"),
    ];
    let (address, token) = (product.queries()?, product.token());
    let head: u64 = product.http().settled().await.parse()?;
    for (workload, path) in now {
        let then = format!("{path}&as_of={}", head / 2);
        for (workload, path) in
            [(workload.to_owned(), path.to_owned()), (names::as_of(workload), then)]
        {
            let (token, accounts) = (token.clone(), accounts.to_vec());
            let seen = load::run(&[address], 1, seconds, move |sequence| {
                let turn = usize::try_from(sequence).unwrap_or(0) % accounts.len();
                get(&path.replace("{id}", &accounts[turn].to_string()), &token)
            })
            .await?;
            report.load(product, &workload, 1, &seen);
        }
    }
    Ok(())
}

/// Reading and checking the log, and all read models from the first event on.
pub(crate) async fn replay(report: &mut Report, product: &Product) -> anyhow::Result<()> {
    product.http().settled().await;
    let begun = Instant::now();
    let checked = done(product, "/admin/verify").await?;
    let events = checked["events"].as_f64().unwrap_or_default();
    report.rate(product, VERIFY, events / begun.elapsed().as_secs_f64());
    let replayed = done(product, "/admin/replay").await?;
    let (events, seconds) = (&replayed["events"], &replayed["seconds"]);
    let per_second = events.as_f64().unwrap_or_default() / seconds.as_f64().unwrap_or(1.0);
    report.rate(product, REPLAY, per_second);
    Ok(())
}

/// What an operator's work ended with.
async fn done(product: &Product, path: &str) -> anyhow::Result<Value> {
    let answer = product.http().with_patience(PATIENCE).post(path, &[], &json!({})).await;
    let text = answer.text();
    let last: Value = serde_json::from_str(text.lines().last().unwrap_or_default())?;
    anyhow::ensure!(last["done"].is_object(), "{path}: {last}");
    Ok(last["done"].clone())
}
