//! 3.1: the transport, and HTTP.

use futures_util::future::join_all;
use serde_json::json;
use tests::{Raw, until};

use crate::{
    row::{Caller, Row, Send, Steps, bytes, create, get, row},
    run::stranger,
    world::{ACCOUNT, World},
};

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = slow();
    rows.extend(heads());
    rows.extend(chunks());
    rows.extend(two_ways());
    rows.extend(targets());
    rows.extend(content());
    rows.extend(callers());
    rows
}

fn slow() -> Vec<Row> {
    vec![
        row(1, "a connection that says nothing")
            .test("tests/end_to_end/connections.rs::a_connection_that_asks_nothing_is_closed"),
        row(2, "a head that comes byte by byte").test(
            "tests/end_to_end/connections.rs::a_head_that_comes_too_slowly_is_answered_and_ends",
        ),
        row(3, "a body that comes byte by byte").test(
            "tests/end_to_end/connections.rs::a_body_that_comes_too_slowly_is_answered_and_ends",
        ),
        row(4, "twenty thousand idle connections")
            .test("tests/operating/crowded.rs::whoever_asks_is_answered_however_many_connections_are_idle_or_slow"),
    ]
}

/// A command with these fields behind the host's and the token's, and this body.
fn sent(fields: &str, body: &str) -> String {
    format!(
        "POST /commands/CreateAccount HTTP/1.1\r\nHost: {{host}}\r\nAuthorization: {{bearer}}\r\n\
         Content-Type: application/json\r\n{fields}\r\n{body}"
    )
}

/// A question with these fields behind the host's.
fn asked(line: &str, fields: &str) -> String {
    format!("{line}\r\nHost: {{host}}\r\nAuthorization: {{bearer}}\r\n{fields}\r\n")
}

const BODY: &str = r#"{"name":"A"}"#;

/// A command with a length and these fields, which cannot be read in one way only.
fn field(what: &'static str, fields: &str, code: &'static str) -> Send {
    bytes(what, sent(&format!("Content-Length: 12\r\n{fields}"), BODY), 400, code)
}

fn heads() -> Vec<Row> {
    let long = "x".repeat(64 * 1024);
    let length = |value: &str| {
        let what = "a length that is none";
        bytes(
            what,
            sent(&format!("Content-Length: {value}\r\n"), BODY),
            400,
            "body.length_malformed",
        )
    };
    vec![
        row(5, "a head that is too large").sends([
            bytes(
                "64 KiB",
                asked("GET /livez HTTP/1.1", &format!("X: {long}\r\n")),
                431,
                "head.too_large",
            ),
            bytes(
                "500 fields",
                asked("GET /livez HTTP/1.1", &"X: y\r\n".repeat(500)),
                431,
                "head.too_large",
            ),
        ]),
        row(6, "a target that is too long").sends([bytes(
            "64 KiB",
            asked(&format!("GET /{long} HTTP/1.1"), ""),
            414,
            "target.too_long",
        )]),
        row(7, "a length beyond all numbers").sends([length("99999999999999999999")]),
        row(8, "lengths that are none").sends([
            length("-1"),
            length("+12"),
            length("12,12"),
            length("0x0c"),
            length("12 12"),
            length(""),
            field("another one", "Content-Length: 13\r\n", "body.length_malformed"),
            field("the same twice", "Content-Length: 12\r\n", "body.length_malformed"),
        ]),
        row(9, "a length and chunks").sends([
            field("both", "Transfer-Encoding: chunked\r\n", "body.length_malformed"),
            field(
                "another encoding",
                "Transfer-Encoding: gzip, chunked\r\n",
                "body.length_malformed",
            ),
            field("no encoding", "Transfer-Encoding: identity\r\n", "body.length_malformed"),
        ]),
    ]
}

fn chunks() -> Vec<Row> {
    let chunked = |what, body: &str| {
        bytes(what, sent("Transfer-Encoding: chunked\r\n", body), 400, "body.incomplete").in_body()
    };
    vec![
        row(10, "chunks that are none").sends([
            // The largest there is: it is waited for like any other.
            bytes(
                "a size beyond all bodies",
                sent("Transfer-Encoding: chunked\r\n", "FFFFFFFFFFFFFFFF\r\nx\r\n0\r\n\r\n"),
                408,
                "body.too_slow",
            )
            .in_body(),
            chunked("a size of seventeen digits", "10000000000000000\r\nx\r\n0\r\n\r\n"),
            chunked("a size that is none", "-1\r\nx\r\n0\r\n\r\n"),
            chunked("no size", "\r\nx\r\n0\r\n\r\n"),
            chunked(
                "1 MiB of extensions",
                &format!("1;{}\r\nx\r\n0\r\n\r\n", "y".repeat(1024 * 1024)),
            ),
            chunked("a chunk longer than its size", "1\r\nxyz\r\n0\r\n\r\n"),
        ]),
    ]
}

fn two_ways() -> Vec<Row> {
    vec![
        row(11, "heads that can be read in two ways").sends([
            field("a line feed alone", "A: b\nX: y\r\n", "request.malformed"),
            field("a space before the colon", "X : y\r\n", "request.malformed"),
            field("a folded field", "X: y\r\n z\r\n", "request.malformed"),
            field("NUL", "X: a\0b\r\n", "request.malformed"),
            field("a carriage return alone", "X: a\rb\r\n", "request.malformed"),
            field("no name", ": y\r\n", "request.malformed"),
            field("no colon", "X\r\n", "request.malformed"),
        ]),
        row(12, "hosts").sends([
            field("a second one", "Host: a\r\n", "host.malformed"),
            bytes("none", "GET /livez HTTP/1.1\r\n\r\n", 400, "host.malformed"),
            bytes(
                "an unknown one",
                "GET /livez HTTP/1.1\r\nHost: crm.evil.example\r\n\r\n",
                421,
                "host.unknown",
            ),
            bytes(
                "another port",
                "GET /livez HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n",
                421,
                "host.unknown",
            ),
        ]),
    ]
}

fn line(what: &'static str, line: &str, status: u16, code: &'static str) -> Send {
    bytes(what, asked(line, ""), status, code)
}

fn targets() -> Vec<Row> {
    let path = |path: &str| get(path).refused(404, "route.unknown");
    vec![
        row(13, "paths that climb")
            .asks([
                path("/v1/../../etc/passwd"),
                path("/%2e%2e%2f%2e%2e%2fetc%2fpasswd"),
                path("/..;/etc/passwd"),
                path("//accounts"),
                path("/accounts//"),
                get("/accounts/..%2F..%2Fetc%2Fpasswd").refused(404, "record.not_found"),
                get("/accounts/%00").refused(404, "record.not_found"),
                get("/accounts/%c0%ae%c0%ae").refused(400, "target.malformed"),
                get("/schemas/..%2F..%2Fetc%2Fpasswd/1").refused(404, "schema.unknown"),
            ])
            .sends([
                line("no escape", "GET /accounts/%zz HTTP/1.1", 400, "target.malformed"),
                line("half an escape", "GET /accounts/% HTTP/1.1", 400, "target.malformed"),
                line("no UTF-8", "GET /accounts/%ff HTTP/1.1", 400, "target.malformed"),
            ]),
        row(14, "methods")
            .asks([
                get("/accounts").method("BREW").refused(405, "method.not_allowed"),
                get("/accounts").method("TRACE").refused(405, "method.not_allowed"),
                get("/accounts").method("DELETE").refused(405, "method.not_allowed"),
                get("/accounts").method("get").refused(405, "method.not_allowed"),
                create(BODY).method("PUT").refused(405, "method.not_allowed"),
                get(format!("/accounts/{ACCOUNT}"))
                    .header("x-http-method-override", "DELETE")
                    .with("Contoso"),
            ])
            .sends([line("a tunnel", "CONNECT a:80 HTTP/1.1", 405, "method.not_allowed")]),
        row(15, "a question with a body").journey(question_with_a_body),
        // Only HTTP/1 is spoken; the preface of HTTP/2 is refused as a version.
        row(16, "HTTP/2").sends([
            bytes("its preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "http.version"),
            line("another version", "GET /livez HTTP/3.0", 505, "http.version"),
        ]),
    ]
}

/// Ten megabytes behind a question are not read: the answer is the same, or says that it is too much.
fn question_with_a_body(world: &World) -> Steps<'_> {
    Box::pin(async move {
        let annals = world.annals.http();
        let bearer = format!("Bearer {}", annals.token().unwrap_or_default());
        let mut raw = Raw::connect(annals.queries_url()).await;
        let path = format!("GET /accounts/{ACCOUNT}");
        let length = 10 * 1024 * 1024;
        let headers = [("Authorization", &*bearer), ("Content-Length", &*length.to_string())];
        raw.head(&path, &headers).await;
        raw.try_send(&vec![b' '; length]).await;
        let answer = raw.answer().await;
        assert_eq!(answer.status, 200);
        assert!(String::from_utf8_lossy(&answer.body).contains("Contoso"));
    })
}

fn content() -> Vec<Row> {
    let media = "body.unsupported_media_type";
    let kind = |value: &str| create(BODY).header("content-type", value).refused(415, media);
    let packed = |value: &str| create(BODY).header("content-encoding", value).refused(415, media);
    let many = format!("bytes={}", vec!["0-"; 1_000].join(","));
    vec![
        row(17, "types of bodies").asks([
            create(BODY).without("content-type").refused(415, media),
            kind("text/plain"),
            kind("application/x-www-form-urlencoded"),
            kind("multipart/form-data; boundary=x"),
            kind("application/json; charset=utf-16"),
            kind("application/json; charset=latin1"),
            kind("application/jsonp"),
            kind(""),
            create(BODY).header("content-type", "Application/JSON; charset=UTF-8"),
        ]),
        row(18, "packed bodies").asks([
            packed("gzip"),
            packed("gzip, gzip"),
            packed("br"),
            packed("deflate"),
            packed("nonsense"),
            packed("identity"),
        ]),
        // RFC 9110 lets a server that has one form only answer in it.
        row(19, "another form of answer").asks([
            get(format!("/accounts/{ACCOUNT}")).header("accept", "text/html").with("Contoso"),
            create("").header("accept", "text/html").refused(400, "json.malformed"),
        ]),
        row(20, "a thousand ranges")
            .asks([get("/events?limit=1").header("range", many).with("\"specversion\":\"1.0\"")]),
        row(21, "a body that was announced and never comes").journey(never_comes),
    ]
}

fn never_comes(world: &World) -> Steps<'_> {
    Box::pin(async move {
        let annals = world.annals.http();
        let bearer = format!("Bearer {}", annals.token().unwrap_or_default());
        let mut raw = Raw::connect(annals.commands_url()).await;
        let headers = [
            ("Authorization", bearer.as_str()),
            ("Content-Type", "application/json"),
            ("Content-Length", "12"),
            ("Expect", "100-continue"),
        ];
        raw.head("POST /commands/CreateAccount", &headers).await;
        assert_eq!(raw.answer().await.status, 100);
        raw.answer().await.problem(408, "body.too_slow");
        raw.ended().await;
    })
}

fn callers() -> Vec<Row> {
    let of_another =
        |method: &str, origin: &str| get("/accounts").method(method).header("origin", origin);
    vec![
        // They are answered one after the other, however many.
        row(22, "a thousand requests at once").journey(pipelined),
        row(23, "a caller who hangs up").journey(hangs_up),
        row(24, "forged sources").journey(forged_sources).test(
            "deploy/src/serve/source_tests.rs::the_peer_is_the_source_where_no_proxy_was_named",
        ),
        // No answer to anybody says that pages of other sites may read it.
        row(25, "pages of other sites").asks([
            of_another("OPTIONS", "https://evil.example")
                .header("access-control-request-method", "POST")
                .refused(405, "method.not_allowed"),
            of_another("OPTIONS", "null")
                .header("access-control-request-method", "GET")
                .refused(405, "method.not_allowed"),
            of_another("GET", "https://evil.example").quiet(),
            create(BODY)
                .header("content-type", "text/plain")
                .header("origin", "null")
                .refused(415, "body.unsupported_media_type"),
            get("/accounts")
                .by(Caller::Stranger)
                .header("origin", "null")
                .refused(401, "auth.required"),
        ]),
    ]
}

fn pipelined(world: &World) -> Steps<'_> {
    Box::pin(async move {
        let annals = world.annals.http();
        for url in [annals.commands_url(), annals.queries_url()] {
            let mut raw = Raw::connect(url).await;
            let ask = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", raw.host());
            let both = [ask("/livez"), ask("/nowhere")].concat();
            let mut answered = 0;
            // Sent in parts: an answer that nobody takes holds up those behind it.
            for _ in 0..10 {
                raw.send(both.repeat(50)).await;
                for _ in 0..50 {
                    assert_eq!(raw.answer().await.body, b"alive\n");
                    raw.answer().await.problem(404, "route.unknown");
                    answered += 2;
                }
            }
            assert_eq!(answered, 1_000);
        }
    })
}

/// The command happens once, and whoever asks again hears what became of it.
fn hangs_up(world: &World) -> Steps<'_> {
    Box::pin(async move {
        let annals = &world.annals;
        let key = "77777777-7777-4777-8777-777777777777";
        let name = "Hung up";
        let body = json!({ "name": name }).to_string();
        let fields = format!("Idempotency-Key: {key}\r\nContent-Length: {}\r\n", body.len());
        let url = annals.http().commands_url();
        {
            let mut raw = Raw::connect(url).await;
            let request = sent(&fields, &body).replace("{host}", raw.host());
            raw.send(request.replace("{bearer}", &format!("Bearer {}", annals.token()))).await;
        }
        let headers = [("idempotency-key", key)];
        let mut first = None;
        until("the same answer comes twice", async || {
            let answer =
                annals.post("/commands/CreateAccount", &headers, &json!({ "name": name })).await;
            let accepted = answer.accepted();
            let again = first.replace(accepted.clone()) == Some(accepted);
            again && answer.header("idempotency-replayed") == Some("true")
        })
        .await;
        let page = annals.now("/accounts?name=Hung%20up").await;
        assert_eq!(tests::texts(&page, "/name"), [name]);
    })
}

/// Whoever fails too often is told so, whatever address they claim to have.
fn forged_sources(world: &World) -> Steps<'_> {
    Box::pin(async move {
        let nobody = stranger(world);
        let ask = |number: usize| {
            let claimed = format!("10.0.{}.{}", number / 250, number % 250 + 1);
            let nobody = nobody.clone();
            async move {
                let forwarded = format!("for={claimed}");
                let headers = [("x-forwarded-for", &*claimed), ("forwarded", &*forwarded)];
                nobody.send(hyper::Method::GET, "/me", &headers, Vec::new()).await
            }
        };
        let answers = join_all((0..300).map(ask)).await;
        let refused = answers.iter().filter(|answer| answer.status == 429).count();
        assert!(refused > 0, "one address counts as three hundred");
        assert!(answers.iter().all(|answer| [401, 429].contains(&answer.status.as_u16())));
    })
}
