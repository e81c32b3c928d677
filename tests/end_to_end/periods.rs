//! The periods of a relationship: it stands as they and the day say, wherever one asks.

use serde_json::{Value, json};
use tests::{Annals, Http, account};
use uuid::Uuid;

/// Contoso and a supplier, and their connection from 2019-01-01 to `end`, entered today.
async fn related(annals: &Annals, end: &str) -> (Uuid, Uuid, Value) {
    let contoso = annals.account("Contoso").await.id;
    let supplier = annals.account("Fornecedora").await.id;
    let relate = json!({
        "a": account(contoso), "b": account(supplier), "start": "2019-01-01", "end": end,
    });
    let connection = annals.accept("RelateRecords", relate.clone()).await.id;
    (contoso, connection, relate)
}

async fn count(http: &Http, path: &str) -> usize {
    http.now(path).await["items"].as_array().expect("items").len()
}

#[tokio::test]
async fn a_relationship_that_is_taken_up_again_still_held_before() {
    let mut annals = Annals::start_at("2025-03-10T12:00:00Z").await;
    let (contoso, connection, _) = related(&annals, "2021-06-30").await;
    let again = json!({ "connection_id": connection, "start": "2023-01-01" });
    annals.accept("ReinstateConnection", again).await;

    let held = async |annals: &Annals| {
        for (on, held) in [
            ("2018-12-31", false),
            ("2019-01-01", true),
            ("2020-01-01", true),
            ("2021-06-30", true),
            ("2021-07-01", false),
            ("2022-01-01", false),
            ("2023-01-01", true),
            ("2024-01-01", true),
        ] {
            let path = format!("/accounts/{contoso}/connections?sense=effective&as_of={on}");
            assert_eq!(count(annals, &path).await, usize::from(held), "{on}");
            let path = format!("/connections/{connection}?sense=effective&as_of={on}");
            let answer = annals.get(&path).await;
            if on < "2019" {
                answer.problem(404, "record.not_found");
            } else {
                let state = if held { "Active" } else { "Inactive" };
                assert_eq!(answer.ok()["state"], state, "{on}");
            }
        }
    };
    held(&annals).await;
    let seen = annals.now(&format!("/connections/{connection}")).await;
    let days: Vec<_> = seen["periods"]
        .as_array()
        .expect("periods")
        .iter()
        .map(|period| (period["start"].clone(), period["end"].clone()))
        .collect();
    let first = (json!("2019-01-01"), json!("2021-06-30"));
    assert_eq!(days, [first, (json!("2023-01-01"), Value::Null)]);
    assert_eq!(seen["start"], "2023-01-01");
    annals.replay().await;
    held(&annals).await;
    annals.restart().await;
    held(&annals).await;
}

#[tokio::test]
async fn a_relationship_ends_when_its_last_day_passes_and_everything_says_so() {
    let annals = Annals::start_at("2020-12-31T12:00:00Z").await;
    let (contoso, connection, relate) = related(&annals, "2020-12-31").await;
    let list = format!("/accounts/{contoso}/connections");
    let told = async || {
        let record = annals.now(&format!("/connections/{connection}")).await;
        let ended = count(&annals, &format!("{list}?ended=true")).await;
        let others = count(&annals, &format!("{list}?ended=false")).await;
        let row = annals.now(&list).await["items"][0].clone();
        assert_eq!(row["state"], record["state"]);
        assert_eq!(row["ended"], json!(ended == 1));
        (record["state"].as_str().expect("a state").to_owned(), ended, others)
    };
    assert_eq!(told().await, ("Active".to_owned(), 0, 1), "on its last day");
    annals.command("RelateRecords", relate.clone()).await.refused("connection.exists");
    let again = json!({ "connection_id": connection });
    annals.command("ReinstateConnection", again).await.refused("connection.active");

    // Nobody does anything: a day passes in São Paulo.
    annals.set_clock("2021-01-01T02:59:59Z");
    assert_eq!(told().await, ("Active".to_owned(), 0, 1), "still its last day");
    annals.set_clock("2021-01-01T03:00:00Z");
    assert_eq!(told().await, ("Inactive".to_owned(), 1, 0), "the day after");
    annals.command("RelateRecords", relate).await.refused("connection.ended");
    let change = json!({ "connection_id": connection, "description_a": "late" });
    annals.command("ChangeConnectionDetails", change).await.refused("connection.ended");
    // What was known on the last day is told as of it.
    let then = annals.now(&format!("{list}?ended=false&as_of=2020-12-31")).await;
    assert_eq!(then["items"][0]["state"], "Active");
}
