//! A clock that jumps stops writing until it is right again, or an administrator confirms it.

use serde_json::{Value, json};
use tests::{Annals, Http};

const DECADE: i64 = 10 * 365 * 24 * 60;
const NOON: &str = "2026-03-10T12:00:00Z";

/// What the service that takes commands says of itself.
async fn readiness(annals: &Annals) -> tests::Answer {
    Http::new(annals.commands_url(), "").get("/readyz").await
}

/// Demands that no command is taken, and that everything else goes on.
async fn doubted(annals: &Annals, account: uuid::Uuid) {
    let answer = annals.command("CreateAccount", json!({ "name": "Fabrikam" })).await;
    let problem = answer.problem(503, "clock.jumped");
    assert!(answer.header("retry-after").is_some());
    assert!(problem["detail"].as_str().expect("a detail").contains("ConfirmClock"), "{problem}");
    let list = json!([{ "id": uuid::Uuid::from_u128(7), "type": "CreateAccount", "data": { "name": "Fabrikam" } }]);
    let answers = annals.post("/commands", &[], &list).await.ok();
    assert_eq!(answers[0]["problem"]["code"], "clock.jumped", "{answers}");
    let ready = readiness(annals).await;
    assert_eq!(ready.status, 503, "{}", ready.text());
    assert_eq!(ready.json()["clock"]["code"], "clock.jumped");
    assert_eq!(annals.get(&format!("/accounts/{account}")).await.ok()["name"], "Contoso");
}

async fn organization(annals: &Annals) -> Value {
    annals.get("/organization").await.ok()["id"].clone()
}

async fn recorded(annals: &Annals, position: &str) -> String {
    let after = position.parse::<u64>().expect("a position") - 1;
    let line = annals.get(&format!("/events?after={after}&limit=1")).await.text();
    let event: Value = serde_json::from_str(line.lines().next().expect("an event")).expect("JSON");
    event["recordedtime"].as_str().expect("a time").to_owned()
}

#[tokio::test]
async fn a_clock_that_jumps_stops_writing_until_it_is_right_again() {
    let annals = Annals::start_at(NOON).await;
    let account = annals.accept("CreateAccount", json!({ "name": "Contoso" })).await;
    annals.see(&format!("/accounts/{}", account.id), &account.position).await;
    for minutes in [6, DECADE, -6, -60] {
        annals.jump_clock(minutes);
        doubted(&annals, account.id).await;
    }
    annals.jump_clock(5);
    let taken = annals.accept("CreateAccount", json!({ "name": "Fabrikam" })).await;
    assert_eq!(recorded(&annals, &taken.position).await, "2026-03-10T12:05:00Z");
    assert_eq!(readiness(&annals).await.status, 200);
    // Time that passes is no jump, however much of it.
    annals.set_clock("2028-01-01T12:00:00Z");
    annals.accept("CreateAccount", json!({ "name": "Norte" })).await;
}

#[tokio::test]
async fn an_administrator_confirms_a_clock_that_jumped() {
    let mut annals = Annals::start_at(NOON).await;
    let account = annals.accept("CreateAccount", json!({ "name": "Contoso" })).await;
    annals.see(&format!("/accounts/{}", account.id), &account.position).await;
    let id = organization(&annals).await;
    let confirm = |time: &str| json!({ "organization_id": id, "time": time });
    // Nothing to confirm.
    annals.accept("ConfirmClock", confirm(NOON)).await;

    annals.jump_clock(600);
    doubted(&annals, account.id).await;
    for wrong in [NOON, "2026-03-10T22:06:00Z", "2026-03-10T21:54:00Z"] {
        annals.command("ConfirmClock", confirm(wrong)).await.refused("clock.not_shown");
    }
    let other =
        json!({ "organization_id": uuid::Uuid::from_u128(9), "time": "2026-03-10T22:00:00Z" });
    annals.command("ConfirmClock", other).await.problem(404, "record.not_found");
    let confirmed = annals.accept("ConfirmClock", confirm("2026-03-10T22:02:00Z")).await;
    let after = confirmed.position.parse::<u64>().unwrap() - 1;
    let told: Value = serde_json::from_str(
        annals.get(&format!("/events?after={after}&limit=1")).await.text().trim(),
    )
    .unwrap();
    assert_eq!(told["type"], "organization.clock_confirmed");
    assert_eq!(
        told["data"]["data"],
        json!({ "from": "2026-03-10T12:00:00Z", "to": "2026-03-10T22:00:00Z" })
    );
    let taken = annals.accept("CreateAccount", json!({ "name": "Fabrikam" })).await;
    assert_eq!(recorded(&annals, &taken.position).await, "2026-03-10T22:00:00Z");
    annals.restart().await;
    annals.accept("CreateAccount", json!({ "name": "Norte" })).await;
}

#[tokio::test]
async fn a_start_long_after_the_last_event_waits_for_a_word() {
    let mut annals = Annals::start_at(NOON).await;
    let account = annals.accept("CreateAccount", json!({ "name": "Contoso" })).await;
    annals.see(&format!("/accounts/{}", account.id), &account.position).await;
    let id = organization(&annals).await;
    annals.stop().await;
    // A long silence is no jump.
    annals.set_clock("2027-03-01T12:00:00Z");
    annals.restart().await;
    annals.accept("CreateAccount", json!({ "name": "Norte" })).await;
    annals.stop().await;
    annals.set_clock("2029-03-01T12:00:00Z");
    annals.restart().await;
    doubted(&annals, account.id).await;
    let confirm = json!({ "organization_id": id, "time": "2029-03-01T12:00:00Z" });
    annals.accept("ConfirmClock", confirm).await;
    annals.accept("CreateAccount", json!({ "name": "Sul" })).await;
}

#[tokio::test]
async fn only_an_administrator_confirms_the_clock() {
    let annals = Annals::start_at(NOON).await;
    let user = annals.user("Bia").await;
    let (_, token) = annals.token_for(user, &["read", "write", "audit"]).await;
    let id = organization(&annals).await;
    let confirm = json!({ "organization_id": id, "time": NOON });
    let http = annals.with_token(Some(&token));
    http.command("ConfirmClock", confirm).await.problem(403, "access.denied");
}

#[tokio::test]
async fn an_act_of_administration_is_dated_as_a_clock_that_jumped_should_show() {
    let annals = Annals::start_at(NOON).await;
    let account = annals.accept("CreateAccount", json!({ "name": "Contoso" })).await;
    annals.see(&format!("/accounts/{}", account.id), &account.position).await;
    for minutes in [DECADE, -60] {
        annals.jump_clock(minutes);
        annals.replay().await;
    }
    annals.jump_clock(0);
    let acts = annals.feed("category=administration").await;
    let times: Vec<_> = acts.iter().map(|act| &act["recordedtime"]).collect();
    assert_eq!(times, [NOON, NOON], "{acts:?}");
    let taken = annals.accept("CreateAccount", json!({ "name": "Fabrikam" })).await;
    assert_eq!(recorded(&annals, &taken.position).await, NOON);
}
