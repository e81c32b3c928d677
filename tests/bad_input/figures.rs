//! 3.4: money, numbers and time.

use serde_json::{Value, json};
use tests::brl;

use crate::{
    row::{Ask, Row, Steps, command, create, get, post, row},
    world::{DEAL, OTHER, QUOTE, World},
};

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = money();
    rows.extend(days());
    rows.extend(instants());
    rows
}

/// A new account with that revenue.
fn revenue(amount: impl Into<Value>, currency: &str) -> Ask {
    let revenue = json!({ "amount": amount.into(), "currency": currency });
    create(json!({ "name": "A", "annual_revenue": revenue }).to_string())
}

/// A new deal with that field.
fn deal(field: &str, value: impl Into<Value>) -> Ask {
    let mut body = json!({ "topic": "Paper" });
    body[field] = value.into();
    command("CreateOpportunity", body.to_string())
}

fn money() -> Vec<Row> {
    let wrong =
        |amount: &str| revenue(amount, "BRL").told(422, "command.invalid", "/annual_revenue");
    let line = |quantity: &str, price: &str| {
        let body = json!({ "quote_id": QUOTE, "product": "Chair", "quantity": quantity, "unit_price": price });
        command("AddQuoteLine", body.to_string())
    };
    vec![
        row(58, "amounts out of range").asks([
            wrong("9223372036854775807"),
            wrong("9223372036854775808"),
            wrong("10000000000000.01"),
            wrong("-10000000000000.01"),
            wrong(&"9".repeat(400)),
            revenue("10000000000000.00", "BRL"),
            deal("estimated_value", brl("-0.01")).refused(422, "document.negative_amount"),
            deal("estimated_value", brl("-1")).refused(422, "document.negative_amount"),
        ]),
        row(59, "amounts of another form").asks([
            revenue("1000.5", "JPY").invalid(),
            revenue("1.001", "USD").invalid(),
            revenue("1.0000", "BHD").invalid(),
            wrong("1,000.00"),
            wrong("1.000,00"),
            wrong("1e3"),
            wrong("0x10"),
            wrong(" 1"),
            wrong("1."),
            wrong(".5"),
            wrong("+1"),
            wrong("--1"),
            wrong("\u{ff15}"),
            wrong("\u{661}"),
            wrong("NaN"),
            wrong("Infinity"),
            wrong(""),
            revenue(12.34, "BRL").invalid(),
            revenue(12, "BRL").invalid(),
            revenue(Value::Null, "BRL").invalid(),
        ]),
        row(60, "probabilities").asks([
            deal("probability", "101").told(422, "command.invalid", "/probability"),
            deal("probability", "-1").told(422, "command.invalid", "/probability"),
            deal("probability", "100.0001").told(422, "command.invalid", "/probability"),
            deal("probability", "0.00001").told(422, "command.invalid", "/probability"),
            deal("probability", "forty").told(422, "command.invalid", "/probability"),
            deal("probability", "40%").told(422, "command.invalid", "/probability"),
            deal("probability", 40).told(422, "command.invalid", "/probability"),
            deal("probability", 0.5).told(422, "command.invalid", "/probability"),
            deal("probability", "0.5"),
        ]),
        row(61, "many of the largest").journey(largest),
        row(62, "several currencies").journey(several_currencies),
        row(63, "discounts").journey(discounts),
        row(64, "a product beyond the limit").asks([
            line("10000000000000", "10000000000000").invalid(),
            line("92233720368547", "92233720368547").invalid(),
            // A draft may say anything; it is priced when it becomes an offer.
            line("9999999999", "9999999999"),
            get(format!("/quotes/{QUOTE}")).with("Draft"),
            command("ActivateQuote", json!({ "quote_id": QUOTE }).to_string())
                .refused(422, "quote.pricing_error"),
        ]),
    ]
}

/// A thousand deals of the largest amount: more than sixty-four bits hold as cents.
fn largest(world: &World) -> Steps<'_> {
    Box::pin(async move {
        let most = json!({ "amount": "1000000000000000", "currency": "JPY" });
        for _ in 0..10 {
            let data = json!({
                "topic": "Most", "customer": { "type": "account", "id": OTHER },
                "estimated_value": most, "probability": "100", "estimated_close_date": "2199-12-31",
            });
            let item = json!({ "type": "CreateOpportunity", "data": data });
            let items = world.annals.post("/commands", &[], &Value::Array(vec![item; 1_000])).await;
            let items = items.ok();
            let items = items.as_array().expect("a list");
            assert!(items.iter().all(|item| item["status"] == "accepted"), "{}", items[0]);
        }
        world.annals.settled().await;
        let sums = world.annals.get("/expected-revenue?currency=JPY").await.ok();
        assert!(sums.to_string().contains("\"10000000000000000000\""), "{sums}");
    })
}

/// Sums are by currency.
fn several_currencies(world: &World) -> Steps<'_> {
    Box::pin(async move {
        let annals = &world.annals;
        let customer = annals.account("Several").await.id;
        for (amount, currency) in
            [("10.00", "BRL"), ("20.00", "USD"), ("30", "JPY"), ("1.00", "BRL")]
        {
            let body = json!({
                "topic": "Paper", "customer": tests::account(customer), "probability": "100",
                "estimated_value": { "amount": amount, "currency": currency },
            });
            annals.accept("CreateOpportunity", body).await;
        }
        let sums = annals.now(&format!("/accounts/{customer}/expected-revenue")).await.to_string();
        for sum in ["\"11.00\"", "\"20.00\"", "\"30\""] {
            assert!(sums.contains(sum), "{sums}");
        }
        for added in ["61.00", "41.00", "31.00"] {
            assert!(!sums.contains(added), "{sums}");
        }
    })
}

/// All of it may be taken off, and no more.
fn discounts(world: &World) -> Steps<'_> {
    Box::pin(async move {
        let annals = &world.annals;
        let set = |percent: &str| {
            let body = json!({ "quote_id": QUOTE, "discount": { "percent": percent } });
            annals.command("SetQuoteDiscount", body)
        };
        set("100").await.accepted();
        let head = annals.head().await;
        for percent in ["100.01", "-1", "1000", "100%", ""] {
            set(percent).await.problem(422, "command.invalid");
        }
        assert_eq!(annals.head().await, head);
        let body = json!({ "quote_id": QUOTE, "discount": null });
        annals.accept("SetQuoteDiscount", body).await;
    })
}

fn days() -> Vec<Row> {
    let field = "estimated_close_date";
    let wrong = |day: &str| deal(field, day).told(422, "command.invalid", "/estimated_close_date");
    vec![row(65, "days").asks([
        wrong("2025-02-29"),
        wrong("2024-02-30"),
        wrong("2100-02-29"),
        wrong("2026-04-31"),
        wrong("2026-13-01"),
        wrong("2026-00-10"),
        wrong("0000-01-01"),
        wrong("1899-12-31"),
        wrong("2200-01-01"),
        wrong("9999-12-31"),
        wrong("+10000-01-01"),
        wrong("-2026-01-01"),
        wrong("2026-1-2"),
        wrong("20260102"),
        wrong("02/01/2026"),
        wrong("2026-W01-1"),
        wrong("2026-001"),
        wrong("2026-01-02T00:00:00Z"),
        wrong("tomorrow"),
        wrong(""),
        deal(field, 20_260_102).invalid(),
        deal(field, "2024-02-29"),
    ])]
}

fn instants() -> Vec<Row> {
    let at = |instant: &str| create(r#"{"name":"A"}"#).header("annals-effective-at", instant);
    let wrong = |instant: &str| at(instant).refused(400, "effective_at.invalid");
    let item = |more: Value| {
        let mut item = json!({ "type": "CreateAccount", "data": { "name": "A" } });
        item.as_object_mut().expect("fields").extend(more.as_object().expect("fields").clone());
        post("/commands", json!([item]).to_string())
    };
    let won = |day: &str| {
        command("WinOpportunity", json!({ "opportunity_id": DEAL, "close_date": day }).to_string())
    };
    vec![
        row(66, "moments").asks([
            wrong("2025-01-01T24:00:00Z"),
            wrong("2016-12-31T23:59:60Z"),
            wrong("2025-01-01T23:60:00Z"),
            wrong("2025-01-01T10:00:00"),
            wrong("2025-01-01T10:00:00+25:00"),
            wrong("2025-01-01"),
            wrong("2025-01-01T10:00Z[Mars/Olympus]"),
            wrong("1735725600"),
            wrong("1899-12-31T23:59:59Z"),
            wrong("2200-01-01T00:00:00Z"),
            wrong(""),
            get("/accounts?created_from=2025-01-01").refused(422, "parameter.invalid"),
            get("/accounts?as_of=2025-01-01T24:00:00Z").refused(400, "as_of.invalid"),
        ]),
        // Moments have an offset: none of them is a local time. Lists have local times.
        row(67, "local times that are not, or are twice")
            .asks([wrong("2026-03-08T02:30:00[America/New_York]")])
            .test("deploy/import/src/values_tests.rs::a_local_time_that_never_was_is_refused"),
        // A deal may have been won before it was entered; a day in a hundred years is a day.
        row(68, "days in an odd order").asks([
            won("2199-12-31").refused(422, "opportunity.close_date_future"),
            deal("estimated_close_date", "2126-01-01"),
        ]),
        row(69, "times of business").asks([
            at("2199-01-01T00:00:00Z").refused(422, "effective_at.future"),
            at("2006-01-01T00:00:00Z").refused(422, "effective_at.reason_required"),
            item(json!({ "effective_at": "2199-01-01T00:00:00Z" })).with("effective_at.future"),
            item(json!({ "effective_at": "2006-01-01T00:00:00Z" }))
                .with("effective_at.reason_required"),
            item(json!({ "effective_at": "yesterday" })).with("effective_at.invalid"),
        ]),
        // `If-Match` is a precondition that callers may leave out.
        row(70, "versions that are expected").asks([
            create(r#"{"name":"A"}"#).header("if-match", "-1").refused(400, "if_match.invalid"),
            create(r#"{"name":"A"}"#).header("if-match", "latest").refused(400, "if_match.invalid"),
            create(r#"{"name":"A"}"#)
                .header("if-match", "\"9223372036854775808\"")
                .refused(412, "record.version_conflict"),
            create(r#"{"name":"A"}"#)
                .header("if-match", "\"latest\"")
                .refused(412, "record.version_conflict"),
            item(json!({ "expected_version": -1 })).refused(422, "list.invalid"),
            item(json!({ "expected_version": "latest" })).refused(422, "list.invalid"),
            item(json!({ "expected_version": 1.5 })).refused(422, "list.invalid"),
            item(json!({ "expected_version": 9_223_372_036_854_775_808_u64 }))
                .with("record.version_conflict"),
            create(r#"{"name":"A"}"#),
        ]),
    ]
}
