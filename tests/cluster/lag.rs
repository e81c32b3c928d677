//! How far the read models are behind is told by every role against the end of the log.

use serde_json::{Value, json};
use tests::{Cluster, Http, Role, Shape};

const LISTS: usize = 8;
const COMMANDS: usize = 1_000;

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

/// What a role says of the lag, which is the distance to the end that it says the log has.
async fn lag(role: &Role) -> u64 {
    let state = role.ready().await;
    let told = state["read_side"]["lag_events"].as_u64();
    let told = told.unwrap_or_else(|| panic!("{}: {state}", role.name()));
    let head = position(&state["log"]["head"]);
    assert_eq!(told, head - position(&state["read_side"]["position"]), "{state}");
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_tells_how_far_the_rows_are_from_the_end_of_the_log() {
    let cluster = Cluster::start(Shape { commands: 1, projections: 1, queries: 1 });
    let http = cluster.http(0, 0);
    http.settled().await;
    // Its rows may be read before it says itself that it makes them.
    tests::until("the projection service says how far it is", async || {
        cluster.projections[0].ready().await["read_side"]["position"].is_string()
    })
    .await;
    let writing = tokio::spawn(write(http.clone()));
    let (mut made, mut answered) = (0, 0);
    while !writing.is_finished() {
        made = made.max(lag(&cluster.projections[0]).await);
        answered = answered.max(lag(&cluster.queries[0]).await);
    }
    writing.await.unwrap();
    // How far they fall behind is the machine's affair; that it is told is theirs.
    assert!(made > 0 && answered > 0, "never further behind than {made} and {answered}");
    // The end of the log is told by every role; the command service has no rows.
    let head = http.settled().await.parse::<f64>().unwrap();
    for role in [&cluster.commands[0], &cluster.projections[0], &cluster.queries[0]] {
        let told = role.metric("annals_log_head_position").await.unwrap();
        assert!((told - head).abs() < 0.5, "{}: {told} of {head}", role.name());
    }
}
