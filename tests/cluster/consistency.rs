//! Two command services on one log decide as one: nothing is judged on what is not so any more.

use serde_json::json;
use tests::{Cluster, Http, Shape};
use uuid::Uuid;

const SHAPE: Shape = Shape { commands: 2, projections: 1, queries: 2 };

/// A cluster, and a client of each command service; both ask other query APIs.
fn two() -> (Cluster, Http, Http) {
    let cluster = Cluster::start(SHAPE);
    let (a, b) = (cluster.http(0, 0), cluster.http(1, 1));
    (cluster, a, b)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_reopened_through_one_is_changed_through_the_other() {
    let (_cluster, a, b) = two();
    let body = json!({ "topic": "Chairs", "currency": "BRL", "stage": "Qualify" });
    let deal = a.accept("CreateOpportunity", body).await.id;
    for round in 0..20 {
        let lose = json!({ "opportunity_id": deal, "status_reason": "Canceled" });
        b.accept("LoseOpportunity", lose).await;
        // B has just seen it closed; A opens it again.
        let stage = json!({ "opportunity_id": deal, "stage": format!("Develop {round}") });
        b.command("ChangeOpportunityStage", stage.clone()).await.refused("opportunity.closed");
        a.accept("ReopenOpportunity", json!({ "opportunity_id": deal })).await;
        b.accept("ChangeOpportunityStage", stage).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_closed_through_one_is_closed_for_the_other() {
    let (_cluster, a, b) = two();
    for _ in 0..20 {
        let account = a.account("Contoso").await.id;
        let parent = json!({ "type": "account", "id": account });
        // B knows the account as active.
        b.contact("Ana", "Souza", parent.clone()).await;
        a.accept("DeactivateAccount", json!({ "account_id": account })).await;
        let body = json!({ "first_name": "Bia", "last_name": "Souza", "parent": parent });
        let refused = b.command("CreateContact", body).await;
        assert_eq!(refused.status, 422, "{}", refused.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_was_revoked_through_one_opens_nothing_at_the_other() {
    let (_cluster, a, b) = two();
    for _ in 0..20 {
        // The first token of a user opens at once.
        let user = a.user("Ana").await;
        let (token, text) = a.token_for(user, &["read", "write"]).await;
        let caller = b.with_token(Some(&text));
        caller.account("Contoso").await;
        a.accept("RevokeToken", json!({ "token_id": token })).await;
        let refused = caller.command("CreateAccount", json!({ "name": "Contoso" })).await;
        refused.problem(401, "auth.required");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_one_accepted_is_repeated_to_the_other_with_the_same_answer() {
    let (_cluster, a, b) = two();
    for number in 0..20_u128 {
        let key = Uuid::from_u128(number + 1).to_string();
        let headers = [("idempotency-key", key.as_str())];
        let body = json!({ "name": format!("Contoso {number}") });
        let first = a.post("/commands/CreateAccount", &headers, &body).await;
        let again = b.post("/commands/CreateAccount", &headers, &body).await;
        assert_eq!(first.accepted(), again.accepted());
        assert_eq!(again.header("idempotency-replayed"), Some("true"));
        let other = json!({ "name": "Fabrikam" });
        b.post("/commands/CreateAccount", &headers, &other).await.refused("command.reused");
    }
    assert_eq!(a.all("/accounts?limit=200").await.len(), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_number_is_given_twice() {
    let (_cluster, a, b) = two();
    let account = a.account("Contoso").await.id;
    let start = |http: Http| async move {
        let customer = json!({ "type": "account", "id": account });
        for _ in 0..20 {
            let body = json!({ "customer": customer, "currency": "BRL", "name": "Chairs" });
            http.accept("StartQuote", body).await;
        }
    };
    tokio::join!(start(a.clone()), start(b.clone()), start(a.clone()), start(b.clone()));
    let quotes = a.all("/quotes?limit=200").await;
    let mut numbers: Vec<_> = quotes.iter().map(|quote| quote["number"].to_string()).collect();
    assert_eq!(numbers.len(), 80);
    numbers.sort();
    numbers.dedup();
    assert_eq!(numbers.len(), 80, "a number was given twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_through_one_is_read_through_any() {
    let (cluster, a, b) = two();
    let account = a.account("Contoso").await.id;
    for number in 0..50 {
        let (writer, reader) = if number % 2 == 0 { (&a, &b) } else { (&b, &a) };
        let name = format!("Contoso {number}");
        let body = json!({ "account_id": account, "name": name });
        let accepted = writer.accept("ChangeAccountDetails", body).await;
        let seen = reader.see(&format!("/accounts/{account}"), &accepted.position).await;
        assert_eq!(seen["name"], name.as_str());
    }
    drop(cluster);
}
