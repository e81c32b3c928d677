//! How far the read models are behind is told against the end of the log.

use serde_json::{Value, json};
use tests::{Http, Process};

/// Lists of so many commands, one after the other.
const LISTS: usize = 12;
const COMMANDS: usize = 1_000;

/// The value of a metric, whatever its labels.
fn metric(text: &str, name: &str) -> f64 {
    let mut values = text
        .lines()
        .filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{'])));
    let last = values.next_back().and_then(|line| line.rsplit(' ').next());
    last.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name} in {text}"))
}

fn position(value: &Value) -> u64 {
    value.as_str().unwrap().parse().unwrap()
}

async fn write(http: Http) {
    for list in 0..LISTS {
        let one = |number| {
            let name = format!("Account {list} {number}");
            json!({ "type": "CreateAccount", "data": { "name": name } })
        };
        let items: Vec<_> = (0..COMMANDS).map(one).collect();
        http.post("/commands", &[], &json!(items)).await.ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_of_the_lag_is_the_distance_to_the_end_of_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(&folder.path().join("data"));
    let http = process.http();
    http.settled().await;
    let writing = tokio::spawn(write(http.clone()));
    let mut longest = 0;
    while !writing.is_finished() {
        let state = http.get("/readyz").await.json();
        let told = state["read_side"]["lag_events"].as_u64().unwrap();
        let head = position(&state["log"]["head"]);
        assert_eq!(told, head - position(&state["read_side"]["position"]), "{state}");
        longest = longest.max(told);

        let text = http.get("/metrics").await.text();
        let of = |name| metric(&text, name);
        let behind = of("annals_log_head_position") - of("annals_projection_position");
        let told = of("annals_projection_lag_events");
        assert!((behind - told).abs() < 0.5, "{told} told, {behind} behind");
        assert!(of("annals_query_connections_in_use") < 0.5, "nobody asks anything");
    }
    writing.await.unwrap();
    // How far depends on the machine; that there was something to tell does not.
    assert!(longest > 0, "they were never behind: nothing was seen");
    http.settled().await;
    let text = http.get("/metrics").await.text();
    assert!(metric(&text, "annals_projection_lag_events").abs() < 0.5, "{text}");
}
