//! What sales are worth: counted once a chain, as of any moment, to the cent.

use serde_json::{Value, json};
use tests::{Annals, Http, account, brl, user};
use uuid::Uuid;

/// One sum of an answer, as it is written.
fn sum<'a>(revenue: &'a Value, currency: &str, measure: &str) -> &'a str {
    let totals = revenue["totals"].as_array().expect("totals");
    let line = totals.iter().find(|line| line["currency"] == currency);
    line.and_then(|line| line[measure]["amount"].as_str()).unwrap_or("none")
}

async fn in_dollars(http: &Http, customer: Uuid) -> Uuid {
    let body = json!({
        "topic": "Abroad", "customer": account(customer), "currency": "USD", "probability": "50",
        "estimated_value": { "amount": "20000.00", "currency": "USD" },
    });
    http.accept("CreateOpportunity", body).await.id
}

// S14
#[tokio::test]
async fn a_sale_is_counted_once_at_its_furthest_and_never_across_currencies() {
    let annals = Annals::start().await;
    let contoso = annals.account("Contoso").await.id;
    annals.deal(account(contoso), "100000.00", "40", "2027-06-30").await;
    let abroad = in_dollars(&annals, contoso).await;
    let start = json!({ "customer": account(contoso), "opportunity": abroad });
    let quote = annals.active_quote(start, "18000.00").await;
    let order = annals.active_quote(json!({ "customer": account(contoso) }), "30000.00").await;
    annals.accept("AcceptQuote", json!({ "quote_id": order })).await;
    let lost = annals.deal(account(contoso), "7000.00", "90", "2027-06-30").await.id;
    let lose = json!({ "opportunity_id": lost, "status_reason": "Canceled" });
    annals.accept("LoseOpportunity", lose).await;

    let path = format!("/accounts/{contoso}/expected-revenue");
    let before = annals.now(&path).await;
    for (currency, open, weighted, booked, expected) in [
        ("BRL", "100000.00", "40000.00", "30000.00", "70000.00"),
        ("USD", "18000.00", "9000.00", "0.00", "9000.00"),
    ] {
        assert_eq!(sum(&before, currency, "open_amount"), open);
        assert_eq!(sum(&before, currency, "weighted"), weighted);
        assert_eq!(sum(&before, currency, "booked"), booked);
        assert_eq!(sum(&before, currency, "expected"), expected);
    }
    assert_eq!(before["totals"][0]["lost_count"], 1);

    let accept = json!({ "quote_id": quote, "close_opportunity": "won" });
    annals.accept("AcceptQuote", accept).await;
    let after = annals.now(&path).await;
    assert_eq!(sum(&after, "BRL", "expected"), "70000.00");
    for (measure, amount) in [
        ("open_amount", "0.00"),
        ("weighted", "0.00"),
        ("booked", "18000.00"),
        ("expected", "18000.00"),
    ] {
        assert_eq!(sum(&after, "USD", measure), amount, "{measure}");
    }
    assert_eq!(sum(&after, "USD", "won_amount"), "18000.00");
    let everything = annals.now("/expected-revenue").await;
    assert_eq!(everything["totals"], after["totals"]);
}

async fn quarters(http: &Http, as_of: &str) -> Vec<(String, String)> {
    let revenue = http.now(&format!("/expected-revenue?by=quarter&as_of={as_of}")).await;
    let items = revenue["items"].as_array().expect("items").iter();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    items.map(|line| (text(&line["group"]["from"]), text(&line["weighted"]["amount"]))).collect()
}

fn forecast(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(from, sum)| ((*from).to_owned(), (*sum).to_owned())).collect()
}

// S15
#[tokio::test]
async fn a_forecast_of_a_past_day_stays_what_it_was() {
    let annals = Annals::start_at("2026-03-10T12:00:00Z").await;
    let first = annals.deal(Value::Null, "100000.00", "20", "2026-06-30").await.id;
    annals.deal(Value::Null, "100000.00", "50", "2026-05-31").await;
    let likely = |percent: &str| json!({ "opportunity_id": first, "probability": percent });
    annals.set_clock("2026-03-25T12:00:00Z");
    annals.accept("ChangeOpportunityProbability", likely("40")).await;
    annals.set_clock("2026-04-05T12:00:00Z");
    let estimate = json!({ "opportunity_id": first, "estimated_value": brl("80000.00") });
    annals.accept("ChangeOpportunityEstimate", estimate).await;
    annals.accept("ChangeOpportunityProbability", likely("60")).await;
    annals.set_clock("2026-04-12T12:00:00Z");
    let slip = json!({ "opportunity_id": first, "estimated_close_date": "2026-07-15" });
    annals.accept("MoveCloseDate", slip).await;
    annals.set_clock("2026-05-20T12:00:00Z");
    let known = [
        ("2026-03-10", forecast(&[("2026-04-01", "70000.00")])),
        ("2026-03-31", forecast(&[("2026-04-01", "90000.00")])),
        ("2026-04-08", forecast(&[("2026-04-01", "98000.00")])),
        ("2026-04-15", forecast(&[("2026-04-01", "50000.00"), ("2026-07-01", "48000.00")])),
    ];
    for (day, expected) in &known {
        assert_eq!(quarters(&annals, day).await, *expected, "{day}");
    }

    annals.accept("WinOpportunity", json!({ "opportunity_id": first })).await;
    annals.deal(Value::Null, "5000.00", "50", "2026-05-31").await;

    for (day, expected) in &known {
        assert_eq!(quarters(&annals, day).await, *expected, "{day}, asked again later");
    }
    let too_early = annals.get("/expected-revenue?as_of=2026-03-09").await;
    too_early.problem(422, "log_begins");
}

#[tokio::test]
async fn what_is_weighted_is_added_up_exactly_and_rounded_once() {
    let annals = Annals::start().await;
    let contoso = annals.account("Contoso").await.id;
    for _ in 0..4 {
        // A third of 10 cents: each rounded alone would make 12 in all.
        annals.deal(account(contoso), "0.10", "33.3333", "2027-06-30").await;
    }
    for by in ["none", "account", "owner", "quarter", "month", "stage", "state", "product"] {
        let revenue = annals.now(&format!("/expected-revenue?by={by}")).await;
        for line in [&revenue["items"][0], &revenue["totals"][0]] {
            assert_eq!(line["weighted"], brl("0.13"), "{by}");
            assert_eq!(line["expected"], brl("0.13"), "{by}");
        }
    }
}

#[tokio::test]
async fn a_deal_that_was_won_before_it_was_entered_counts_from_its_close_date() {
    let annals = Annals::start_at("2026-05-01T12:00:00Z").await;
    let deal = annals.deal(Value::Null, "1000.00", "50", "2026-06-30").await.id;
    let entered = annals.head().await;
    let win = json!({
        "opportunity_id": deal, "actual_value": brl("900.00"), "close_date": "2026-03-22",
    });
    annals.accept("WinOpportunity", win).await;

    for (day, won) in [("2026-03-21", 0), ("2026-03-22", 1), ("2026-04-01", 1), ("2026-05-01", 1)] {
        let path = format!("/expected-revenue?as_of={day}&sense=effective");
        let revenue = annals.now(&path).await;
        let total = &revenue["totals"][0];
        assert_eq!(total["won_count"].as_u64().unwrap_or(0), won, "{day}");
        assert_eq!(sum(&revenue, "BRL", "open_amount"), if won == 0 { "none" } else { "0.00" });
        let path = format!("/opportunities/{deal}?as_of={day}&sense=effective");
        let record = annals.get(&path).await;
        if won == 0 {
            record.problem(404, "record.not_found");
        } else {
            assert_eq!(record.ok()["state"], "Won", "{day}");
        }
    }
    let known = annals.now(&format!("/expected-revenue?as_of={entered}")).await;
    assert_eq!(sum(&known, "BRL", "open_amount"), "1000.00", "what was known stays");
    let early = annals.get(&format!("/opportunities/{deal}?as_of=2026-04-01")).await;
    early.problem(422, "log_begins");
}

// S30
#[tokio::test]
async fn revenue_of_yesterday_stays_with_whom_it_was() {
    let annals = Annals::start_at("2026-03-10T12:00:00Z").await;
    let (ana, http) = annals.as_user("Ana").await;
    let (caro, _) = annals.as_user("Caro").await;
    let deal = http.deal(Value::Null, "1000.00", "50", "2026-06-30").await.id;
    annals.set_clock("2026-03-11T12:00:00Z");
    let assign = json!({ "record": { "type": "opportunity", "id": deal }, "owner": user(caro) });
    annals.accept("AssignOwner", assign).await;

    for (day, owner) in [("2026-03-10", ana), ("2026-03-11", caro)] {
        let revenue = annals.now(&format!("/expected-revenue?by=owner&as_of={day}")).await;
        assert_eq!(revenue["items"].as_array().map(Vec::len), Some(1), "{revenue}");
        assert_eq!(revenue["items"][0]["group"]["id"], json!(owner), "{day}");
        assert_eq!(revenue["items"][0]["weighted"], brl("500.00"));
    }
}
