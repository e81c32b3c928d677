//! Accounts, contacts, connections and notes.

use serde_json::{Value, json};
use tests::{Annals, Http, account, contact, opportunity, texts, user};
use uuid::Uuid;

const IF_MATCH: &str = "if-match";

#[tokio::test]
async fn a_new_account_is_there_for_whoever_asks_with_its_position() {
    let annals = Annals::start().await;
    let contoso = annals.account("Contoso").await;

    let seen = annals.see(&format!("/accounts/{}", contoso.id), &contoso.position).await;

    assert_eq!(seen["name"], "Contoso", "{seen}");
    assert_eq!(seen["version"], 1);
}

// S01
#[tokio::test]
async fn a_company_has_its_people_and_everything_has_an_owner() {
    let annals = Annals::start().await;
    let (ana, http) = annals.as_user("Ana").await;
    let contoso = http.account("Contoso").await.id;
    let supplier = http.account("Fornecedora").await.id;
    let create = |first, kind, parent| {
        let body =
            json!({ "first_name": first, "last_name": "Silva", "kind": kind, "parent": parent });
        http.accept("CreateContact", body)
    };
    let bia = create("Bia", "Employee", account(contoso)).await.id;
    let caio = create("Caio", "Consumer", Value::Null).await.id;
    let davi = create("Davi", "Supplier", account(supplier)).await.id;

    let people = http.all(&format!("/contacts?parent={contoso}")).await;
    assert_eq!(texts(&json!(people), "/id"), [bia.to_string()]);
    let quote = http.accept("StartQuote", json!({ "customer": contact(caio) })).await;
    let quote = http.see(&format!("/quotes/{}", quote.id), &quote.position).await;
    assert_eq!(quote["customer"], contact(caio));
    let records =
        [("accounts", contoso), ("contacts", bia), ("contacts", caio), ("contacts", davi)];
    for (kind, id) in records {
        let record = http.now(&format!("/{kind}/{id}")).await;
        assert_eq!(record["owner"], user(ana), "{record}");
        let timeline = http.all(&format!("/{kind}/{id}/timeline")).await;
        let first = timeline.last().expect("an entry");
        let created = format!("{}.created", kind.trim_end_matches('s'));
        assert_eq!((&first["kind"], &first["record"]["id"]), (&json!(created), &json!(id)));
        assert_eq!(first["actor"]["name"], "Ana");
    }
    let owner = http.now(&format!("/users/{ana}")).await;
    assert_eq!(owner["office"], "South");
}

fn set_primary(account: Uuid, contact: Uuid, replace: bool) -> Value {
    json!({ "account_id": account, "contact": contact, "replace": replace })
}

async fn version(http: &Http, path: &str) -> u64 {
    http.now(path).await["version"].as_u64().expect("a version")
}

// S02
#[tokio::test]
async fn an_account_never_has_two_primary_contacts() {
    let annals = Annals::start().await;
    let contoso = annals.account("Contoso").await.id;
    let supplier = annals.account("Fornecedora").await.id;
    let bia = annals.contact("Bia", "Silva", account(contoso)).await.id;
    let eva = annals.contact("Eva", "Souza", account(contoso)).await.id;
    let davi = annals.contact("Davi", "Lima", account(supplier)).await.id;
    annals.accept("SetPrimaryContact", set_primary(contoso, bia, false)).await;

    let second = annals.command("SetPrimaryContact", set_primary(contoso, eva, false)).await;
    let problem = second.refused("account.primary_contact_exists");
    assert_eq!(problem["params"]["current"], json!(bia));
    annals.accept("SetPrimaryContact", set_primary(contoso, eva, true)).await;
    let foreign = annals.command("SetPrimaryContact", set_primary(contoso, davi, true)).await;
    foreign.refused("account.contact_not_associated");

    let path = format!("/accounts/{contoso}");
    let history = annals.history(&path).await;
    let replaced = history.last().expect("an event");
    assert_eq!(replaced["type"], "account.primary_contact_replaced");
    assert_eq!((&replaced["data"]["old"], &replaced["data"]["new"]), (&json!(bia), &json!(eva)));

    let leaves = json!({ "contact_id": eva, "parent": account(supplier) });
    annals.accept("ChangeContactParent", leaves).await;
    let history = annals.history(&path).await;
    let cleared = history.last().expect("an event");
    assert_eq!(cleared["type"], "account.primary_contact_cleared");
    assert_eq!(cleared["data"], json!({ "contact": eva, "cause": "contact_left" }));
    assert_eq!(cleared["channel"], "process");

    let mut seen = Vec::new();
    for event in &history {
        let position = event["position"].as_str().expect("a position");
        let then = annals.get(&format!("{path}?as_of={position}")).await.ok();
        seen.push(then["primary_contact"].clone());
    }
    assert_eq!(seen, [Value::Null, json!(bia), json!(eva), Value::Null]);
}

// S02
#[tokio::test]
async fn of_two_who_replace_the_primary_contact_at_once_one_gets_a_conflict() {
    let annals = Annals::start().await;
    let contoso = annals.account("Contoso").await.id;
    let mut people = Vec::new();
    for name in ["Bia", "Eva", "Gil"] {
        people.push(annals.contact(name, "Silva", account(contoso)).await.id);
    }
    annals.accept("SetPrimaryContact", set_primary(contoso, people[0], false)).await;
    let seen = version(&annals, &format!("/accounts/{contoso}")).await;
    let etag = format!("\"{seen}\"");
    let headers = [(IF_MATCH, etag.as_str())];
    let bodies = [set_primary(contoso, people[1], true), set_primary(contoso, people[2], true)];

    let (one, other) = tokio::join!(
        annals.post("/commands/SetPrimaryContact", &headers, &bodies[0]),
        annals.post("/commands/SetPrimaryContact", &headers, &bodies[1]),
    );

    let (winner, loser) = if one.status == 200 { (one, other) } else { (other, one) };
    assert_eq!(winner.accepted().version, seen + 1);
    let problem = loser.problem(412, "record.version_conflict");
    assert_eq!(problem["params"], json!({ "expected": seen, "actual": seen + 1 }));
}

struct Roles {
    supplier: Uuid,
    doctor: Uuid,
}

async fn roles(http: &Http) -> Roles {
    let define = |name: &str, applies_to: Value, matching: Value| {
        let body = json!({
            "name": name, "category": "Business", "applies_to": applies_to, "matching": matching,
        });
        http.accept("DefineConnectionRole", body)
    };
    let supplier = define("Supplier", json!(["account"]), json!([])).await.id;
    let buyer = define("Buyer", json!(["account"]), json!([supplier])).await.id;
    let matching = json!({ "connection_role_id": supplier, "matching": [buyer] });
    http.accept("ChangeConnectionRole", matching).await;
    let doctor = define("Doctor", json!(["contact"]), json!([])).await.id;
    Roles { supplier, doctor }
}

// S05
#[tokio::test]
async fn a_relationship_shows_the_roles_of_both_sides() {
    let annals = Annals::start_at("2026-02-01T12:00:00Z").await;
    let (contoso, supplier) =
        (annals.account("Contoso").await.id, annals.account("Fornecedora").await.id);
    let roles = roles(&annals).await;
    let relate = json!({
        "a": account(contoso), "b": account(supplier), "role_b": roles.supplier,
        "description_a": "buys paper", "description_b": "delivers on Mondays",
        "start": "2026-01-01",
    });
    let connection = annals.accept("RelateRecords", relate.clone()).await.id;

    let own = annals.now(&format!("/accounts/{contoso}/connections")).await;
    let own = &own["items"][0];
    assert_eq!(
        (&own["role"]["name"], &own["description"]),
        (&json!("Buyer"), &json!("buys paper"))
    );
    let other = &own["other"];
    assert_eq!(
        (&other["name"], &other["role"]["name"]),
        (&json!("Fornecedora"), &json!("Supplier"))
    );
    let theirs = annals.now(&format!("/accounts/{supplier}/connections")).await;
    let theirs = &theirs["items"][0];
    assert_eq!(theirs["description"], "delivers on Mondays");
    let other = &theirs["other"];
    assert_eq!((&other["name"], &other["role"]["name"]), (&json!("Contoso"), &json!("Buyer")));

    annals.command("RelateRecords", relate).await.refused("connection.exists");
    let itself = json!({ "a": account(contoso), "b": account(contoso) });
    annals.command("RelateRecords", itself).await.refused("connection.self");
    let third = annals.account("Terceira").await.id;
    let backwards = json!({
        "a": account(contoso), "b": account(third), "start": "2026-01-01", "end": "2025-12-31",
    });
    annals.command("RelateRecords", backwards).await.refused("connection.dates");
    let doctor = json!({ "a": account(contoso), "b": account(third), "role_b": roles.doctor });
    annals.command("RelateRecords", doctor).await.refused("connection.role_type");

    annals.set_clock("2026-07-15T12:00:00Z");
    let end = json!({ "connection_id": connection, "end": "2026-06-30" });
    annals.accept("EndConnection", end).await;
    let path = format!("/accounts/{contoso}/connections?sense=effective");
    let then = annals.now(&format!("{path}&as_of=2026-03-01")).await;
    assert_eq!(texts(&then, "/id"), [connection.to_string()]);
    assert_eq!(annals.now(&path).await["items"], json!([]));
}

// S06
#[tokio::test]
async fn a_role_on_an_opportunity_is_seen_on_the_person_the_deal_and_the_account() {
    let annals = Annals::start().await;
    let contoso = annals.account("Contoso").await.id;
    let bia = annals.contact("Bia", "Silva", account(contoso)).await.id;
    let deal = annals.deal(account(contoso), "1000.00", "40", "2026-12-31").await.id;
    let role = json!({
        "name": "Decision maker", "category": "Stakeholder", "applies_to": ["contact"],
    });
    let role = annals.accept("DefineConnectionRole", role).await.id;
    let relate = json!({ "a": contact(bia), "role_a": role, "b": opportunity(deal) });

    annals.accept("RelateRecords", relate).await;

    let subjects = [("contacts", bia), ("opportunities", deal), ("accounts", contoso)];
    for (kind, id) in subjects {
        let timeline = annals.all(&format!("/{kind}/{id}/timeline")).await;
        assert_eq!(timeline[0]["kind"], "connection.established", "{kind}");
    }
    let seen = annals.now(&format!("/opportunities/{deal}/connections")).await;
    assert_eq!(seen["items"][0]["other"]["role"]["name"], "Decision maker");
    assert_eq!(seen["items"][0]["other"]["name"], "Bia Silva");
}
