//! Quotes, orders, and the opportunities they come from.

use serde_json::{Value, json};
use tests::{Annals, Http, account, brl, contact, texts, user};
use uuid::Uuid;

/// Contoso with its terms and address, its contact Bia and the deal with them.
struct Contoso {
    id: Uuid,
    bia: Uuid,
    deal: Uuid,
    version: u64,
}

async fn contoso(http: &Http) -> Contoso {
    let id = http.account("Contoso").await.id;
    let bia = http.contact("Bia", "Silva", account(id)).await.id;
    let terms = json!({ "currency": "BRL", "price_list": "BR-2026", "payment_terms": "Net30" });
    let terms = json!({ "record": account(id), "terms": terms });
    http.accept("SetCommercialTerms", terms).await;
    let address = set_address(id, "Rua A");
    let version = http.accept("SetAddress", address).await.version;
    let deal = http.deal(account(id), "3000.00", "60", "2026-06-30").await.id;
    let person = json!({ "opportunity_id": deal, "contact": bia });
    http.accept("ChangeOpportunityDetails", person).await;
    Contoso { id, bia, deal, version }
}

fn set_address(id: Uuid, street: &str) -> Value {
    json!({ "record": account(id), "kind": "bill_to", "address": { "street": [street] } })
}

/// The draft of S09: its id, and its line with the discount.
async fn draft(http: &Http, customer: &Contoso) -> (Uuid, Uuid) {
    let start = json!({ "customer": account(customer.id), "opportunity": customer.deal });
    let quote = http.accept("StartQuote", start).await.id;
    let paper = Uuid::from_u128(1);
    let lines = [
        json!({ "line_id": paper, "product": "Paper", "quantity": "10", "unit_price": "150.00",
                "discount": { "percent": "5" } }),
        json!({ "product": "Ink", "quantity": "4", "unit_price": "250.00" }),
    ];
    for mut line in lines {
        line["quote_id"] = json!(quote);
        http.accept("AddQuoteLine", line).await;
    }
    let prices = [
        ("SetQuoteDiscount", "discount", json!({ "percent": "2" })),
        ("SetQuoteFreight", "freight", brl("50.00")),
        ("SetQuoteTax", "tax", json!("10")),
    ];
    for (name, field, value) in prices {
        http.accept(name, json!({ "quote_id": quote, field: value })).await;
    }
    (quote, paper)
}

/// Takes everything off the draft that makes it differ from 2,500.00.
async fn price_at_2500(http: &Http, quote: Uuid, paper: Uuid) {
    let line = json!({ "quote_id": quote, "line_id": paper, "discount": null });
    http.accept("ChangeQuoteLine", line).await;
    let fields =
        [("SetQuoteDiscount", "discount"), ("SetQuoteFreight", "freight"), ("SetQuoteTax", "tax")];
    for (name, field) in fields {
        http.accept(name, json!({ "quote_id": quote, field: null })).await;
    }
}

// S09
#[tokio::test]
async fn a_quote_is_filled_in_from_its_customer_and_keeps_what_it_took() {
    let annals = Annals::start_at("2026-05-01T12:00:00Z").await;
    let customer = contoso(&annals).await;
    let (id, _) = draft(&annals, &customer).await;
    let path = format!("/quotes/{id}");

    let quote = annals.now(&path).await;
    assert_eq!(quote["number"], "Q-2026-000001");
    assert_eq!((&quote["revision"], &quote["state"]), (&json!(0), &json!("Draft")));
    assert_eq!(quote["terms"]["price_list"], "BR-2026");
    assert_eq!(quote["terms"]["payment_terms"], "Net30");
    assert_eq!(quote["bill_to"], json!({ "street": ["Rua A"] }));
    let prefill = quote["prefill"].as_array().expect("what was filled in");
    for field in ["price_list", "payment_terms", "bill_to"] {
        let filled = prefill.iter().find(|filled| filled["field"] == field);
        let filled = filled.unwrap_or_else(|| panic!("{field}"));
        let from = (&filled["from"], &filled["from_version"]);
        assert_eq!(from, (&account(customer.id), &json!(customer.version)), "{field}");
    }
    let totals = json!({
        "subtotal": brl("2425.00"), "discount": brl("48.50"), "net": brl("2376.50"),
        "freight": brl("50.00"), "tax": brl("237.65"), "total": brl("2664.15"),
    });
    assert_eq!(quote["totals"], totals);

    annals.accept("SetAddress", set_address(customer.id, "Rua B")).await;
    assert_eq!(annals.now(&path).await["bill_to"], json!({ "street": ["Rua A"] }));
    let dollars = json!({
        "quote_id": id, "product": "Ink", "quantity": "1", "unit_price": "9.90", "currency": "USD",
    });
    annals.command("AddQuoteLine", dollars).await.refused("document.currency_mismatch");
}

// S10
#[tokio::test]
async fn a_quote_is_revised_and_every_revision_stays() {
    let annals = Annals::start_at("2026-05-01T12:00:00Z").await;
    let customer = contoso(&annals).await;
    let (id, paper) = draft(&annals, &customer).await;
    let (quote, path) = (json!({ "quote_id": id }), format!("/quotes/{id}"));

    let close = json!({ "quote_id": id, "status_reason": "Lost" });
    annals.command("CloseQuote", close).await.refused("quote.not_active");
    let activated = annals.accept("ActivateQuote", quote.clone()).await;
    let edit = json!({ "quote_id": id, "line_id": paper });
    annals.command("RemoveQuoteLine", edit).await.refused("quote.not_draft");
    annals.accept("ReviseQuote", quote.clone()).await;
    let again = annals.command("ReviseQuote", quote.clone()).await;
    assert_eq!(again.refused("quote.open_revision_exists")["params"]["revision"], 1);
    price_at_2500(&annals, id, paper).await;
    annals.accept("ActivateQuote", quote).await;

    let now = annals.now(&path).await;
    assert_eq!((&now["revision"], &now["totals"]["total"]), (&json!(1), &brl("2500.00")));
    let first = &now["revisions"][0];
    assert_eq!((&first["state"], &first["status_reason"]), (&json!("Closed"), &json!("Revised")));
    assert_eq!(texts(&now["revisions"][1]["lines"], "/product"), ["Paper", "Ink"]);
    let then = annals.get(&format!("{path}?as_of={}", activated.position)).await.ok();
    assert_eq!((&then["revision"], &then["totals"]["total"]), (&json!(0), &brl("2664.15")));
    assert_eq!(then["revisions"].as_array().map(Vec::len), Some(1));
    let subjects =
        [("accounts", customer.id), ("contacts", customer.bia), ("opportunities", customer.deal)];
    for (kind, subject) in subjects {
        let timeline = annals.all(&format!("/{kind}/{subject}/timeline")).await;
        let started = timeline.iter().find(|entry| entry["kind"] == "quote.started");
        assert_eq!(started.expect(kind)["record"]["id"], json!(id), "{kind}");
    }
}

async fn active_at_2500(http: &Http, customer: &Contoso) -> Uuid {
    let (id, paper) = draft(http, customer).await;
    http.accept("ActivateQuote", json!({ "quote_id": id })).await;
    http.accept("ReviseQuote", json!({ "quote_id": id })).await;
    price_at_2500(http, id, paper).await;
    let validity = json!({ "quote_id": id, "valid_until": "2026-05-31" });
    http.accept("SetQuoteValidity", validity).await;
    http.accept("ActivateQuote", json!({ "quote_id": id })).await;
    id
}

// S11
#[tokio::test]
async fn an_accepted_quote_places_one_order_and_wins_its_deal_once() {
    let annals = Annals::start_at("2026-05-01T12:00:00Z").await;
    let customer = contoso(&annals).await;
    let id = active_at_2500(&annals, &customer).await;
    let old = annals.command("AcceptQuote", json!({ "quote_id": id, "revision": 0 })).await;
    let params = json!({ "state": "Closed", "status_reason": "Revised" });
    assert_eq!(old.refused("quote.not_active")["params"], params);

    let accept = json!({ "quote_id": id, "revision": 1, "close_opportunity": "won" });
    let key = Uuid::from_u128(77).to_string();
    let headers = [("idempotency-key", key.as_str())];
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(annals.post("/commands/AcceptQuote", &headers, &accept).await);
    }
    let first = answers[0].accepted();
    assert!(answers.iter().all(|answer| answer.accepted() == first));
    assert_eq!(answers[0].header("idempotency-replayed"), None);
    assert_eq!(answers[2].header("idempotency-replayed"), Some("true"));

    let quote = annals.see(&format!("/quotes/{id}"), &first.position).await;
    assert_eq!(quote["state"], "Won");
    let orders = annals.all(&format!("/orders?customer={}", customer.id)).await;
    assert_eq!(orders.len(), 1, "{orders:?}");
    let order = &orders[0];
    assert_eq!((&order["id"], &order["number"]), (&quote["order"], &json!("SO-2026-000001")));
    assert_eq!(order["totals"]["total"], brl("2500.00"));
    assert_eq!(order["lines"].as_array().map(Vec::len), Some(2));
    assert_eq!(order["source"], json!({ "quote": id, "revision": 1 }));
    let deal = annals.now(&format!("/opportunities/{}", customer.deal)).await;
    assert_eq!((&deal["state"], &deal["actual_value"]), (&json!("Won"), &brl("2500.00")));
    assert_eq!(deal["via_quote"], json!(id));
}

#[tokio::test]
async fn a_quote_that_was_lost_is_not_accepted() {
    let annals = Annals::start().await;
    let customer = annals.account("Contoso").await.id;
    let quote = annals.active_quote(json!({ "customer": account(customer) }), "10.00").await;
    annals.accept("CloseQuote", json!({ "quote_id": quote, "status_reason": "Lost" })).await;

    let late = annals.command("AcceptQuote", json!({ "quote_id": quote })).await;

    let params = json!({ "state": "Closed", "status_reason": "Lost" });
    assert_eq!(late.refused("quote.not_active")["params"], params);
    assert_eq!(annals.now("/orders").await["items"], json!([]));
}

// S11
#[tokio::test]
async fn a_quote_can_be_accepted_until_its_last_day_ends_where_it_was_made() {
    let annals = Annals::start_at("2026-05-01T12:00:00Z").await;
    let customer = contoso(&annals).await;
    let accept = json!({ "quote_id": active_at_2500(&annals, &customer).await });
    annals.set_clock("2026-06-01T03:00:00Z");
    annals.command("AcceptQuote", accept).await.refused("quote.expired");

    let other = Annals::start_at("2026-05-01T12:00:00Z").await;
    let customer = contoso(&other).await;
    let accept = json!({ "quote_id": active_at_2500(&other, &customer).await });
    other.set_clock("2026-06-01T02:59:00Z");
    other.accept("AcceptQuote", accept).await;
}

// S16
#[tokio::test]
async fn a_deal_is_not_won_over_active_quotes_that_nobody_named() {
    let annals = Annals::start().await;
    let contoso = annals.account("Contoso").await.id;
    let deal = annals.deal(account(contoso), "100.00", "50", "2027-06-30").await.id;
    let start = json!({ "customer": account(contoso), "opportunity": deal });
    let quote = annals.active_quote(start, "90.00").await;

    let win = json!({ "opportunity_id": deal });
    let refused = annals.command("WinOpportunity", win).await;
    assert_eq!(refused.refused("opportunity.active_quotes")["params"]["quotes"], json!([quote]));
    let named = json!({ "opportunity_id": deal, "quotes": [quote] });
    annals.accept("WinOpportunity", named).await;

    let won = annals.now(&format!("/opportunities/{deal}")).await;
    assert_eq!((&won["state"], &won["actual_value"]), (&json!("Won"), &brl("100.00")));
}

// S16
#[tokio::test]
async fn a_lost_deal_is_closed_until_it_is_opened_again() {
    let annals = Annals::start_at("2026-03-01T12:00:00Z").await;
    let deal = annals.deal(Value::Null, "1000.00", "40", "2026-06-30").await.id;
    let path = format!("/opportunities/{deal}");
    let lose = json!({
        "opportunity_id": deal, "status_reason": "OutSold", "competitor": "Fabrikam",
    });
    annals.accept("LoseOpportunity", lose).await;
    let lost = annals.now(&path).await;
    assert_eq!((&lost["state"], &lost["status_reason"]), (&json!("Lost"), &json!("OutSold")));
    assert_eq!(
        (&lost["competitor"], &lost["close_date"]),
        (&json!("Fabrikam"), &json!("2026-03-01"))
    );

    let edit = json!({ "opportunity_id": deal, "stage": "Propose" });
    annals.command("ChangeOpportunityStage", edit).await.refused("opportunity.closed");
    let reopen = json!({ "opportunity_id": deal });
    let reason = [("annals-reason", "they came back")];
    annals.post("/commands/ReopenOpportunity", &reason, &reopen).await.accepted();
    let open = annals.now(&path).await;
    assert_eq!((&open["state"], &open["close_date"]), (&json!("Open"), &Value::Null));
    assert_eq!(open["actual_value"], Value::Null);
    // Asked again it is open already, and nothing more happens.
    annals.accept("ReopenOpportunity", reopen).await;

    let history = json!(annals.history(&path).await);
    let kinds = ["opportunity.created", "opportunity.lost", "opportunity.reopened"];
    assert_eq!(texts(&history, "/type"), kinds);
    assert_eq!(history[2]["reason"], "they came back");
}

// S30
#[tokio::test]
async fn an_inactive_customer_gets_nothing_new_and_keeps_what_there_is() {
    let annals = Annals::start().await;
    let (caro, _) = annals.as_user("Caro").await;
    let id = annals.account("Contoso").await.id;
    let quote = annals.active_quote(json!({ "customer": account(id) }), "10.00").await;
    let assign = json!({ "record": account(id), "owner": user(caro) });
    annals.accept("AssignOwner", assign).await;
    assert_eq!(annals.now(&format!("/accounts/{id}")).await["owner"], user(caro));
    annals.accept("DeactivateAccount", json!({ "account_id": id })).await;

    let start = json!({ "customer": account(id) });
    annals.command("StartQuote", start.clone()).await.refused("customer.inactive");
    let edit = json!({ "account_id": id, "name": "Contoso Ltda" });
    annals.command("ChangeAccountDetails", edit.clone()).await.refused("record.inactive");
    assert_eq!(annals.now(&format!("/quotes/{quote}")).await["state"], "Active");
    let accept = json!({ "quote_id": quote });
    annals.command("AcceptQuote", accept.clone()).await.refused("customer.inactive");

    annals.accept("ReactivateAccount", json!({ "account_id": id })).await;
    annals.accept("ChangeAccountDetails", edit).await;
    annals.accept("StartQuote", start).await;
    annals.accept("AcceptQuote", accept).await;
}

// S35
#[tokio::test]
async fn a_sale_is_one_chain_from_the_deal_to_the_order() {
    let annals = Annals::start_at("2026-05-01T12:00:00Z").await;
    let customer = contoso(&annals).await;
    let quote = active_at_2500(&annals, &customer).await;
    let accept = json!({ "quote_id": quote, "close_opportunity": "won" });
    annals.accept("AcceptQuote", accept).await;
    annals.set_clock("2026-05-02T12:00:00Z");
    let later = annals.deal(account(customer.id), "10.00", "10", "2026-06-30").await.id;

    let kinds = [("accounts", customer.id), ("contacts", customer.bia)];
    for (kind, id) in kinds {
        let sales = annals.all(&format!("/{kind}/{id}/sales")).await;
        let sale = sales.last().expect("a sale");
        assert_eq!((&sale["chain"], &sale["furthest"]), (&json!(customer.deal), &json!("order")));
        let documents = &sale["documents"];
        assert_eq!(texts(documents, "/type"), ["opportunity", "quote", "quote", "order"], "{kind}");
        let states = ["Won", "Closed", "Won", "Active"];
        assert_eq!(texts(documents, "/state"), states);
        assert_eq!(documents[3]["amount"], brl("2500.00"));
        let mut revisions = [&documents[1]["revision"], &documents[2]["revision"]];
        revisions.sort_by_key(|revision| revision.as_u64());
        assert_eq!(revisions, [&json!(0), &json!(1)]);
    }
    let newest = annals.all(&format!("/accounts/{}/sales", customer.id)).await;
    assert_eq!(newest[0]["chain"], json!(later));
    let one = annals.all(&format!("/accounts/{}/sales?chain={later}", customer.id)).await;
    assert_eq!(one.len(), 1);
}

// S01
#[tokio::test]
async fn a_person_can_be_the_customer_by_himself() {
    let annals = Annals::start().await;
    let caio = annals.contact("Caio", "Reis", Value::Null).await.id;
    let quote = annals.active_quote(json!({ "customer": contact(caio) }), "99.90").await;
    annals.accept("AcceptQuote", json!({ "quote_id": quote })).await;

    let orders = annals.all(&format!("/orders?contact={caio}")).await;
    let as_customer = annals.all(&format!("/orders?customer={caio}")).await;

    assert_eq!(orders.len() + as_customer.len(), 1, "{orders:?} {as_customer:?}");
    let revenue = annals.now(&format!("/contacts/{caio}/expected-revenue")).await;
    assert_eq!(revenue["totals"][0]["booked"], brl("99.90"));
}
