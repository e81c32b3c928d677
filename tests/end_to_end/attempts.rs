//! Refused commands as evidence: who tried what, and which rule said no.

use serde_json::{Value, json};
use tests::{Annals, Http, account};
use uuid::Uuid;

/// A command that breaks a rule, the rule, and the stream it was about where that is known before.
struct Broken {
    name: &'static str,
    body: Value,
    code: &'static str,
    stream: Option<String>,
}

/// The records of a journey in which every next command breaks a rule.
struct Stage {
    contoso: Uuid,
    closed: Uuid,
    stranger: Uuid,
    deal: Uuid,
    quote: Uuid,
}

async fn stage(http: &Http) -> Stage {
    let contoso = http.account("Contoso").await.id;
    let closed = http.account("Closed").await.id;
    http.accept("DeactivateAccount", json!({ "account_id": closed })).await;
    let stranger = http.contact("Davi", "Lima", Value::Null).await.id;
    let deal = http.deal(account(contoso), "10.00", "10", "2027-12-31").await.id;
    let quote = http.accept("StartQuote", json!({ "customer": account(contoso) })).await.id;
    let lose = json!({ "opportunity_id": deal, "status_reason": "Canceled" });
    http.accept("LoseOpportunity", lose).await;
    Stage { contoso, closed, stranger, deal, quote }
}

fn broken_rules(stage: &Stage) -> Vec<Broken> {
    let Stage { contoso, closed, stranger, deal, quote } = *stage;
    let nobody = Uuid::from_u128(9);
    let on = |category: &str, id: Uuid| Some(format!("{category}-{id}"));
    let itself = json!({ "a": account(contoso), "b": account(contoso) });
    let [own, other] = [on("account", contoso), on("account", closed)];
    let [of_deal, of_quote] = [on("opportunity", deal), on("quote", quote)];
    [
        (
            "CreateAccount",
            json!({ "account_id": contoso, "name": "A" }),
            "record.exists",
            own.clone(),
        ),
        (
            "ChangeAccountDetails",
            json!({ "account_id": closed, "name": "A" }),
            "record.inactive",
            other,
        ),
        ("StartQuote", json!({ "customer": account(closed) }), "customer.inactive", None),
        (
            "SetPrimaryContact",
            json!({ "account_id": contoso, "contact": stranger }),
            "account.contact_not_associated",
            own.clone(),
        ),
        (
            "SetParentAccount",
            json!({ "account_id": contoso, "parent": contoso }),
            "account.parent_loop",
            own,
        ),
        ("RelateRecords", itself, "connection.self", None),
        (
            "ChangeOpportunityStage",
            json!({ "opportunity_id": deal, "stage": "Won" }),
            "opportunity.closed",
            of_deal,
        ),
        ("ActivateQuote", json!({ "quote_id": quote }), "quote.no_lines", of_quote.clone()),
        (
            "CloseQuote",
            json!({ "quote_id": quote, "status_reason": "Lost" }),
            "quote.not_active",
            of_quote.clone(),
        ),
        ("AcceptQuote", json!({ "quote_id": quote }), "quote.not_active", of_quote),
        (
            "DeactivateAccount",
            json!({ "account_id": nobody }),
            "record.not_found",
            on("account", nobody),
        ),
    ]
    .map(|(name, body, code, stream)| Broken { name, body, code, stream })
    .into()
}

// S36
#[tokio::test]
async fn every_refusal_is_evidence_and_changes_no_record() {
    let annals = Annals::start().await;
    let (ana, http) = annals.as_user("Ana").await;
    let stage = stage(&http).await;
    let before = http.head().await;
    let broken = broken_rules(&stage);
    for Broken { name, body, code, .. } in &broken {
        let answer = http.command(name, body.clone()).await;
        assert_eq!(answer.json()["code"], *code, "{name}");
    }

    assert_eq!(http.head().await, before, "nothing was recorded");
    let attempts = http.attempts().await;
    assert_eq!(attempts.len(), broken.len(), "{attempts:?}");
    for (Broken { name, code, stream, .. }, attempt) in broken.iter().zip(&attempts) {
        assert_eq!((&attempt["command"], &attempt["code"]), (&json!(name), &json!(code)));
        assert_eq!(attempt["actor"], json!({ "kind": "user", "id": ana }));
        assert!(attempt["at"].as_str().is_some() && attempt["command_id"].as_str().is_some());
        if let Some(stream) = stream {
            assert_eq!(attempt["stream"], *stream, "{name}");
        }
    }
    let versions =
        [("accounts", stage.contoso, 1), ("accounts", stage.closed, 2), ("quotes", stage.quote, 1)];
    for (kind, id, version) in versions {
        let record = http.now(&format!("/{kind}/{id}")).await;
        assert_eq!(record["version"], version, "{kind} {id}");
    }
}
