//! A question straight after a command sees it, and whoever waits is in nobody's way.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::{Annals, Http, account, brl, texts};

/// The most followers, each with a connection of its own.
const FOLLOWERS: usize = 2_000;
/// How many of them come at once: whoever waits in the backlog of a listener waits for long.
const CHUNK: usize = 100;
/// No question may take longer because somebody waits.
const AT_ONCE: Duration = Duration::from_secs(2);

fn number(answer: &tests::Answer, name: &str) -> u64 {
    answer.header(name).and_then(|text| text.parse().ok()).expect("a position")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_just_written_is_seen_by_the_next_question() {
    let annals = Annals::start().await;
    for round in 0..300 {
        let made = annals.account(&format!("Account {round}")).await;
        let answer = annals.get(&format!("/accounts/{}", made.id)).await;
        assert_eq!(answer.status, 200, "round {round}: {}", answer.text());
        let position: u64 = made.position.parse().expect("a number");
        let (held, head) = (number(&answer, "annals-position"), number(&answer, "annals-head"));
        assert!(held >= position, "round {round}: {held} where {position} was written");
        assert!(head >= held, "round {round}: {held} of a log that ends at {head}");
    }
    let listed = annals.get("/accounts?limit=1&sort=-id").await;
    assert_eq!(number(&listed, "annals-position"), number(&listed, "annals-head"));
    let stale = annals.get("/accounts?limit=1&fresh=false").await;
    assert!(number(&stale, "annals-position") <= number(&stale, "annals-head"));
    annals.get("/accounts?fresh=soon").await.problem(422, "parameter.invalid");
}

/// The walk-through of the README: a question straight after each command, and no waiting.
#[tokio::test(flavor = "multi_thread")]
async fn the_walk_through_is_answered_at_once() {
    let annals = Annals::start().await;
    let contoso = annals.account("Contoso").await.id;
    let shown = annals.get(&format!("/accounts/{contoso}")).await.ok();
    assert_eq!(shown["name"], "Contoso");
    let bia = annals.contact("Bia", "Quintela", account(contoso)).await.id;
    assert_eq!(annals.get(&format!("/contacts/{bia}")).await.ok()["last_name"], "Quintela");
    let primary = json!({ "account_id": contoso, "contact": bia });
    annals.accept("SetPrimaryContact", primary).await;
    let shown = annals.get(&format!("/accounts/{contoso}")).await.ok();
    assert_eq!(
        shown["primary_contact"]["id"].as_str().or(shown["primary_contact"].as_str()),
        Some(bia.to_string().as_str()),
        "{shown}"
    );
    let deal = annals.deal(account(contoso), "2000.00", "40", "2199-01-31").await.id;
    let revenue = annals.get("/expected-revenue?by=account").await.ok();
    assert_eq!(revenue["items"][0]["expected"], brl("800.00"), "{revenue}");

    let quote = annals.accept("StartQuote", json!({ "opportunity": deal })).await.id;
    let line = json!({
        "quote_id": quote, "product": "Chair", "quantity": "10", "unit_price": "150.00",
    });
    annals.accept("AddQuoteLine", line).await;
    let shown = annals.get(&format!("/quotes/{quote}")).await.ok();
    assert_eq!(shown["state"], "Draft", "{shown}");
    annals.accept("ActivateQuote", json!({ "quote_id": quote })).await;
    let won = json!({ "quote_id": quote, "close_opportunity": "won" });
    annals.accept("AcceptQuote", won).await;
    let sales = annals.get(&format!("/accounts/{contoso}/sales")).await.ok();
    assert_eq!(sales["items"][0]["furthest"], "order", "{sales}");
    let again = json!({ "quote_id": quote, "actual_value": brl("1.00") });
    annals.command("AcceptQuote", again).await.refused("quote.not_active");
    let attempts = annals.get("/attempts").await.ok();
    assert_eq!(attempts["items"][0]["code"], "quote.not_active", "{attempts}");
    let timeline = annals.get(&format!("/accounts/{contoso}/timeline")).await.ok();
    assert!(texts(&timeline, "/kind").contains(&"opportunity.won".to_owned()), "{timeline}");
    let history = annals.get(&format!("/quotes/{quote}/history")).await.ok();
    assert_eq!(texts(&history, "/type").first().map(String::as_str), Some("quote.started"));
}

/// How many followers this process has file handles for: each takes two, where both ends are here.
fn followers() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").expect("the limits of this process");
    let line = limits.lines().find(|line| line.starts_with("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().nth(3));
    let soft: usize = soft.and_then(|soft| soft.parse().ok()).unwrap_or(1_024);
    FOLLOWERS.min(soft.saturating_sub(400) / 2)
}

/// The slowest of fifty questions.
async fn slowest(http: &Http) -> Duration {
    let mut slowest = Duration::ZERO;
    for _ in 0..50 {
        let begun = Instant::now();
        http.get("/accounts?limit=1").await.ok();
        slowest = slowest.max(begun.elapsed());
    }
    slowest
}

#[tokio::test(flavor = "multi_thread")]
async fn followers_at_the_end_of_the_log_are_in_nobodys_way() {
    let annals = Annals::start().await;
    annals.account("Contoso").await;
    annals.get("/accounts").await.ok();
    let head = annals.head().await;
    let path = format!("/events?after={head}&wait=true");
    let mut following = Vec::new();
    for _ in 0..followers().div_ceil(CHUNK) {
        for _ in 0..CHUNK {
            let (http, path) = (annals.http().clone(), path.clone());
            following.push(tokio::spawn(async move { http.get(&path).await }));
        }
        let took = slowest(annals.http()).await;
        assert!(took < AT_ONCE, "{took:?} beside {} followers", following.len());
    }
    // All of them are told of the next event, and of nothing before it.
    annals.account("Fabrikam").await;
    let mut told = 0;
    for follower in following {
        let answer = follower.await.expect("it is answered");
        assert_eq!(answer.status, 200, "{}", answer.text());
        let lines: Vec<Value> = answer
            .text()
            .lines()
            .map(|line| serde_json::from_str(line).expect("a line of JSON"))
            .collect();
        // One whose patience came to its end just before is told that there was nothing.
        assert!(lines.iter().all(|line| line["type"] == "account.created"), "{lines:?}");
        told += lines.len();
    }
    assert!(told > 0, "nobody was told");
}
