//! Tokens: who may ask what, and who may ask nothing.

use hyper::Method;
use serde_json::{Value, json};
use tests::{Annals, Http};
use uuid::Uuid;

/// One request of each kind, and the scope it needs.
fn requests(account: Uuid) -> Vec<(Method, String, Value, &'static str)> {
    let create = json!({ "name": "Contoso" });
    let add = json!({ "name": "Bia" });
    vec![
        (Method::POST, "/commands/CreateAccount".to_owned(), create, "write"),
        (Method::POST, "/commands/AddUser".to_owned(), add, "admin"),
        (Method::GET, "/accounts".to_owned(), Value::Null, "read"),
        (Method::GET, format!("/accounts/{account}"), Value::Null, "read"),
        (Method::GET, format!("/accounts/{account}/timeline"), Value::Null, "read"),
        (Method::GET, "/expected-revenue".to_owned(), Value::Null, "read"),
        (Method::GET, format!("/accounts/{account}/history"), Value::Null, "audit"),
        (Method::GET, "/events?limit=1".to_owned(), Value::Null, "audit"),
        (Method::GET, "/attempts".to_owned(), Value::Null, "audit"),
        (Method::GET, "/processes".to_owned(), Value::Null, "audit"),
        (Method::POST, "/admin/verify".to_owned(), Value::Null, "admin"),
    ]
}

async fn ask(http: &Http, method: Method, path: &str, body: &Value) -> tests::Answer {
    let headers = [("content-type", "application/json")];
    http.send(method, path, &headers, body.to_string().into_bytes()).await
}

#[tokio::test]
async fn a_token_opens_what_its_scopes_say_and_nothing_else() {
    let annals = Annals::start().await;
    let contoso = annals.account("Contoso").await.id;
    let mut scoped = Vec::new();
    for scope in ["read", "write", "audit", "admin"] {
        let user = annals.user(scope).await;
        scoped.push((scope, annals.token_for(user, &[scope]).await.1));
    }
    annals.now("/accounts").await;
    for (scope, token) in scoped {
        let http = annals.with_token(Some(&token));
        for (method, path, body, needed) in requests(contoso) {
            let answer = ask(&http, method, &path, &body).await;
            if scope == needed {
                assert_eq!(answer.status, 200, "{scope} {path}: {}", answer.text());
            } else {
                answer.problem(403, "access.denied");
            }
        }
    }
}

#[tokio::test]
async fn whoever_has_no_valid_token_learns_nothing() {
    let annals = Annals::start().await;
    let contoso = annals.account("Contoso").await.id;
    let before = annals.head().await;
    let token = annals.token();
    let (id, secret) = token.rsplit_once('_').expect("two parts");
    let wrong = format!("{id}_{}", secret.chars().rev().collect::<String>());
    let unknown = format!("annals_{}_{secret}", "0".repeat(32));
    let presented = [
        String::new(),
        "Bearer".to_owned(),
        format!("bearer{token}"),
        format!("Basic {token}"),
        token.clone(),
        format!("Bearer {wrong}"),
        format!("Bearer {unknown}"),
        format!("Bearer {}", token.to_uppercase()),
        format!("Bearer {token}x"),
        format!("Bearer {token}, Bearer {token}"),
        format!("Bearer annals_{}' or '1'='1_{secret}", "0".repeat(16)),
    ];
    let nobody = annals.with_token(None);
    for (method, path, body, _) in requests(contoso) {
        for authorization in &presented {
            let headers = [("content-type", "application/json"), ("authorization", authorization)];
            let body = body.to_string().into_bytes();
            // Each from an address of its own: who fails too often hears that instead.
            let answer = nobody.elsewhere().send(method.clone(), &path, &headers, body).await;
            answer.problem(401, "auth.required");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
            assert!(!answer.text().contains("Contoso"));
        }
        ask(&nobody.elsewhere(), method, &path, &body).await.problem(401, "auth.required");
    }
    nobody
        .get(&format!("/accounts/{}?as_of=x", Uuid::from_u128(9)))
        .await
        .problem(401, "auth.required");
    assert_eq!(annals.head().await, before);
    assert_eq!(annals.attempts().await, Vec::<Value>::new(), "strangers leave no attempts");
}

#[tokio::test]
async fn a_token_is_in_force_until_it_is_revoked_or_its_user_disabled() {
    let annals = Annals::start().await;
    let ana = annals.user("Ana").await;
    let (id, token) = annals.token_for(ana, &["read", "write"]).await;
    let http = annals.with_token(Some(&token));
    http.account("Contoso").await;
    http.get("/accounts").await.ok();
    let may = async |expected: bool| {
        annals.now("/accounts").await;
        let answers = [
            http.command("CreateAccount", json!({ "name": "Fabrikam" })).await,
            http.get("/accounts").await,
        ];
        for answer in answers {
            if expected { drop(answer.ok()) } else { drop(answer.problem(401, "auth.required")) }
        }
    };

    annals.accept("DisableUser", json!({ "user_id": ana })).await;
    may(false).await;
    annals.accept("EnableUser", json!({ "user_id": ana })).await;
    may(true).await;
    annals.accept("RevokeToken", json!({ "token_id": id })).await;
    may(false).await;
    annals.accept("EnableUser", json!({ "user_id": ana })).await;
    may(false).await;
}

#[tokio::test]
async fn nobody_hands_out_more_than_they_have() {
    let annals = Annals::start().await;
    let chief = annals.user("Chief").await;
    let (_, token) = annals.token_for(chief, &["admin"]).await;
    let http = annals.with_token(Some(&token));
    let other = annals.user("Other").await;
    let issue = |user: Uuid, scopes: Value| {
        json!({
            "user": user, "scopes": scopes, "secret_sha256": "ab".repeat(32),
        })
    };
    annals.command("IssueToken", issue(chief, json!([]))).await.refused("token.no_scopes");
    annals
        .command("IssueToken", issue(chief, json!(["root"])))
        .await
        .problem(422, "command.invalid");
    http.accept("IssueToken", issue(chief, json!(["admin"]))).await;
    for scope in ["read", "write", "audit"] {
        for user in [chief, other] {
            let more = http.command("IssueToken", issue(user, json!(["admin", scope]))).await;
            assert_eq!(more.refused("token.exceeds_own")["params"]["scopes"], json!([scope]));
        }
    }
    annals.accept("DisableUser", json!({ "user_id": chief })).await;
    annals.command("IssueToken", issue(chief, json!(["read"]))).await.refused("user.disabled");
}

#[tokio::test]
async fn a_caller_learns_who_they_are() {
    let annals = Annals::start().await;
    let (ana, http) = annals.as_user("Ana").await;
    let me = http.get("/me").await.ok();
    assert_eq!((&me["user"], &me["scopes"]), (&json!(ana), &json!(["read", "write", "audit"])));
    http.with_token(None).get("/me").await.problem(401, "auth.required");
}
