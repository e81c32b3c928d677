//! Which heads are let through, and that what is let through is read the same way behind.

use std::convert::Infallible;

use axum::{body::Body, response::Response};
use hyper::{Request, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Framing, Refusal, Scan, check};

fn judge(head: &[u8]) -> Result<Option<Framing>, Refusal> {
    match Scan::default().find(head)? {
        Some(end) => check(&head[..end]).map(Some),
        None => Ok(None),
    }
}

fn code(head: &str) -> (u16, &'static str) {
    match judge(head.as_bytes()) {
        Ok(Some(_)) => (200, "let through"),
        Ok(None) => (0, "not whole"),
        Err(refusal) => (refusal.status.as_u16(), refusal.code),
    }
}

/// A head with this request line and one `Host`.
fn line(line: &str) -> String {
    format!("{line}\r\nHost: a\r\n\r\n")
}

/// A head with these headers besides `Host`.
fn with(headers: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: a\r\n{headers}\r\n\r\n")
}

#[test]
fn ordinary_heads_are_let_through() {
    for head in [
        line("GET / HTTP/1.1"),
        line("GET /accounts?name=%ff&a=[b]|{c}^`\"x HTTP/1.1").replace('"', ""),
        line("BREW /a%20b%C3%A9/~x;y=1,2:3@ HTTP/1.0"),
        line("OPTIONS * HTTP/1.1"),
        line("GET http://a:80/b?c HTTP/1.1"),
        line("GET HTTPS://a HTTP/1.1"),
        format!("\r\n{}", line("GET / HTTP/1.1")),
        "GET / HTTP/1.0\r\n\r\n".to_owned(),
        with("X:\tone \u{e9}\u{1f600}"),
        with("X:"),
        with("Content-Length: 7"),
        with("content-length:007"),
        with("Transfer-Encoding: Chunked"),
    ] {
        assert_eq!(code(&head), (200, "let through"), "{head:?}");
    }
    for host in ["a", "a:80", "127.0.0.1:7440", "[::1]", "[::1]:7440", "a-b.c_d.:1"] {
        let head = format!("GET / HTTP/1.1\r\nHost: {host} \r\n\r\n");
        assert_eq!(code(&head), (200, "let through"), "{head:?}");
    }
}

#[test]
fn what_could_be_read_in_two_ways_is_refused() {
    for head in [
        "GET / HTTP/1.1\nHost: a\n\n".to_owned(),
        "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n".to_owned(),
        "\n".to_owned(),
        format!("\r\n\r\n{}", line("GET / HTTP/1.1")),
        line("GET  / HTTP/1.1"),
        line("GET / a HTTP/1.1"),
        line("GET /"),
        line(" GET / HTTP/1.1"),
        line("G@T / HTTP/1.1"),
        line("GET / HTTP/1.1 "),
        line("GET / http/1.1"),
        with("X : b"),
        with(" X: b"),
        with("X: a\r\n b"),
        with("X: a\r\n\tb"),
        with("X"),
        with(": b"),
        with("X: a\0b"),
        with("X: a\rb"),
        with("X: a\u{7f}b"),
        with("X\u{e9}: b"),
    ] {
        assert_eq!(code(&head), (400, "request.malformed"), "{head:?}");
    }
    for target in [
        "a",
        "//",
        "*",
        "/#b",
        "/%zz",
        "/%f",
        "/%ff",
        "/%c0%ae",
        "/\u{e9}",
        "/a\\b",
        "ftp://a/",
        "http://",
        "http://u@a/",
        "a:80",
    ] {
        let expected =
            if target == "//" { (200, "let through") } else { (400, "target.malformed") };
        assert_eq!(code(&line(&format!("GET {target} HTTP/1.1"))), expected, "{target}");
    }
    for head in [
        with("Content-Length: 7\r\nContent-Length: 7"),
        with("Content-Length: 7\r\nContent-Length: 8"),
        with("Content-Length: 7, 7"),
        with("Content-Length: +7"),
        with("Content-Length: -1"),
        with("Content-Length: 0x7"),
        with("Content-Length:"),
        with("Content-Length: 99999999999999999999"),
        with("Content-Length: 18446744073709551615"),
        with("Content-Length: 7\r\nTransfer-Encoding: chunked"),
        with("Transfer-Encoding: chunked\r\nContent-Length: 7"),
        with("Transfer-Encoding: gzip, chunked"),
        with("Transfer-Encoding: chunked, chunked"),
        with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
        with("Transfer-Encoding: identity"),
        with("Transfer-Encoding: xchunked"),
        with("Transfer-Encoding: chunked").replace("HTTP/1.1", "HTTP/1.0"),
    ] {
        assert_eq!(code(&head), (400, "body.length_malformed"), "{head:?}");
    }
}

#[test]
fn a_request_has_one_host() {
    for head in [
        "GET / HTTP/1.1\r\n\r\n".to_owned(),
        with("Host: a"),
        with("Host: b").replace("HTTP/1.1", "HTTP/1.0"),
    ] {
        assert_eq!(code(&head), (400, "host.malformed"), "{head:?}");
    }
    for host in
        ["", "a b", "a,b", "a/b", "u@a", "a:", "a:x", "a:99999", "[::1", "[x]", "[::1]x", "::1"]
    {
        let head = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(code(&head), (400, "host.malformed"), "{head:?}");
    }
}

#[test]
fn other_versions_are_named() {
    for version in ["HTTP/2.0", "HTTP/1.2", "HTTP/0.9", "HTTP/11"] {
        let head = line(&format!("GET / {version}"));
        assert_eq!(code(&head), (505, "http.version"), "{version}");
    }
    assert_eq!(code("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), (505, "http.version"));
    assert_eq!(code(&line("CONNECT a:80 HTTP/1.1")), (405, "method.not_allowed"));
}

#[test]
fn what_grows_beyond_its_limit_is_refused_before_it_is_whole() {
    let target = "x".repeat(25_000);
    assert_eq!(code(&format!("GET /{target}")), (414, "target.too_long"));
    assert_eq!(code(&line(&format!("GET /{target} HTTP/1.1"))), (414, "target.too_long"));
    let value = "x".repeat(50_000);
    assert_eq!(code(&format!("GET / HTTP/1.1\r\nX: {value}")), (431, "head.too_large"));
    assert_eq!(code(&with(&format!("X: {value}"))), (431, "head.too_large"));
    let many = "X: y\r\n".repeat(101);
    assert_eq!(code(&format!("GET / HTTP/1.1\r\n{many}")), (431, "head.too_large"));
    let allowed = "X: y\r\n".repeat(99);
    assert_eq!(code(&with(allowed.trim_end())), (200, "let through"));
    assert_eq!(code(&line(&format!("GET /{} HTTP/1.1", "x".repeat(24_000)))), (200, "let through"));
}

#[test]
fn a_head_is_found_however_it_is_cut() {
    let head = with("Content-Length: 7");
    let bytes = [head.as_bytes(), b"{\n\n}".as_slice()].concat();
    for cut in 0..bytes.len() {
        let mut scan = Scan::default();
        let first = scan.find(&bytes[..cut]).unwrap();
        assert_eq!(first, (cut >= head.len()).then_some(head.len()), "{cut}");
        if first.is_none() {
            assert_eq!(scan.find(&bytes).unwrap(), Some(head.len()), "{cut}");
        }
    }
}

/// Pieces that heads are made of, right and wrong.
fn piece() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "GET",
        "POST",
        " ",
        "/",
        "*",
        "http://a",
        "?",
        "%",
        "%41",
        "HTTP/1.1",
        "HTTP/1.0",
        "\r\n",
        "\r",
        "\n",
        "Host",
        ":",
        "a",
        "b",
        "[::1]",
        "Content-Length",
        "3",
        "0",
        ",",
        "Transfer-Encoding",
        "chunked",
        "gzip",
        "\t",
        "\0",
        "\"",
        "<",
        "{",
        "}",
        "^",
        "|",
        "\\",
        "Connection",
        "close",
        "Expect",
        "100-continue",
        "Upgrade",
        "\u{e9}",
        "~",
        "#",
        "@",
    ]);
    prop_oneof![8 => known.prop_map(str::to_owned), 1 => "[ -~]{1,3}"]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// The parser behind refuses nothing that was let through: its refusals have no body.
    #[test]
    fn what_is_let_through_is_understood_behind(
        target in prop::collection::vec(piece(), 0..6),
        headers in prop::collection::vec((piece(), prop::collection::vec(piece(), 0..4)), 0..4),
    ) {
        let mut head = format!("GET /{} HTTP/1.1\r\nHost: a\r\n", target.concat());
        for (name, value) in headers {
            head.push_str(&format!("{name}: {}\r\n", value.concat()));
        }
        head.push_str("\r\n");
        if let Ok(Some(end)) = Scan::default().find(head.as_bytes())
            && check(&head.as_bytes()[..end]).is_ok()
        {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let answer = runtime.block_on(behind(&head.as_bytes()[..end]));
            prop_assert!(answer.starts_with("HTTP/1.1 200"), "{head:?}: {answer}");
        }
    }
}

/// What the parser behind makes of a head.
async fn behind(head: &[u8]) -> String {
    let (mut ours, theirs) = tokio::io::duplex(64 * 1024);
    let answer =
        service_fn(async |_: Request<Incoming>| Ok::<_, Infallible>(Response::new(Body::empty())));
    let served =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(theirs), answer);
    let asked = async {
        ours.write_all(head).await.unwrap();
        let mut start = [0; 12];
        let read = ours.read_exact(&mut start).await;
        drop(ours);
        read.map_or_else(
            |error| error.to_string(),
            |_| String::from_utf8_lossy(&start).into_owned(),
        )
    };
    let (_served, answer) = tokio::join!(served, asked);
    answer
}
