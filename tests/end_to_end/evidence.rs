//! The log as evidence: complete, dense, sealed; the same after a restart and after a replay.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use serde_json::{Value, json};
use tests::{Annals, Http, account, contact, texts};
use uuid::Uuid;

/// What is personal in the journey below: none of it may stand anywhere in the clear.
pub(crate) const PERSONAL: [&str; 16] = [
    "Beatriz",
    "Quaresma",
    "bia.quaresma",
    "+55 11 5555",
    "1987-06-05",
    "Rua das Flores",
    "Diretora",
    "likes long walks",
    "moved in with",
    "Zulmira",
    "zulmira@",
    "Paper for Bia",
    "Offer to Bia",
    "signed by Bia",
    "met at the fair",
    "private laptop",
];

/// Everything that can be said about a person, said.
pub(crate) async fn say_everything(http: &Http) -> (Uuid, Uuid) {
    let user = json!({ "name": "Zulmira Alves", "email": "zulmira@norte.example" });
    let user = http.accept("AddUser", user).await.id;
    let token = json!({
        "user": user, "scopes": ["read"], "label": "private laptop",
        "secret_sha256": "ab".repeat(32),
    });
    http.accept("IssueToken", token).await;
    let contoso = json!({ "name": "Contoso", "email": "bia.quaresma@contoso.example" });
    let contoso = http.accept("CreateAccount", contoso).await.id;
    let bia = json!({
        "first_name": "Beatriz", "last_name": "Quaresma", "email": "bia.quaresma@home.example",
        "phone": "+55 11 5555 1234", "birthdate": "1987-06-05", "job_title": "Diretora",
        "description": "likes long walks", "parent": account(contoso),
    });
    let bia = http.accept("CreateContact", bia).await.id;
    let address = json!({ "street": ["Rua das Flores 7"], "city": "Sao Paulo" });
    let address = json!({ "record": contact(bia), "kind": "bill_to", "address": address });
    http.accept("SetAddress", address).await;
    let reason = [("annals-reason", "moved in with a friend")];
    let phone = json!({ "contact_id": bia, "phone": "+55 11 5555 9999" });
    http.post("/commands/ChangeContactDetails", &reason, &phone).await.accepted();
    let deal = json!({ "topic": "Paper for Bia", "customer": contact(bia) });
    let deal = http.accept("CreateOpportunity", deal).await.id;
    let start = json!({ "name": "Offer to Bia", "customer": contact(bia), "opportunity": deal });
    let quote = http.active_quote(start, "12.50").await;
    let accept = json!({ "quote_id": quote, "accepted_by": "signed by Bia" });
    http.accept("AcceptQuote", accept).await;
    let note = json!({ "regarding": account(contoso), "text": "met at the fair" });
    http.accept("AddNote", note).await;
    (contoso, bia)
}

#[tokio::test]
async fn the_feed_is_complete_and_dense_and_says_nothing_personal() {
    let annals = Annals::start().await;
    let (_, bia) = say_everything(&annals).await;
    let head: usize = annals.head().await.parse().expect("a number");

    let answer = annals.get("/events?limit=1000").await;
    for personal in PERSONAL {
        assert!(!answer.text().contains(personal), "{personal} stands in the feed");
    }
    let events = annals.feed("limit=1000").await;
    let positions = texts(&json!(events), "/position");
    let dense: Vec<_> = (1..=head).map(|position| position.to_string()).collect();
    assert_eq!(positions, dense);
    let mut lengths = std::collections::BTreeMap::new();
    for event in &events {
        let length: &mut u64 = lengths.entry(event["subject"].to_string()).or_default();
        *length += 1;
        assert_eq!(event["streamversion"], *length, "{event}");
        assert_eq!(event["specversion"], "1.0");
        assert_eq!(event["leafhash"].as_str().map(str::len), Some(64));
    }
    for after in 0..=head {
        let expected = &events[after..head.min(after + 3)];
        assert_eq!(annals.feed(&format!("after={after}&limit=3")).await, expected);
    }
    let own = annals.feed(&format!("stream=contact-{bia}")).await;
    assert_eq!(own.len(), 3);
    assert!(own.iter().all(|event| event["subject"] == format!("contact-{bia}")));
    let quotes = annals.feed("category=quote").await;
    assert!(quotes.len() == 4 && quotes.iter().all(|event| event["schemaversion"] == 1));
}

#[tokio::test]
async fn a_history_says_everything_of_a_record_in_its_order() {
    let annals = Annals::start().await;
    let (_, bia) = say_everything(&annals).await;
    let path = format!("/contacts/{bia}");

    let history = json!(annals.all(&format!("{path}/history?limit=1")).await);

    let kinds = ["contact.created", "contact.address_set", "contact.details_changed"];
    assert_eq!(texts(&history, "/type"), kinds);
    assert_eq!(history[0]["data"]["last_name"], "Quaresma");
    assert_eq!(history[1]["data"]["address"]["street"], json!(["Rua das Flores 7"]));
    assert_eq!(history[2]["data"]["phone"], "+55 11 5555 9999");
    assert_eq!(history[2]["reason"], "moved in with a friend");
    for (number, event) in (1..).zip(history.as_array().expect("events")) {
        assert_eq!(event["version"], number);
        assert_eq!(event["actor"]["kind"], "user");
        assert_eq!(event["channel"], "api");
    }
    let first = history[0]["position"].as_str().expect("a position");
    let then = annals.get(&format!("{path}/history?as_of={first}")).await.ok();
    assert_eq!(then["items"].as_array().map(Vec::len), Some(1));
    let timeline = annals.now(&format!("{path}/timeline")).await;
    assert_eq!(timeline["position"].as_str(), Some(annals.head().await.as_str()));
}

/// What is asked before and after, each as of one position.
fn questions(contoso: Uuid, bia: Uuid, position: &str) -> Vec<String> {
    let paths = [
        "/accounts".to_owned(),
        "/contacts?sort=-name".to_owned(),
        "/opportunities".to_owned(),
        "/quotes".to_owned(),
        "/orders".to_owned(),
        "/users".to_owned(),
        "/organization".to_owned(),
        "/expected-revenue?by=account".to_owned(),
        "/pipeline".to_owned(),
        format!("/accounts/{contoso}"),
        format!("/contacts/{bia}"),
        format!("/contacts/{bia}/timeline"),
        format!("/contacts/{bia}/history"),
        format!("/contacts/{bia}/sales"),
        format!("/accounts/{contoso}/timeline"),
        format!("/accounts/{contoso}/connections"),
    ];
    let at = |path: String| {
        let separator = if path.contains('?') { '&' } else { '?' };
        format!("{path}{separator}as_of={position}")
    };
    paths.into_iter().map(at).collect()
}

async fn answers(http: &Http, questions: &[String]) -> Vec<Value> {
    let mut answers = Vec::new();
    for question in questions {
        answers.push(http.get(question).await.ok());
    }
    answers
}

#[tokio::test]
async fn a_restart_keeps_everything() {
    let mut annals = Annals::start().await;
    let (contoso, bia) = say_everything(&annals).await;
    let head = annals.head().await;
    annals.now("/accounts").await;
    let asked = questions(contoso, bia, &head);
    let before = answers(&annals, &asked).await;
    let events = annals.feed("limit=1000").await;
    let key = [("idempotency-key", "11111111-2222-4333-8444-555555555555")];
    let body = json!({ "name": "Once" });
    let first = annals.post("/commands/CreateAccount", &key, &body).await.accepted();
    annals.command("DeactivateAccount", json!({ "account_id": bia })).await;
    let (attempts, token, head) = (annals.attempts().await, annals.token(), annals.head().await);

    annals.restart().await;

    assert_eq!(annals.token(), token);
    assert_eq!(annals.head().await, head);
    assert_eq!(annals.attempts().await, attempts);
    let again = annals.post("/commands/CreateAccount", &key, &body).await;
    assert_eq!(again.accepted(), first);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(annals.head().await, head, "nothing happened twice");
    let after = answers(&annals, &asked).await;
    for ((question, before), after) in asked.iter().zip(&before).zip(&after) {
        assert_eq!(before, after, "{question}");
    }
    assert_eq!(annals.feed("limit=1000").await[..events.len()], events);
    annals.account("After").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_replay_changes_no_answer_and_questions_are_answered_meanwhile() {
    let annals = Annals::start().await;
    let (contoso, bia) = say_everything(&annals).await;
    let items: Vec<_> = (0..900)
        .map(|number| {
            json!({ "type": "CreateOpportunity", "data": {
            "topic": format!("Deal {number}"), "customer": account(contoso), "probability": "50",
            "estimated_value": tests::brl("1.00") } })
        })
        .collect();
    annals.post("/commands", &[], &json!(items)).await.ok();
    let head = annals.head().await;
    annals.now("/accounts").await;
    let asked = questions(contoso, bia, &head);
    let before = answers(&annals, &asked).await;
    let over = Arc::new(AtomicBool::new(false));
    let (http, watching, watched) = (annals.http().clone(), over.clone(), asked.clone());
    let reader = tokio::spawn(async move {
        let mut count = 0;
        while !watching.load(Ordering::SeqCst) {
            for question in &watched {
                let answer = http.get(question).await;
                assert_eq!(answer.status, 200, "{question}: {}", answer.text());
                count += 1;
            }
            let made = http.account("Meanwhile").await;
            http.see(&format!("/accounts/{}", made.id), &made.position).await;
        }
        count
    });

    let report = annals.replay().await;

    over.store(true, Ordering::SeqCst);
    assert!(reader.await.expect("every question was answered") > 0);
    assert!(report["events"].as_u64() >= head.parse().ok(), "{report}");
    let after = answers(&annals, &asked).await;
    for ((question, before), after) in asked.iter().zip(&before).zip(&after) {
        assert_eq!(before, after, "{question}");
    }
    // Nobody writes now: every table can be compared.
    let quiet = annals.replay().await;
    let tables = quiet["tables"].as_array().expect("tables");
    assert!(tables.iter().all(|table| table["verdict"] == "equal"), "{quiet}");
    assert_eq!(annals.head().await, annals.head().await, "a replay records nothing");
}
