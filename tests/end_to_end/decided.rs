//! Deals and quotes are decided together: what is told of it is all there, and nothing is both lost and
//! sold.

use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::{Annals, Http, account};
use uuid::Uuid;

/// A deal of Contoso's with a quote that the customer has.
async fn offered(annals: &Annals, contoso: Uuid) -> (Uuid, Uuid) {
    let deal = annals.deal(account(contoso), "1000.00", "50", "2027-06-30").await.id;
    let start = json!({ "customer": account(contoso), "opportunity": deal });
    (deal, annals.active_quote(start, "900.00").await)
}

/// How many orders a quote has, as of a position and no later one.
async fn orders(http: &Http, quote: Uuid, position: &str) -> usize {
    let path = format!("/orders?quote={quote}&as_of={position}&at_least={position}");
    http.get(&path).await.ok()["items"].as_array().expect("items").len()
}

async fn state(http: &Http, path: &str, position: &str) -> String {
    let record = http.get(&format!("{path}?as_of={position}&at_least={position}")).await.ok();
    record["state"].as_str().expect("a state").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_position_of_every_answer_shows_the_order() {
    let annals = Annals::start().await;
    let contoso = annals.account("Contoso").await.id;
    for round in 0..30_u128 {
        let (deal, quote) = offered(&annals, contoso).await;
        let body = json!({ "quote_id": quote, "close_opportunity": "won" });
        // In every third round all have one key, and are one command.
        let key = Uuid::from_u128(0xD5 << 64 | round).to_string();
        let headers = [("idempotency-key", key.as_str())];
        let headers = if round % 3 == 2 { &headers[..] } else { &[] };
        let sent = (0..8).map(|_| annals.post("/commands/AcceptQuote", headers, &body));
        for answer in join_all(sent).await {
            let position = answer.accepted().position;
            assert_eq!(orders(&annals, quote, &position).await, 1, "as of {position}");
            let path = format!("/opportunities/{deal}");
            assert_eq!(state(&annals, &path, &position).await, "Won", "as of {position}");
        }
    }
}

#[tokio::test]
async fn a_deal_is_lost_with_its_quotes_or_not_at_all() {
    let annals = Annals::start().await;
    let contoso = annals.account("Contoso").await.id;
    let (deal, quote) = offered(&annals, contoso).await;
    let lose = |quotes: Value| json!({ "opportunity_id": deal, "status_reason": "OutSold", "quotes": quotes });
    let refused = annals.command("LoseOpportunity", lose(json!([]))).await;
    let problem = refused.refused("opportunity.active_quotes");
    assert_eq!(problem["params"]["quotes"], json!([quote]));

    let lost = annals.accept("LoseOpportunity", lose(json!([quote]))).await;
    let quote_path = format!("/quotes/{quote}");
    assert_eq!(state(&annals, &quote_path, &lost.position).await, "Closed", "its answer says so");
    assert_eq!(state(&annals, &format!("/opportunities/{deal}"), &lost.position).await, "Lost");
    let accept = json!({ "quote_id": quote });
    annals.command("AcceptQuote", accept.clone()).await.refused("quote.not_active");
    let again = annals.accept("LoseOpportunity", lose(json!([quote]))).await;
    assert_eq!(again.version, lost.version + 1, "only that the quote is back was noted");

    // A quote that goes out later is not accepted before the deal is opened again.
    annals.accept("ReopenOpportunity", json!({ "opportunity_id": deal })).await;
    let start = json!({ "customer": account(contoso), "opportunity": deal });
    let draft = annals.accept("StartQuote", start).await.id;
    let line = json!({
        "quote_id": draft, "product": "Ink", "quantity": "1", "unit_price": "5.00",
    });
    annals.accept("AddQuoteLine", line).await;
    annals.accept("LoseOpportunity", lose(json!([]))).await;
    annals.accept("ActivateQuote", json!({ "quote_id": draft })).await;
    let accept = json!({ "quote_id": draft });
    annals.command("AcceptQuote", accept.clone()).await.refused("opportunity.closed");
    annals.accept("ReopenOpportunity", json!({ "opportunity_id": deal })).await;
    annals.accept("AcceptQuote", accept).await;
    annals.command("LoseOpportunity", lose(json!([]))).await.refused("opportunity.ordered");
    let revenue = annals.now("/expected-revenue").await;
    assert_eq!(revenue["totals"][0]["lost_count"], 0);
    assert_eq!(revenue["totals"][0]["booked_count"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deal_is_never_lost_and_booked_however_both_are_sent() {
    let annals = Annals::start().await;
    let contoso = annals.account("Contoso").await.id;
    for _ in 0..20 {
        let (deal, quote) = offered(&annals, contoso).await;
        let lose = json!({
            "opportunity_id": deal, "status_reason": "Canceled", "quotes": [quote],
        });
        let (lost, accepted) = tokio::join!(
            annals.command("LoseOpportunity", lose),
            annals.command("AcceptQuote", json!({ "quote_id": quote })),
        );
        assert!(
            lost.status == 200 || accepted.status == 200,
            "{} {}",
            lost.text(),
            accepted.text()
        );
        let now = annals.head().await;
        let is_lost = state(&annals, &format!("/opportunities/{deal}"), &now).await == "Lost";
        let booked = orders(&annals, quote, &now).await;
        assert_eq!(booked, usize::from(!is_lost), "{} {}", lost.text(), accepted.text());
        assert_eq!(booked == 1, accepted.status == 200, "{}", accepted.text());
    }
}
