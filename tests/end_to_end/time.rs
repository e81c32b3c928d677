//! The two times: what was known at a moment, and what was true then.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tests::{Annals, Http, account, brl, contact, user};
use uuid::Uuid;

/// Every kind of record that has a list.
const KINDS: [&str; 7] =
    ["accounts", "contacts", "opportunities", "quotes", "orders", "connection-roles", "users"];

/// What every record looked like at the end of one day.
struct Snapshot {
    day: String,
    position: String,
    records: BTreeMap<(&'static str, String), Value>,
}

async fn snapshot(http: &Http, day: &str) -> Snapshot {
    let position = http.head().await;
    let mut records = BTreeMap::new();
    for kind in KINDS {
        for record in http.all(&format!("/{kind}?limit=50")).await {
            let id = record["id"].as_str().expect("an id").to_owned();
            records.insert((kind, id), record);
        }
    }
    Snapshot { day: day.to_owned(), position, records }
}

/// A year of Contoso, one command a day: every kind of record, many kinds of event.
fn story() -> Vec<(&'static str, Value)> {
    let id = |number: u128| json!(Uuid::from_u128(number));
    let [contoso, norte, bia, eva, deal, quote, caro, role] = [1, 2, 3, 4, 5, 6, 7, 8].map(id);
    let customer = account(Uuid::from_u128(1));
    vec![
        ("AddUser", json!({ "user_id": caro, "name": "Caro", "office": "South" })),
        ("CreateAccount", json!({ "account_id": contoso, "name": "Contoso" })),
        ("CreateAccount", json!({ "account_id": norte, "name": "Norte" })),
        ("SetParentAccount", json!({ "account_id": contoso, "parent": norte })),
        ("CreateContact", json!({ "contact_id": bia, "last_name": "Silva", "parent": customer })),
        ("CreateContact", json!({ "contact_id": eva, "last_name": "Souza", "parent": customer })),
        ("SetPrimaryContact", json!({ "account_id": contoso, "contact": bia })),
        ("ChangeContactDetails", json!({ "contact_id": bia, "email": "bia@contoso.example" })),
        (
            "CreateOpportunity",
            json!({ "opportunity_id": deal, "topic": "Paper", "customer": customer }),
        ),
        ("ChangeOpportunityStage", json!({ "opportunity_id": deal, "stage": "Propose" })),
        (
            "ChangeOpportunityEstimate",
            json!({ "opportunity_id": deal, "estimated_value": brl("10.00") }),
        ),
        (
            "DefineConnectionRole",
            json!({ "connection_role_id": role, "name": "Friend", "category": "Social" }),
        ),
        ("ChangeConnectionRole", json!({ "connection_role_id": role, "name": "Old friend" })),
        (
            "RelateRecords",
            json!({ "a": customer, "b": contact(Uuid::from_u128(3)), "role_b": role }),
        ),
        ("StartQuote", json!({ "quote_id": quote, "opportunity": deal })),
        (
            "AddQuoteLine",
            json!({ "quote_id": quote, "product": "Ink", "quantity": "3", "unit_price": "1.10" }),
        ),
        ("ActivateQuote", json!({ "quote_id": quote })),
        ("ReviseQuote", json!({ "quote_id": quote })),
        ("SetQuoteDiscount", json!({ "quote_id": quote, "discount": { "percent": "10" } })),
        ("ActivateQuote", json!({ "quote_id": quote })),
        ("AcceptQuote", json!({ "quote_id": quote, "close_opportunity": "won" })),
        ("ChangeContactParent", json!({ "contact_id": bia, "parent": null })),
        ("ReopenOpportunity", json!({ "opportunity_id": deal })),
        ("AssignOwner", json!({ "record": customer, "owner": user(Uuid::from_u128(7)) })),
        ("DisableUser", json!({ "user_id": caro })),
        ("DeactivateContact", json!({ "contact_id": eva })),
        ("ReactivateContact", json!({ "contact_id": eva })),
        ("DeactivateAccount", json!({ "account_id": contoso })),
        ("RetireConnectionRole", json!({ "connection_role_id": role })),
    ]
}

async fn live_through_it(annals: &Annals) -> Vec<Snapshot> {
    let mut snapshots = Vec::new();
    for (number, (name, body)) in (1_u32..).zip(story()) {
        let day = format!("2026-03-{number:02}");
        annals.set_clock(&format!("{day}T15:00:00Z"));
        annals.accept(name, body).await;
        snapshots.push(snapshot(annals, &day).await);
    }
    annals.set_clock("2026-04-10T15:00:00Z");
    snapshots
}

/// A record without the position of the answer it came in.
fn bare(mut record: Value) -> Value {
    record.as_object_mut().expect("an object").remove("position");
    record
}

async fn remembers(http: &Http, snapshots: &[Snapshot]) {
    for Snapshot { day, position, records } in snapshots {
        for as_of in [position, day] {
            let mut count = 0;
            for kind in KINDS {
                let listed = http.all(&format!("/{kind}?as_of={as_of}")).await;
                count += listed.len();
                for record in listed {
                    let id = record["id"].as_str().expect("an id").to_owned();
                    let expected = records.get(&(kind, id.clone()));
                    assert_eq!(Some(&record), expected, "{kind} {id} in the list as of {as_of}");
                }
            }
            assert_eq!(count, records.len(), "as of {as_of}");
        }
        for ((kind, id), expected) in records {
            for as_of in [position.clone(), day.clone(), format!("{day}&sense=effective")] {
                let record = http.get(&format!("/{kind}/{id}?as_of={as_of}")).await.ok();
                assert_eq!(&bare(record), expected, "{kind} {id} as of {as_of}");
            }
        }
    }
}

// S32: what the rows say, what the events fold to, and what was answered then.
#[tokio::test]
async fn every_record_is_at_every_moment_what_it_was_answered_to_be_then() {
    let mut annals = Annals::start_at("2026-02-28T15:00:00Z").await;
    let snapshots = live_through_it(&annals).await;
    remembers(&annals, &snapshots[20..]).await;
    let last = snapshots.last().expect("a day");
    let kinds: std::collections::BTreeSet<_> = last.records.keys().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds.len(), KINDS.len(), "the story has every kind of record");

    let replayed = annals.replay().await;
    assert!(replayed["tables"].as_array().is_some_and(|tables| !tables.is_empty()));
    remembers(&annals, &snapshots).await;
    annals.restart().await;
    remembers(&annals, &snapshots[..10]).await;
}

// S32
#[tokio::test]
async fn a_contact_dated_back_to_another_account_was_there_then_and_we_did_not_know() {
    let annals = Annals::start_at("2026-01-10T12:00:00Z").await;
    let old = annals.account("Contoso").await.id;
    let new = annals.account("Fornecedora").await.id;
    let bia = annals.contact("Bia", "Silva", account(old)).await.id;
    annals.set_clock("2026-02-10T12:00:00Z");
    let moved = json!({ "contact_id": bia, "parent": account(new), "since": "2026-02-01" });
    annals.accept("ChangeContactParent", moved).await;

    let seen = [
        ("2026-02-05", "recorded", old),
        ("2026-02-05", "effective", new),
        ("2026-01-31", "effective", old),
        ("2026-02-01", "effective", new),
        ("2026-02-09", "recorded", old),
        ("2026-02-10", "recorded", new),
    ];
    for (day, sense, parent) in seen {
        let record = annals.now(&format!("/contacts/{bia}?as_of={day}&sense={sense}")).await;
        assert_eq!(record["parent"], account(parent), "{day} {sense}");
    }
    let people = annals.now(&format!("/contacts?parent={new}&as_of=2026-02-05")).await;
    assert_eq!(people["items"], json!([]), "lists know what was known");
    // The timeline of the new account tells of it, at its place in either time.
    for sense in ["recorded", "effective"] {
        let path = format!("/accounts/{new}/timeline?as_of=2026-02-05&sense={sense}");
        let moved = annals.all(&path).await.iter().any(|e| e["kind"] == "contact.parent_changed");
        assert_eq!(moved, sense == "effective");
    }
}

#[tokio::test]
async fn a_moment_that_is_none_is_refused() {
    let annals = Annals::start_at("2026-03-10T12:00:00Z").await;
    let id = annals.account("Contoso").await.id;
    annals.now("/accounts").await;
    for (query, status, code) in [
        ("as_of=2026-03-11", 422, "as_of.future"),
        ("as_of=2026-03-10T12:00:01Z", 422, "as_of.future"),
        ("as_of=1000000", 422, "as_of.future"),
        ("as_of=2026-03-09", 422, "log_begins"),
        ("as_of=2026-03-10T11:59:59Z", 422, "log_begins"),
        ("as_of=0", 422, "log_begins"),
        ("as_of=2026-02-30", 400, "as_of.invalid"),
        ("as_of=yesterday", 400, "as_of.invalid"),
        ("as_of=2026-03-10T24:00:00Z", 400, "as_of.invalid"),
        ("as_of=99999999999999999999", 400, "as_of.invalid"),
        ("as_of=-1", 400, "as_of.invalid"),
        ("as_of=0226-03-10", 400, "as_of.invalid"),
        ("as_of=2200-01-01", 400, "as_of.invalid"),
        ("as_of=20260310T120000Z", 400, "as_of.invalid"),
        ("as_of=2026-03-10T12:00:00%2B25:00", 400, "as_of.invalid"),
        ("as_of=", 400, "as_of.invalid"),
        ("as_of=3&sense=effective", 400, "as_of.invalid"),
        ("sense=imagined", 422, "parameter.invalid"),
        ("as_of=2026-03-10&as_of=2026-03-10", 400, "parameter.repeated"),
        ("at_least=1000000", 400, "at_least.unknown"),
        ("at_least=soon", 400, "at_least.invalid"),
    ] {
        for path in ["/accounts".to_owned(), format!("/accounts/{id}"), "/pipeline".to_owned()] {
            let expected = match (path.as_str(), query) {
                ("/accounts", "as_of=3&sense=effective") => "sense.unsupported",
                _ => code,
            };
            annals.get(&format!("{path}?{query}")).await.problem(status, expected);
        }
    }
    let before = annals.get("/expected-revenue?as_of=2026-03-09").await;
    let detail = before.problem(422, "log_begins")["detail"].to_string();
    assert!(detail.contains("sense=effective"), "{detail}");
    let effective = annals.get("/accounts?sense=effective").await;
    effective.problem(400, "sense.unsupported");
    for today in ["2026-03-10", "2026-03-10T12:00:00Z"] {
        assert_eq!(
            annals.get(&format!("/accounts/{id}?as_of={today}")).await.ok()["name"],
            "Contoso"
        );
    }
}

#[tokio::test]
async fn business_time_lies_in_the_past_and_is_explained() {
    let annals = Annals::start_at("2026-03-10T12:00:00Z").await;
    let create = json!({ "topic": "Paper", "estimated_value": brl("10.00"), "probability": "50" });
    let send = async |headers: &[(&str, &str)]| {
        annals.post("/commands/CreateOpportunity", headers, &create).await
    };
    let at = "annals-effective-at";
    send(&[(at, "2026-03-10T12:06:00Z")]).await.refused("effective_at.future");
    send(&[(at, "2026-01-01T00:00:00Z")]).await.refused("effective_at.reason_required");
    send(&[(at, "2026-01-01")]).await.problem(400, "effective_at.invalid");
    assert_eq!(annals.now("/opportunities").await["items"], json!([]));

    send(&[(at, "2026-01-01T00:00:00Z"), ("annals-reason", "a forgotten note")]).await.accepted();
    send(&[(at, "2026-02-01T00:00:00Z"), ("annals-channel", "import")]).await.accepted();

    let weighted = async |query: &str| {
        let revenue = annals.now(&format!("/expected-revenue?{query}")).await;
        revenue["totals"][0]["weighted"]["amount"].as_str().unwrap_or("0").to_owned()
    };
    assert_eq!(weighted("as_of=2025-12-30&sense=effective").await, "0");
    assert_eq!(weighted("as_of=2026-01-15&sense=effective").await, "5.00");
    assert_eq!(weighted("as_of=2026-02-15&sense=effective").await, "10.00");
    assert_eq!(weighted("as_of=2026-03-10").await, "10.00");
}
