//! The wire: what could be read in two ways is refused, and by whom requests may come in.

use serde_json::json;
use tests::{Annals, Http, Raw, until};

/// Both APIs; the same where the product is one process.
fn urls(annals: &Annals) -> [String; 2] {
    [annals.commands_url().to_owned(), annals.queries_url().to_owned()]
}

/// The head of a request with this line and these further lines, and the right `Host`.
fn head(raw: &Raw, line: &str, rest: &str) -> String {
    format!("{line}\r\nHost: {}\r\n{rest}\r\n", raw.host())
}

/// A command whose head can be read in two ways: the fields behind the token's, the body, the code.
fn two_ways(body: &str) -> Vec<(String, String, &'static str)> {
    let length = body.len();
    let chunked = format!("{length:x}\r\n{body}\r\n0\r\n\r\n");
    let both = format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n");
    let zipped = "Transfer-Encoding: gzip, chunked\r\n".to_owned();
    let mut cases = vec![
        (both, chunked.clone(), "body.length_malformed"),
        (zipped, chunked, "body.length_malformed"),
        (format!("Content-Length: +{length}\r\n"), body.to_owned(), "body.length_malformed"),
        (format!("Content-Length: {length}\nX: y\r\n"), body.to_owned(), "request.malformed"),
    ];
    for (further, code) in [
        (format!("Content-Length: {length}\r\n"), "body.length_malformed"),
        ("X : y\r\n".to_owned(), "request.malformed"),
        ("X: y\r\n z\r\n".to_owned(), "request.malformed"),
        ("X: a\0b\r\n".to_owned(), "request.malformed"),
        ("Host: a\r\n".to_owned(), "host.malformed"),
    ] {
        let fields = format!("Content-Length: {length}\r\n{further}");
        cases.push((fields, body.to_owned(), code));
    }
    cases
}

/// Lines of requests that nobody can answer.
const LINES: [(&str, u16, &str); 7] = [
    ("G@T / HTTP/1.1", 400, "request.malformed"),
    ("GET  / HTTP/1.1", 400, "request.malformed"),
    ("GET /accounts/%ff HTTP/1.1", 400, "target.malformed"),
    ("GET /accounts/%zz HTTP/1.1", 400, "target.malformed"),
    ("GET accounts HTTP/1.1", 400, "target.malformed"),
    ("GET /livez HTTP/3.0", 505, "http.version"),
    ("CONNECT a:80 HTTP/1.1", 405, "method.not_allowed"),
];

#[tokio::test]
async fn what_could_be_read_in_two_ways_is_refused_and_ends_the_connection() {
    let annals = Annals::start().await;
    let before = annals.head().await;
    let bearer = format!("Authorization: Bearer {}\r\n", annals.token());
    let create = format!("{bearer}Content-Type: application/json\r\n");
    let post = "POST /commands/CreateAccount HTTP/1.1";
    let cases = two_ways(r#"{"name":"Contoso"}"#)
        .into_iter()
        .map(|(fields, body, code)| (post, format!("{create}{fields}"), body, 400, code))
        .chain(
            LINES.map(|(line, status, code)| (line, bearer.clone(), String::new(), status, code)),
        );
    let cases: Vec<_> = cases.collect();
    for url in urls(&annals) {
        for (line, rest, body, status, code) in &cases {
            let mut raw = Raw::connect(&url).await;
            let head = head(&raw, line, rest);
            // What comes behind it is not looked at.
            raw.send(format!("{head}{body}GET /livez HTTP/1.1\r\n\r\n")).await;
            let answer = raw.answer().await;
            answer.problem(*status, code);
            assert!(answer.is_last(), "{head:?}");
            assert!(raw.ended().await, "{head:?}");
        }
    }
    assert_eq!(annals.head().await, before, "nothing was carried out");
}

#[tokio::test]
async fn a_head_has_limits_and_says_so_when_they_are_passed() {
    let annals = Annals::start().await;
    let long = "x".repeat(64 * 1024);
    for (line, rest, status, code) in [
        (format!("GET /{long} HTTP/1.1"), String::new(), 414, "target.too_long"),
        ("GET /livez HTTP/1.1".to_owned(), format!("X: {long}\r\n"), 431, "head.too_large"),
        ("GET /livez HTTP/1.1".to_owned(), "X: y\r\n".repeat(500), 431, "head.too_large"),
    ] {
        for url in urls(&annals) {
            let mut raw = Raw::connect(&url).await;
            let head = head(&raw, &line, &rest);
            raw.send(head).await;
            raw.answer().await.problem(status, code);
            assert!(raw.ended().await);
        }
    }
}

#[tokio::test]
async fn a_request_for_another_host_is_told_nothing() {
    let annals = Annals::start().await;
    for url in urls(&annals) {
        let port = url.rsplit(':').next().expect("a port").to_owned();
        for path in ["/livez", "/metrics", "/openapi.json", "/accounts", "/nowhere"] {
            for (target, host) in [
                (path.to_owned(), "crm.evil.example".to_owned()),
                (path.to_owned(), format!("evil.example:{port}")),
                (path.to_owned(), "127.0.0.1:1".to_owned()),
                (format!("http://evil.example{path}"), format!("localhost:{port}")),
            ] {
                let mut raw = Raw::connect(&url).await;
                raw.send(format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
                let problem = raw.answer().await.problem(421, "host.unknown");
                assert!(!problem.to_string().contains("evil"));
            }
        }
        // A probe by the address, by a name of loopback, with an absolute target, or of HTTP/1.0.
        for request in [
            format!("GET /livez HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n"),
            format!("GET /livez HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n"),
            "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
            format!("GET http://localhost:{port}/livez HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n"),
            "GET /livez HTTP/1.0\r\n\r\n".to_owned(),
        ] {
            let mut raw = Raw::connect(&url).await;
            raw.send(&request).await;
            let answer = raw.answer().await;
            assert_eq!(
                (answer.status.as_u16(), answer.body),
                (200, b"alive\n".to_vec()),
                "{request:?}"
            );
        }
        for request in
            ["GET /livez HTTP/1.1\r\n\r\n", "GET /livez HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"]
        {
            let mut raw = Raw::connect(&url).await;
            raw.send(request).await;
            raw.answer().await.problem(400, "host.malformed");
        }
    }
}

#[tokio::test]
async fn requests_behind_each_other_are_answered_in_their_order() {
    let annals = Annals::start().await;
    let mut raw = Raw::connect(annals.commands_url()).await;
    let ask = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let post = "POST /commands HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n[]";
    raw.send(format!("{}{}{}GET / HTTP/9\r\n\r\n", ask("/livez"), ask("/nowhere"), ask("/me")))
        .await;
    assert_eq!(raw.answer().await.body, b"alive\n");
    raw.answer().await.problem(404, "route.unknown");
    raw.answer().await.problem(401, "auth.required");
    raw.answer().await.problem(505, "http.version");
    assert!(raw.ended().await);
    // After a body that nobody read, nothing more is answered.
    let mut raw = Raw::connect(annals.commands_url()).await;
    raw.send(format!("{post}{}", ask("/livez"))).await;
    raw.answer().await.problem(401, "auth.required");
    assert!(raw.ended().await);
}

#[tokio::test]
async fn a_body_in_chunks_is_a_body_and_one_that_is_announced_is_asked_for() {
    let annals = Annals::start().await;
    let bearer = format!("Bearer {}", annals.token());
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    let body = r#"{"name":"Contoso"}"#;
    let mut raw = Raw::connect(annals.commands_url()).await;
    let with = |more| [headers.as_slice(), &[more]].concat();
    raw.head("POST /commands/CreateAccount", &with(("Transfer-Encoding", "chunked"))).await;
    for byte in body.chars() {
        raw.send(format!("1\r\n{byte}\r\n")).await;
    }
    raw.send("0\r\n\r\n").await;
    let answer = raw.answer().await;
    assert_eq!(answer.status, 200);
    assert!(answer.is_last());

    let mut raw = Raw::connect(annals.commands_url()).await;
    let length = body.len().to_string();
    let expect = [with(("Content-Length", &length)), vec![("Expect", "100-continue")]].concat();
    raw.head("POST /commands/CreateAccount", &expect).await;
    assert_eq!(raw.answer().await.status, 100);
    raw.send(body).await;
    assert_eq!(raw.answer().await.status, 200);
    // Nobody is asked for a body that would not be read.
    let mut raw = Raw::connect(annals.commands_url()).await;
    raw.head("POST /commands/CreateAccount", &expect[1..]).await;
    raw.answer().await.problem(401, "auth.required");
}

#[tokio::test]
async fn documents_are_sent_once_and_heads_without_a_body() {
    let annals = Annals::start().await;
    annals.settled().await;
    for url in urls(&annals) {
        let probe = Http::new(&url, "");
        until("it is ready", async || probe.get("/readyz").await.status == 200).await;
        let mut raw = Raw::connect(&url).await;
        raw.head("GET /openapi.json", &[]).await;
        let whole = raw.answer().await;
        assert_eq!(whole.headers["content-type"], "application/json");
        let tag = whole.headers["etag"].to_str().expect("a text").to_owned();
        assert!(tag.starts_with('"'), "a strong tag: {tag}");
        raw.head("GET /openapi.json", &[("If-None-Match", &tag)]).await;
        let known = raw.answer().await;
        assert_eq!((known.status.as_u16(), known.body.len()), (304, 0));
        assert_eq!(known.headers["etag"], tag.as_str());
        raw.head("GET /openapi.json", &[("If-None-Match", "\"another\"")]).await;
        assert_eq!(raw.answer().await.body, whole.body);
        for path in ["/openapi.json", "/livez", "/readyz", "/metrics", "/version"] {
            raw.head(&format!("HEAD {path}"), &[]).await;
            let head = raw.head_answer().await;
            assert_eq!(head.status, 200, "{path}");
            if path == "/openapi.json" {
                assert_eq!(head.headers["content-length"], whole.body.len().to_string().as_str());
            }
        }
    }
    let accounts = annals.send(hyper::Method::HEAD, "/accounts", &[], Vec::new()).await;
    assert_eq!((accounts.status.as_u16(), accounts.bytes.len()), (200, 0));
    annals.accept("CreateAccount", json!({ "name": "Contoso" })).await;
}
