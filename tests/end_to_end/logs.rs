//! Log lines: enough to operate by, nothing that was entrusted.

use hyper::Method;
use serde_json::json;
use tests::{Http, Process, encoded};

use crate::evidence::{PERSONAL, say_everything};

/// Requests that fail, each with something private in it.
async fn fail_in_every_way(http: &Http) {
    let json_body = [("content-type", "application/json")];
    for body in [
        r#"{"last_name":"Quaresma","colour":"red"}"#,
        r#"{"last_name":"Quaresma","#,
        r#"{"last_name":"Quaresma","email":"bia.quaresma is none"}"#,
        r#"{"last_name":"Quaresma","last_name":"Quaresma"}"#,
    ] {
        let body = body.as_bytes().to_vec();
        http.send(Method::POST, "/commands/CreateContact", &json_body, body).await;
    }
    let rename =
        json!({ "contact_id": "00000000-0000-0000-0000-000000000009", "last_name": "Quaresma" });
    http.command("ChangeContactDetails", rename).await.problem(404, "record.not_found");
    for filter in ["bia.quaresma@home.example", "Beatriz"] {
        http.get(&format!("/contacts?email={}", encoded(filter))).await;
        http.get(&format!("/contacts?colour={}", encoded(filter))).await;
    }
}

#[tokio::test]
async fn no_log_line_says_a_name_an_address_or_a_secret() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, log) = (folder.path().join("data"), folder.path().join("log"));
    let process = Process::start_logging(&data, &log);
    let http = process.http();
    let token = std::fs::read_to_string(data.join("token")).expect("the first token");
    let (_, secret) = token.trim().rsplit_once('_').expect("a secret");

    say_everything(&http).await;
    fail_in_every_way(&http).await;
    let stranger = token.trim().replace("annals_", "annals_0");
    http.with_token(Some(&stranger)).get("/accounts").await.problem(401, "auth.required");
    http.replay().await;
    process.kill();
    // A second start reads everything again.
    let again = folder.path().join("again");
    let process = Process::start_logging(&data, &again);
    process.http().now("/contacts").await;
    process.kill();

    for file in [log, again] {
        let text = std::fs::read_to_string(&file).expect("log lines");
        assert!(text.contains("/contacts"), "what was asked is in the log: {text}");
        for private in PERSONAL.into_iter().chain([secret, token.trim(), &stranger]) {
            let line = text.lines().find(|line| line.contains(private));
            assert_eq!(line, None, "{private} stands in a log line");
        }
    }
}
