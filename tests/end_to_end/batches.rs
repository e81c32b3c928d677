//! Lists of commands: each item answered, streams in order, refusals kept to themselves.

use serde_json::{Value, json};
use tests::{Annals, Http, texts};
use uuid::Uuid;

fn item(kind: &str, data: impl Into<Value>) -> Value {
    let data = data.into();
    json!({ "type": kind, "data": data })
}

fn create(id: u128, name: &str) -> Value {
    item("CreateAccount", json!({ "account_id": Uuid::from_u128(id), "name": name }))
}

fn rename(id: u128, name: &str) -> Value {
    item("ChangeAccountDetails", json!({ "account_id": Uuid::from_u128(id), "name": name }))
}

async fn send(http: &Http, items: &[Value]) -> Value {
    http.post("/commands", &[], &json!(items)).await.ok()
}

/// The status of each item, with the code of those that were refused.
fn outcomes(answers: &Value) -> Vec<String> {
    let items = answers.as_array().expect("a list").iter();
    let outcome = |answer: &Value| match answer["status"].as_str() {
        Some("accepted") => "accepted".to_owned(),
        _ => answer["problem"]["code"].as_str().expect("a code").to_owned(),
    };
    items.map(outcome).collect()
}

#[tokio::test]
async fn the_items_of_one_record_run_in_their_order() {
    let annals = Annals::start().await;
    let mut items = Vec::new();
    for round in 0..20 {
        for id in 1..=10 {
            let name = format!("Account {id}, {round}");
            items.push(if round == 0 { create(id, &name) } else { rename(id, &name) });
        }
    }

    let answers = send(&annals, &items).await;

    let list = answers.as_array().expect("a list");
    for (number, answer) in list.iter().enumerate() {
        assert_eq!(answer["version"], json!(number / 10 + 1), "item {number}: {answer}");
    }
    for account in annals.now("/accounts").await["items"].as_array().expect("items") {
        assert!(account["name"].as_str().is_some_and(|name| name.ends_with(", 19")), "{account}");
    }
}

#[tokio::test]
async fn after_a_refused_item_the_rest_of_its_record_is_not_tried() {
    let annals = Annals::start().await;
    let items = [
        create(1, "One"),
        create(2, "Two"),
        create(1, "One again"),
        rename(1, "Not One"),
        rename(2, "Two, renamed"),
        rename(3, "Nobody"),
        item("DropAllTables", json!({})),
        item("CreateAccount", json!({ "name": 7 })),
        item("CreateAccount", json!({ "name": "Late", "colour": "red" })),
        rename(2, "Two, at last"),
    ];

    let answers = send(&annals, &items).await;

    let expected = [
        "accepted",
        "accepted",
        "record.exists",
        "command.not_tried",
        "accepted",
        "record.not_found",
        "command.unknown",
        "command.invalid",
        "command.invalid",
        "accepted",
    ];
    assert_eq!(outcomes(&answers), expected);
    let names = annals.now("/accounts").await;
    assert_eq!(texts(&names, "/name"), ["One", "Two, at last"]);
}

#[tokio::test]
async fn a_list_that_is_sent_again_changes_nothing() {
    let annals = Annals::start().await;
    let items: Vec<Value> = (1..=50)
        .map(|number| {
            let mut item = create(number, &format!("Account {number}"));
            item["id"] = json!(Uuid::from_u128(1_000 + number));
            item
        })
        .collect();
    let first = send(&annals, &items).await;
    let head = annals.head().await;

    let second = send(&annals, &items).await;

    assert_eq!(annals.head().await, head);
    let pairs = first.as_array().into_iter().flatten().zip(second.as_array().into_iter().flatten());
    let mut count = 0;
    for (first, second) in pairs {
        assert_eq!((&first["replayed"], &second["replayed"]), (&json!(false), &json!(true)));
        for field in ["id", "record", "version", "position", "status"] {
            assert_eq!(first[field], second[field], "{field}");
        }
        count += 1;
    }
    assert_eq!(count, 50);
}

#[tokio::test]
async fn the_same_id_twice_in_a_list_happens_once() {
    let annals = Annals::start().await;
    let mut one = create(1, "One");
    one["id"] = json!(Uuid::from_u128(77));
    let mut other = create(2, "Two");
    other["id"] = json!(Uuid::from_u128(77));

    let answers = send(&annals, &[one.clone(), one, other]).await;

    let outcomes = outcomes(&answers);
    assert_eq!(outcomes.iter().filter(|outcome| *outcome == "command.reused").count(), 1);
    assert_eq!(annals.now("/accounts").await["items"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn an_item_can_name_the_version_it_has_seen_and_its_time_and_reason() {
    let annals = Annals::start().await;
    send(&annals, &[create(1, "One")]).await;
    let mut stale = rename(1, "Stale");
    stale["expected_version"] = json!(7);
    let mut dated = rename(1, "One, of old");
    dated["expected_version"] = json!(1);
    dated["effective_at"] = json!("2026-01-01T00:00:00Z");
    dated["reason"] = json!("found in a drawer");
    let mut wrong = rename(1, "Wrong");
    wrong["effective_at"] = json!("in January");

    assert_eq!(outcomes(&send(&annals, &[stale]).await), ["record.version_conflict"]);
    assert_eq!(outcomes(&send(&annals, &[wrong]).await), ["effective_at.invalid"]);
    assert_eq!(outcomes(&send(&annals, &[dated]).await), ["accepted"]);

    let history = annals.history(&format!("/accounts/{}", Uuid::from_u128(1))).await;
    assert_eq!(history[1]["effective_at"], "2026-01-01T00:00:00Z");
    assert_eq!(history[1]["reason"], "found in a drawer");
}

#[tokio::test]
async fn a_list_that_is_none_or_too_long_is_refused_whole() {
    let annals = Annals::start().await;
    let before = annals.head().await;
    let many = |count: u128| (0..count).map(|number| create(number + 1, "A")).collect::<Vec<_>>();
    annals.post("/commands", &[], &json!(many(1_001))).await.problem(413, "list.too_long");
    for (what, body) in [
        ("one command", create(1, "One")),
        ("an unknown field", json!([{ "type": "CreateAccount", "data": {}, "colour": "red" }])),
        ("no type", json!([{ "data": {} }])),
        ("no data", json!([{ "type": "CreateAccount" }])),
        ("an id that is none", json!([{ "id": "7", "type": "CreateAccount", "data": {} }])),
        ("data without names", json!([{ "type": "CreateAccount", "data": ["A"] }])),
        ("a text", json!(["CreateAccount"])),
        ("fields without names", json!([[null, "CreateAccount", { "name": "A" }]])),
    ] {
        let answer = annals.post("/commands", &[], &body).await;
        assert_eq!(answer.problem(422, "list.invalid")["status"], 422, "{what}");
    }
    let twice = br#"[{"type":"CreateAccount","type":"AddNote","data":{}}]"#.to_vec();
    let json_body = [("content-type", "application/json")];
    let answer = annals.send(hyper::Method::POST, "/commands", &json_body, twice).await;
    answer.problem(400, "json.duplicate_key");
    assert_eq!(annals.head().await, before);

    assert_eq!(send(&annals, &[]).await, json!([]));
    assert_eq!(send(&annals, &many(1_000)).await.as_array().map(Vec::len), Some(1_000));
    assert_eq!(annals.all("/accounts?limit=200").await.len(), 1_000);
}
