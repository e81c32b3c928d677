//! Why something was done, in whatever letters, by whatever way it came in.

use serde_json::{Value, json};
use tests::{Annals, Http};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use uuid::Uuid;

const PRICE: &str = "Preço alto, 5 € a mais";
const ENCODED: &str = "UTF-8''Pre%C3%A7o%20alto%2C%205%20%E2%82%AC%20a%20mais";

async fn reason_of(http: &Http, account: Uuid) -> Value {
    http.now(&format!("/accounts/{account}/history")).await["items"][0]["reason"].clone()
}

#[tokio::test]
async fn a_reason_is_kept_as_it_was_meant() {
    let annals = Annals::start().await;
    let create = json!({ "name": "Contoso" });
    for written in [PRICE, ENCODED] {
        let headers = [("annals-reason", written)];
        let made = annals.post("/commands/CreateAccount", &headers, &create).await.accepted();
        assert_eq!(reason_of(&annals, made.id).await, PRICE, "{written}");
    }
    let item = json!({ "type": "CreateAccount", "data": create, "reason": PRICE });
    let answers = annals.post("/commands", &[], &json!([item])).await.ok();
    let id = answers[0]["record"]["id"].as_str().and_then(|id| Uuid::try_parse(id).ok());
    assert_eq!(reason_of(&annals, id.expect("a record")).await, PRICE);
}

#[tokio::test]
async fn a_reason_in_latin_1_is_refused_by_that_name() {
    let annals = Annals::start().await;
    let address = annals.commands_url().trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&address).await.expect("it listens");
    let body = r#"{"name":"Contoso"}"#;
    let mut request = format!(
        "POST /commands/CreateAccount HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\
         Annals-Reason: Pre",
        annals.token(),
        body.len(),
    )
    .into_bytes();
    // What a browser sends for ç.
    request.push(0xE7);
    request.extend_from_slice(format!("o alto\r\n\r\n{body}").as_bytes());
    stream.write_all(&request).await.expect("it is sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("it is answered");
    let answer = String::from_utf8(answer).expect("UTF-8");
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    for part in ["header.malformed", "Latin-1", "UTF-8''Pre%C3%A7o", "`reason`"] {
        assert!(answer.contains(part), "{part}: {answer}");
    }
}
