//! What is judged before a byte of a body is read, and that every error has one form.

use hyper::Method;
use serde_json::json;
use tests::{Annals, Raw};

const LONG: (&str, &str) = ("Content-Length", "100000");
const JSON: (&str, &str) = ("Content-Type", "application/json");

/// Sends the head of a request, nothing of its body, and expects to be refused at once and for good.
async fn refused(annals: &Annals, request: &str, headers: &[(&str, &str)], answer: (u16, &str)) {
    let mut raw = Raw::connect(annals.commands_url()).await;
    raw.head(request, headers).await;
    let answered = raw.answer().await;
    answered.problem(answer.0, answer.1);
    assert!(answered.is_last(), "{request}: the rest of the body is not waited for");
    assert!(raw.ended().await, "{request}");
}

#[tokio::test]
async fn the_token_is_judged_before_the_body_is_read() {
    let annals = Annals::start().await;
    let wrong = format!("Bearer annals_{}_{}", "0".repeat(32), "0".repeat(64));
    let foreign = [("Authorization", wrong.as_str()), LONG, JSON];
    for request in [
        "POST /commands/CreateAccount",
        "POST /commands/NoSuchCommand",
        "POST /commands",
        "POST /admin/backup",
        "POST /admin/verify",
    ] {
        refused(&annals, request, &[LONG, JSON], (401, "auth.required")).await;
        refused(&annals, request, &foreign, (401, "auth.required")).await;
    }
}

#[tokio::test]
async fn a_request_is_refused_for_the_first_thing_that_is_wrong_with_it() {
    let annals = Annals::start().await;
    let bearer = format!("Bearer {}", annals.token());
    let user = annals.user("Rita").await;
    let (_, reader) = annals.token_for(user, &["read"]).await;
    let reader = format!("Bearer {reader}");
    let may = ("Authorization", bearer.as_str());
    let may_not = ("Authorization", reader.as_str());
    let text = ("Content-Type", "text/plain");
    let huge = ("Content-Length", "99999999");
    let create = "POST /commands/CreateAccount";
    let denied = (403, "access.denied");
    refused(&annals, create, &[may_not, huge, text], denied).await;
    refused(&annals, "POST /commands/NoSuchCommand", &[may_not, huge, text], denied).await;
    refused(&annals, "POST /commands", &[may_not, huge, text], denied).await;
    let unknown = (404, "command.unknown");
    refused(&annals, "POST /commands/NoSuchCommand", &[may, huge, text], unknown).await;
    let unsupported = (415, "body.unsupported_media_type");
    let large = (413, "body.too_large");
    for request in [create, "POST /commands"] {
        refused(&annals, request, &[may, huge, text], unsupported).await;
        refused(&annals, request, &[may, huge, JSON], large).await;
    }
    refused(&annals, "POST /nowhere", &[may, huge, JSON], (404, "route.unknown")).await;
    refused(&annals, "POST /me", &[may, huge, JSON], (405, "method.not_allowed")).await;
}

#[tokio::test]
async fn an_answer_arrives_although_its_caller_still_sends() {
    let annals = Annals::start().await;
    let mut raw = Raw::connect(annals.commands_url()).await;
    raw.head("POST /commands", &[("Content-Length", "8000000"), JSON]).await;
    let part = vec![b' '; 80_000];
    for _ in 0..100 {
        raw.send(&part).await;
    }
    raw.answer().await.problem(401, "auth.required");
}

#[tokio::test]
async fn every_error_is_a_problem_whoever_makes_it() {
    let annals = Annals::start().await;
    for (method, path, body, status, code) in [
        (Method::GET, "/accounts/%ff", "", 400, "target.malformed"),
        (Method::POST, "/commands/%ff", "{}", 400, "target.malformed"),
        (Method::PUT, "/accounts", "", 405, "method.not_allowed"),
        (Method::GET, "/commands", "", 405, "method.not_allowed"),
        (Method::GET, "/nowhere", "", 404, "route.unknown"),
    ] {
        let answer = annals.send(method, path, &[JSON], body.into()).await;
        answer.problem(status, code);
    }
    let brew = Method::from_bytes(b"BREW").expect("a method");
    annals.send(brew, "/accounts", &[], Vec::new()).await.problem(405, "method.not_allowed");
    for body in [json!({}), json!([]), json!({ "to": 7 }), json!({ "from": "a" })] {
        let answer = annals.post("/admin/backup", &[], &body).await;
        // Where the data lie in databases it is never done here.
        let code = answer.json()["code"].as_str().expect("a code").to_owned();
        assert!(["body.invalid", "backup.by_database"].contains(&code.as_str()), "{code}");
        answer.problem(422, &code);
    }
}
