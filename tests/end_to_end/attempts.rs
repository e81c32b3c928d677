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

/// What was kept since, as command and code.
async fn kept(http: &Http) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let attempts = http.attempts().await;
    attempts.iter().map(|attempt| (text(&attempt["command"]), text(&attempt["code"]))).collect()
}

fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
    pairs.map(|(command, code)| (command.to_owned(), code.to_owned())).into()
}

#[tokio::test]
async fn a_page_begins_where_a_number_can_be() {
    let annals = Annals::start().await;
    let last = annals.get(&format!("/attempts?after={}", i64::MAX)).await.ok();
    assert_eq!(last["items"], json!([]));
    for wrong in ["after=9223372036854775808", "after=-1", "after=", "limit=0", "limit=201", "x=1"]
    {
        annals.get(&format!("/attempts?{wrong}")).await.refused("query.invalid");
    }
}

#[tokio::test]
async fn a_list_that_is_refused_as_a_whole_is_kept() {
    let annals = Annals::start().await;
    let reader = annals.user("Rita").await;
    let reader = annals.with_token(Some(&annals.token_for(reader, &["read"]).await.1));
    let item = json!({ "type": "CreateAccount", "data": { "name": "A" } });
    let too_long = Value::Array(vec![item.clone(); 1_001]);
    annals.post("/commands", &[], &too_long).await.problem(413, "list.too_long");
    annals.post("/commands", &[], &json!([1])).await.problem(422, "list.invalid");
    reader.post("/commands", &[], &json!([item])).await.problem(403, "access.denied");
    let expected = ["list.too_long", "list.invalid", "access.denied"];
    assert_eq!(kept(&annals).await, pairs(expected.map(|code| ("POST /commands", code))));
    let last = annals.attempts().await.pop().unwrap_or_default();
    assert_eq!(last["count"], 1);
    assert!(last["token"].as_str().is_some_and(|token| !token.is_empty()), "{last}");
}

#[tokio::test]
async fn unknown_commands_and_those_that_were_not_tried_are_kept() {
    let annals = Annals::start().await;
    let id = Uuid::from_u128(0xACC);
    let made_up = "x".repeat(100);
    annals.command(&made_up, json!({})).await.problem(404, "command.unknown");
    annals.command("Drop%0a%e2%80%aeIt", json!({})).await.problem(404, "command.unknown");
    let change = |name: &str| json!({ "type": name, "data": { "account_id": id, "name": "B" } });
    let list = json!([
        { "type": "CreateAccount", "data": { "account_id": id, "name": "A" } },
        change("CreateAccount"),
        change("ChangeAccountDetails"),
        { "type": "Nonsense", "data": {} },
    ]);
    let answers = annals.post("/commands", &[], &list).await.ok();
    assert_eq!(answers[2]["problem"]["code"], "command.not_tried");
    let mut kept = kept(&annals).await;
    kept.sort();
    let mut expected = pairs([
        (&made_up[..64], "command.unknown"),
        ("Drop??It", "command.unknown"),
        ("Nonsense", "command.unknown"),
        ("CreateAccount", "record.exists"),
        ("ChangeAccountDetails", "command.not_tried"),
    ]);
    expected.sort();
    assert_eq!(kept, expected);
    let stream = format!("account-{id}");
    let attempts = annals.attempts().await;
    let not_tried = attempts.iter().find(|attempt| attempt["code"] == "command.not_tried");
    assert_eq!(not_tried.map(|attempt| &attempt["stream"]), Some(&json!(stream)));
}

#[tokio::test]
async fn questions_that_a_token_does_not_open_are_kept_by_their_route() {
    let annals = Annals::start().await;
    let user = annals.user("Wim").await;
    let writer = annals.with_token(Some(&annals.token_for(user, &["write"]).await.1));
    let contoso = annals.account("Contoso").await.id;
    annals.settled().await;
    for path in [
        "/accounts".to_owned(),
        format!("/accounts/{contoso}"),
        format!("/accounts/{contoso}/history"),
        "/events?limit=1".to_owned(),
        "/attempts".to_owned(),
        "/processes".to_owned(),
    ] {
        writer.get(&path).await.problem(403, "access.denied");
    }
    let routes = [
        "GET /accounts",
        "GET /accounts/{id}",
        "GET /accounts/{id}/history",
        "GET /events",
        "GET /attempts",
        "GET /processes",
    ];
    assert_eq!(kept(&annals).await, pairs(routes.map(|route| (route, "access.denied"))));
    for attempt in annals.attempts().await {
        assert_eq!(attempt["actor"]["id"], json!(user));
    }
    annals.with_token(None).get("/accounts").await.problem(401, "auth.required");
    assert_eq!(annals.attempts().await.len(), routes.len(), "strangers leave none");
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
