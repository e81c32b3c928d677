//! Scopes never grow, a token for somebody else is theirs to take, and acts leave a trace.

use serde_json::{Value, json};
use tests::{Annals, Http};
use uuid::Uuid;

/// An `IssueToken` whose secret is 64 times the digit `a`.
fn issue(token: Uuid, user: Uuid, scopes: &[&str]) -> Value {
    json!({
        "token_id": token, "user": user, "scopes": scopes,
        "secret_sha256": "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb",
    })
}

fn presented(token: Uuid) -> String {
    format!("annals_{}_{}", token.simple(), "a".repeat(64))
}

/// Whether both APIs let it in, or neither.
async fn is_in_force(annals: &Annals, token: Uuid) -> bool {
    annals.now("/accounts").await;
    // Those who fail too often from one address hear 429.
    let http = annals.with_token(Some(&presented(token))).elsewhere();
    let [command, question] = [http.get("/me").await, http.get("/tokens").await];
    assert_eq!(command.status, question.status, "the two sides do not agree");
    command.status == 200
}

/// A token as an administrator sees it.
async fn listed(http: &Http, token: Uuid) -> Value {
    let tokens = http.all("/tokens").await;
    tokens.into_iter().find(|one| one["id"] == json!(token)).unwrap_or_default()
}

#[tokio::test]
async fn nobody_hands_out_a_scope_that_the_token_they_do_it_with_does_not_have() {
    let annals = Annals::start().await;
    let chief = annals.user("Chief").await;
    let (own, token) = annals.token_for(chief, &["admin", "read"]).await;
    let http = annals.with_token(Some(&token));
    let victim = annals.user("Victim").await;
    let before = annals.head().await;
    for user in [chief, victim] {
        for scopes in [&["write"][..], &["admin", "audit"], &["read", "write", "audit", "admin"]] {
            let refused = http.command("IssueToken", issue(Uuid::from_u128(7), user, scopes)).await;
            let missing: Vec<_> =
                scopes.iter().filter(|scope| !["admin", "read"].contains(scope)).collect();
            let problem = refused.refused("token.exceeds_own");
            let mut named: Vec<_> = problem["params"]["scopes"].as_array().expect("scopes").clone();
            named.sort_by_key(|scope| scope.to_string());
            let mut missing: Vec<_> = missing.into_iter().map(|scope| json!(scope)).collect();
            missing.sort_by_key(Value::to_string);
            assert_eq!(named, missing);
        }
    }
    assert_eq!(annals.head().await, before, "a refused token leaves nothing, on no stream");
    assert_eq!(annals.attempts().await.len(), 6);

    // The user of the token holds more by another token: that counts for nothing.
    annals.token_for(chief, &["write", "audit"]).await;
    let more = issue(Uuid::from_u128(7), chief, &["write"]);
    http.command("IssueToken", more).await.refused("token.exceeds_own");
    let right = Uuid::from_u128(8);
    http.accept("IssueToken", issue(right, chief, &["read", "admin", "read"])).await;
    assert!(is_in_force(&annals, right).await, "one's own token opens at once");
    let shown = listed(&annals, right).await;
    assert_eq!(shown["scopes"], json!(["read", "admin"]));
    assert_eq!(shown["issued_by"], json!({ "kind": "user", "id": chief }));
    assert_eq!(shown["issued_with"], json!(own));
}

#[tokio::test]
async fn a_token_for_somebody_else_opens_nothing_before_they_accept_it() {
    let annals = Annals::start().await;
    let (victim, theirs) = annals.as_user("Victim").await;
    let (_, other) = annals.as_user("Other").await;
    let token = Uuid::from_u128(0x70);
    annals.accept("IssueToken", issue(token, victim, &["read", "write"])).await;
    assert_eq!(listed(&annals, token).await["state"], "Pending");
    assert!(!is_in_force(&annals, token).await);
    let accept = json!({ "token_id": token });
    // Neither whoever issued it nor anybody else takes it for them, and nobody learns that it is there.
    annals.command("AcceptToken", accept.clone()).await.problem(404, "record.not_found");
    other.command("AcceptToken", accept.clone()).await.problem(404, "record.not_found");
    let itself = annals.with_token(Some(&presented(token)));
    itself.command("AcceptToken", accept.clone()).await.problem(401, "auth.required");
    assert!(!is_in_force(&annals, token).await);

    theirs.accept("AcceptToken", accept.clone()).await;
    assert!(is_in_force(&annals, token).await);
    assert_eq!(listed(&annals, token).await["state"], "Active");
    let head = annals.head().await;
    theirs.accept("AcceptToken", accept.clone()).await;
    assert_eq!(annals.head().await, head, "it is accepted once");
    annals.accept("RevokeToken", accept.clone()).await;
    assert!(!is_in_force(&annals, token).await);
    theirs.command("AcceptToken", accept).await.refused("token.revoked");
    assert_eq!(listed(&annals, token).await["state"], "Revoked");
}

#[tokio::test]
async fn a_pending_token_can_be_revoked_and_never_opens_then() {
    let annals = Annals::start().await;
    let (ana, theirs) = annals.as_user("Ana").await;
    let token = Uuid::from_u128(0x71);
    annals.accept("IssueToken", issue(token, ana, &["read"])).await;
    annals.accept("RevokeToken", json!({ "token_id": token })).await;
    theirs.command("AcceptToken", json!({ "token_id": token })).await.refused("token.revoked");
    assert!(!is_in_force(&annals, token).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_first_tokens_at_once_one_opens() {
    let annals = Annals::start().await;
    for round in 0..10_u128 {
        let user = annals.user("New").await;
        let tokens: Vec<_> = (1..=8).map(|number| Uuid::from_u128(round << 8 | number)).collect();
        let sent = tokens.iter().map(|token| {
            let (http, body) = (annals.http().clone(), issue(*token, user, &["read"]));
            tokio::spawn(async move { http.accept("IssueToken", body).await })
        });
        for sent in sent.collect::<Vec<_>>() {
            sent.await.expect("it is accepted");
        }
        let mut open = 0;
        for token in &tokens {
            open += usize::from(is_in_force(&annals, *token).await);
        }
        assert_eq!(open, 1, "round {round}");
        let given = annals.history(&format!("/users/{user}")).await;
        let given: Vec<_> = given.iter().filter(|one| one["type"] == "user.token_given").collect();
        assert_eq!(given.len(), 8);
        assert_eq!(given.iter().filter(|one| one["data"]["first"] == true).count(), 1);
    }
}

#[tokio::test]
async fn the_first_user_is_given_no_second_first_token() {
    let annals = Annals::start().await;
    let administrator = annals.get("/me").await.ok()["user"].clone();
    let administrator: Uuid = serde_json::from_value(administrator).expect("a user");
    let chief = annals.user("Chief").await;
    let (_, token) = annals.token_for(chief, &["admin"]).await;
    let http = annals.with_token(Some(&token));
    let token = Uuid::from_u128(0x72);
    http.accept("IssueToken", issue(token, administrator, &["admin"])).await;
    assert!(!is_in_force(&annals, token).await);
}

#[tokio::test]
async fn tokens_are_listed_for_administrators_and_everybody_sees_their_own() {
    let annals = Annals::start().await;
    let me = annals.get("/me").await.ok();
    let (ana, http) = annals.as_user("Ana").await;
    let token = Uuid::from_u128(0x73);
    let mut body = issue(token, ana, &["read"]);
    body["label"] = json!("laptop");
    annals.accept("IssueToken", body).await;

    let all = annals.all("/tokens").await;
    assert_eq!(all.len(), 3, "{all:?}");
    let issuer = json!({ "kind": "user", "id": me["user"] });
    let shown = listed(&annals, token).await;
    assert_eq!((&shown["user"], &shown["label"]), (&json!(ana), &json!("laptop")));
    assert_eq!((&shown["issued_by"], &shown["issued_with"]), (&issuer, &me["token"]));
    assert!(shown["issued_at"].is_string());
    assert!(all.iter().any(|one| one["issued_by"]["kind"] == "system"), "the first token");
    assert!(!json!(all).to_string().contains("sha256"), "no secret and no hash of one");

    let own = http.all("/tokens").await;
    assert_eq!(own.len(), 2, "{own:?}");
    assert!(own.iter().all(|one| one["user"] == json!(ana)));
    let narrowed =
        http.now(&format!("/tokens?user={}", me["user"].as_str().expect("a user"))).await;
    assert_eq!(narrowed["items"], json!([]), "whose tokens there are is nobody else's business");
    let pending = annals.now("/tokens?state=Pending").await;
    assert_eq!(pending["items"].as_array().map(Vec::len), Some(1));
    // Page by page.
    assert_eq!(annals.all("/tokens?limit=1").await, all);
    // And the user's own history says who issued it.
    let history = annals.history(&format!("/users/{ana}")).await;
    let given: Vec<_> = history.iter().filter(|one| one["type"] == "user.token_given").collect();
    assert_eq!(given.len(), 2);
    assert!(given.iter().all(|one| one["actor"] == issuer), "{given:?}");
    assert_eq!(given[1]["data"], json!({ "token": token, "first": false }));
}

#[tokio::test]
async fn the_bearer_scheme_is_taken_in_any_case_by_both_apis() {
    let annals = Annals::start().await;
    let nobody = annals.with_token(None);
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let authorization = format!("{scheme} {}", annals.token());
        for path in ["/me", "/accounts"] {
            let headers = [("authorization", authorization.as_str())];
            nobody.send(hyper::Method::GET, path, &headers, Vec::new()).await.ok();
        }
    }
}

#[tokio::test]
async fn acts_of_administration_are_events_and_their_refusals_attempts() {
    let annals = Annals::start().await;
    let me = annals.get("/me").await.ok();
    let (ana, http) = annals.as_user("Ana").await;
    annals.account("Contoso").await;
    for act in ["replay", "verify", "backup"] {
        let path = format!("/admin/{act}");
        http.post(&path, &[], &json!({ "name": "monday" })).await.problem(403, "access.denied");
    }
    let attempts = http.attempts().await;
    let tried: Vec<_> = attempts.iter().map(|one| one["command"].clone()).collect();
    assert_eq!(tried, ["Replay", "Verify", "Backup"]);
    assert!(attempts.iter().all(|one| one["actor"]["id"] == json!(ana)), "{attempts:?}");

    // Whoever keeps the read models has begun to.
    annals.now("/accounts").await;
    annals.replay().await;
    let acts = annals.feed("category=administration").await;
    let [replayed] = &acts[..] else { panic!("{acts:?}") };
    assert_eq!(replayed["type"], "administration.replayed");
    assert_eq!(replayed["actorid"], me["user"]);
    assert_eq!(replayed["data"]["data"]["outcome"], json!({ "result": "done" }));
    assert_eq!(replayed["data"]["data"]["equal"], true);
    let log = annals.get("/version").await.ok()["log"].as_str().expect("a log").to_owned();
    assert_eq!(replayed["subject"], format!("administration-{log}"));
    // Its own event does not stop it from being done again, and reading is no act.
    annals.replay().await;
    annals.post("/admin/verify", &[], &json!({})).await;
    assert_eq!(annals.feed("category=administration").await.len(), 2);
}

#[tokio::test]
async fn no_command_names_the_stream_of_administration() {
    let annals = Annals::start().await;
    let log = annals.get("/version").await.ok()["log"].clone();
    let note = json!({ "regarding": { "type": "administration", "id": log }, "text": "x" });
    let problem = annals.command("AddNote", note).await.problem(422, "command.invalid");
    assert!(
        !problem["detail"].as_str().unwrap_or_default().contains("expected one of `administration")
    );
}
