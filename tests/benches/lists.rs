//! Commands in lists, as an import sends them.

use std::time::Instant;

use hdrhistogram::Histogram;
use serde_json::{Value, json};
use tests::Http;
use uuid::Uuid;

use crate::load::{MAX_MICROS, Seen, micros};

/// How many commands are sent in one list.
const LIST: usize = 1_000;

/// What became of lists.
pub(crate) struct Sent {
    /// Commands per second; the latency is that of a list.
    pub(crate) seen: Seen,
    /// The position a question asks for to see all.
    pub(crate) position: String,
}

/// Sends commands in lists, one list after another; each command has to take effect.
pub(crate) async fn send(http: &Http, commands: &[Value]) -> anyhow::Result<Sent> {
    let mut latency = Histogram::<u64>::new_with_max(MAX_MICROS, 3)?;
    let mut position = String::new();
    let begun = Instant::now();
    for list in commands.chunks(LIST) {
        let body = Value::Array(list.to_vec());
        let sent = Instant::now();
        let answers = http.post("/commands", &[("annals-channel", "import")], &body).await.ok();
        latency.saturating_record(micros(sent));
        for answer in answers.as_array().into_iter().flatten() {
            anyhow::ensure!(answer["status"] == "accepted", "{answer}");
            position = answer["position"].as_str().unwrap_or_default().to_owned();
        }
    }
    let per_second = commands.len() as f64 / begun.elapsed().as_secs_f64();
    Ok(Sent { seen: Seen { per_second, latency }, position })
}

/// An account for each id.
pub(crate) fn accounts(ids: &[Uuid]) -> Vec<Value> {
    let account = |id| item("CreateAccount", &json!({ "account_id": id, "name": "Contoso" }));
    ids.iter().map(account).collect()
}

/// So many deals for each account.
pub(crate) fn deals(accounts: &[Uuid], each: usize) -> Vec<Value> {
    let all = accounts.iter().flat_map(|id| (0..each).map(move |number| (id, number)));
    all.map(|(account, number)| {
        item(
            "CreateOpportunity",
            &json!({
                "topic": "Chairs",
                "customer": { "type": "account", "id": account },
                "estimated_value": { "amount": format!("{}.00", 100 + number), "currency": "BRL" },
                "probability": "40",
                "estimated_close_date": format!("2026-{:02}-15", 1 + number % 12),
            }),
        )
    })
    .collect()
}

fn item(name: &str, data: &Value) -> Value {
    json!({ "type": name, "data": data })
}
