//! Bad input and broken rules: a stable code, and nothing changed.

use hyper::Method;
use serde_json::json;
use tests::{Annals, account, brl, contact};
use uuid::Uuid;

const JSON: (&str, &str) = ("content-type", "application/json");

/// One body, the headers it comes with, and how it has to be answered.
struct Case {
    what: &'static str,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    answer: (u16, &'static str),
}

fn case(what: &'static str, body: impl Into<Vec<u8>>, status: u16, code: &'static str) -> Case {
    let headers = vec![(JSON.0, JSON.1.to_owned())];
    Case { what, headers, body: body.into(), answer: (status, code) }
}

fn with(what: &'static str, header: (&'static str, &str), status: u16, code: &'static str) -> Case {
    let mut case = case(what, r#"{"name":"Contoso"}"#, status, code);
    case.headers.retain(|(name, _)| *name != header.0);
    case.headers.push((header.0, header.1.to_owned()));
    case
}

fn syntax() -> Vec<Case> {
    let nested = |levels: usize| {
        format!(r#"{{"name":{}{}}}"#, "[".repeat(levels), "]".repeat(levels)).into_bytes()
    };
    let large = format!(r#"{{"name":"{}"}}"#, "x".repeat(256 * 1024)).into_bytes();
    vec![
        case("nothing", "", 400, "json.malformed"),
        case("half an object", r#"{"name":"#, 400, "json.malformed"),
        case("something after the end", r#"{"name":"A"} x"#, 400, "json.malformed"),
        case("two objects", r#"{"name":"A"}{"name":"B"}"#, 400, "json.malformed"),
        case("single quotes", "{'name':'A'}", 400, "json.malformed"),
        case("a trailing comma", r#"{"name":"A",}"#, 400, "json.malformed"),
        case("no number", r#"{"name":"A","employees":NaN}"#, 400, "json.malformed"),
        case("a byte order mark", "\u{feff}{\"name\":\"A\"}", 400, "json.malformed"),
        case("no UTF-8", b"{\"name\":\"\xff\xfe\"}".as_slice(), 400, "json.malformed"),
        case("half a surrogate", r#"{"name":"\ud800"}"#, 400, "json.malformed"),
        case("nested too deep", nested(40), 400, "json.too_deep"),
        case("nested very deep", nested(100_000), 400, "json.too_deep"),
        case("a key twice", r#"{"name":"A","name":"B"}"#, 400, "json.duplicate_key"),
        case("a key twice, escaped", r#"{"name":"A","n\u0061me":"B"}"#, 400, "json.duplicate_key"),
        case("too large", large, 413, "body.too_large"),
    ]
}

fn values() -> Vec<Case> {
    let text = |length: usize| format!(r#"{{"name":"{}"}}"#, "x".repeat(length));
    let mut cases = Vec::new();
    for (what, body) in [
        ("no object", "[]".to_owned()),
        ("a text", r#""Contoso""#.to_owned()),
        ("fields without names", r#"[null,"Contoso"]"#.to_owned()),
        ("null", "null".to_owned()),
        ("no name", "{}".to_owned()),
        ("null for a name", r#"{"name":null}"#.to_owned()),
        ("a number for a name", r#"{"name":7}"#.to_owned()),
        ("an object for a name", r#"{"name":{"$gt":""}}"#.to_owned()),
        ("an unknown field", r#"{"name":"A","colour":"red"}"#.to_owned()),
        ("a prototype", r#"{"name":"A","__proto__":{"admin":true}}"#.to_owned()),
        ("an empty name", text(0)),
        ("a name of blanks", r#"{"name":"   "}"#.to_owned()),
        ("a name too long", text(161)),
        ("two lines for a name", r#"{"name":"A\nB"}"#.to_owned()),
        ("a NUL in a name", r#"{"name":"A\u0000B"}"#.to_owned()),
        ("an unknown type", r#"{"name":"A","customer_type":"Enemy"}"#.to_owned()),
        ("an e-mail that is none", r#"{"name":"A","email":"nobody"}"#.to_owned()),
        ("employees below zero", r#"{"name":"A","employees":-1}"#.to_owned()),
        ("employees in parts", r#"{"name":"A","employees":1.5}"#.to_owned()),
        ("too many employees", r#"{"name":"A","employees":4294967296}"#.to_owned()),
        ("an id that is none", r#"{"name":"A","account_id":"7"}"#.to_owned()),
        ("an owner of no kind", r#"{"name":"A","owner":{"type":"account","id":"x"}}"#.to_owned()),
    ] {
        cases.push(case(what, body, 422, "command.invalid"));
    }
    for (what, money) in [
        ("too many decimals", r#"{"amount":"1.001","currency":"BRL"}"#),
        ("decimals that yen has not", r#"{"amount":"1.5","currency":"JPY"}"#),
        ("an amount out of range", r#"{"amount":"99999999999999999999.00","currency":"BRL"}"#),
        ("an amount as a number", r#"{"amount":12.34,"currency":"BRL"}"#),
        ("an amount with an exponent", r#"{"amount":"1e3","currency":"BRL"}"#),
        ("an amount with commas", r#"{"amount":"1,000.00","currency":"BRL"}"#),
        ("an amount that is none", r#"{"amount":"NaN","currency":"BRL"}"#),
        ("an unknown currency", r#"{"amount":"1.00","currency":"ZZZ"}"#),
        ("a currency in small letters", r#"{"amount":"1.00","currency":"brl"}"#),
        ("no currency", r#"{"amount":"1.00"}"#),
    ] {
        let body = format!(r#"{{"name":"A","annual_revenue":{money}}}"#);
        cases.push(case(what, body, 422, "command.invalid"));
    }
    cases
}

fn headers() -> Vec<Case> {
    let media = "body.unsupported_media_type";
    let long = "x".repeat(20_001);
    let mut without = case("no content type", r#"{"name":"A"}"#, 415, media);
    without.headers.clear();
    let key = "11111111-1111-4111-8111-111111111111";
    let mut twice = with("a header twice", ("idempotency-key", key), 400, "header.repeated");
    twice.headers.push(("idempotency-key", key.to_owned()));
    let mut cases = vec![
        without,
        twice,
        with("plain text", ("content-type", "text/plain"), 415, media),
        with("a form", ("content-type", "application/x-www-form-urlencoded"), 415, media),
        with("Latin-1", ("content-type", "application/json; charset=latin1"), 415, media),
        with("compressed", ("content-encoding", "gzip"), 415, media),
        with("another channel", ("annals-channel", "process"), 400, "channel.invalid"),
        with("a stale version", ("if-match", "\"7\""), 412, "record.version_conflict"),
        with("a reason too long", ("annals-reason", &long), 422, "reason.invalid"),
    ];
    for key in [
        "x",
        "",
        "00000000-0000-0000-0000-000000000000",
        "{7}",
        "1234567890123456789012345678901234",
    ] {
        let header = ("idempotency-key", key);
        cases.push(with("a key that is no UUID", header, 400, "idempotency_key.invalid"));
    }
    for version in ["7", "", "\"7", "*, \"7\"", "\"7\" \"8\"", "w/\"7\""] {
        let header = ("if-match", version);
        cases.push(with("no list of tags", header, 400, "if_match.invalid"));
    }
    // Tags of RFC 9110 that this record, which is not there, does not have.
    for version in
        ["W/\"0\"", "\"x\"", "*", "\"-1\"", "\"00\"", "\"7\", \"8\"", "\"99999999999999999999\""]
    {
        let header = ("if-match", version);
        cases.push(with("a tag of another", header, 412, "record.version_conflict"));
    }
    for instant in [
        "yesterday",
        "2026-02-30T00:00:00Z",
        "2026-01-01T00:00:60Z",
        "2026-01-01T00:00:00",
        "0226-01-01T00:00:00Z",
        "2200-01-01T00:00:00Z",
        "20250101T100000Z",
        "2025-01-01T00:00:00+25:00",
    ] {
        let header = ("annals-effective-at", instant);
        cases.push(with("a time that is none", header, 400, "effective_at.invalid"));
    }
    cases
}

#[tokio::test]
async fn what_is_wrong_with_a_request_has_a_stable_code_and_changes_nothing() {
    let annals = Annals::start().await;
    let before = annals.head().await;
    for Case { what, headers, body, answer: (status, code) } in
        syntax().into_iter().chain(values()).chain(headers())
    {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = annals.send(Method::POST, "/commands/CreateAccount", &headers, body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.json()["code"].as_str()),
            (status, Some(code)),
            "{what}: {}",
            answer.text()
        );
        answer.problem(status, code);
        assert!(answer.bytes.len() < 1_000, "{what}: an error stays short");
        assert_eq!(annals.head().await, before, "{what}");
    }
    // A name that fits goes in, so that it was not something else that was refused.
    annals
        .accept("CreateAccount", json!({ "name": "x".repeat(160), "employees": 4_294_967_295_u32 }))
        .await;
}

#[tokio::test]
async fn what_is_not_there_is_not_found_and_changes_nothing() {
    let annals = Annals::start().await;
    let before = annals.head().await;
    let nobody = Uuid::from_u128(9);
    let account_id = json!({ "account_id": nobody });
    for (name, body, code) in [
        ("DropAllTables", json!({}), "command.unknown"),
        ("createaccount", json!({ "name": "A" }), "command.unknown"),
        ("PlaceOrder", json!({}), "command.unknown"),
        ("AllocateNumber", json!({}), "command.unknown"),
        ("FoundOrganization", json!({}), "command.unknown"),
        ("DeactivateAccount", account_id, "record.not_found"),
        ("ActivateQuote", json!({ "quote_id": nobody }), "record.not_found"),
        ("WinOpportunity", json!({ "opportunity_id": nobody }), "record.not_found"),
        (
            "CreateContact",
            json!({ "last_name": "A", "parent": account(nobody) }),
            "record.not_found",
        ),
        (
            "CreateOpportunity",
            json!({ "topic": "A", "customer": contact(nobody) }),
            "record.not_found",
        ),
        ("RevokeToken", json!({ "token_id": nobody }), "record.not_found"),
    ] {
        annals.command(name, body).await.problem(404, code);
        assert_eq!(annals.head().await, before, "{name}");
    }
}

#[tokio::test]
async fn dates_and_figures_that_cannot_be_are_refused() {
    let annals = Annals::start().await;
    let before = annals.head().await;
    for (field, value) in [
        ("estimated_close_date", json!("2026-02-30")),
        ("estimated_close_date", json!("2026-2-3")),
        ("estimated_close_date", json!("31/12/2026")),
        ("estimated_close_date", json!("2026-12-31T00:00:00Z")),
        ("estimated_close_date", json!(20_261_231)),
        ("probability", json!("101")),
        ("probability", json!("-1")),
        ("probability", json!("1.00001")),
        ("probability", json!("forty")),
        ("probability", json!(40)),
        ("currency", json!("EURO")),
        ("rating", json!("Boiling")),
    ] {
        let mut body = json!({ "topic": "Paper" });
        body[field] = value;
        let what = body.to_string();
        let problem =
            annals.command("CreateOpportunity", body).await.problem(422, "command.invalid");
        assert_eq!(problem["pointer"], format!("/{field}"), "{what}");
    }
    let mixed = json!({ "topic": "Paper", "currency": "USD", "estimated_value": brl("1.00") });
    annals.command("CreateOpportunity", mixed).await.refused("document.currency_mismatch");
    let negative = json!({ "topic": "Paper", "estimated_value": brl("-0.01") });
    annals.command("CreateOpportunity", negative).await.refused("document.negative_amount");
    assert_eq!(annals.head().await, before);
}

#[tokio::test]
async fn a_key_stands_for_one_command_of_one_caller() {
    let annals = Annals::start().await;
    let (_, ana) = annals.as_user("Ana").await;
    let key = Uuid::from_u128(11).to_string();
    let headers = [("idempotency-key", key.as_str())];
    let create = json!({ "name": "Contoso" });
    let first = annals.post("/commands/CreateAccount", &headers, &create).await.accepted();
    let head = annals.head().await;

    // The same means the same, however it is written.
    let spaced = b"{ \"name\" : \"Conto\\u0073o\" }".to_vec();
    let all = [JSON, headers[0]];
    let again = annals.send(Method::POST, "/commands/CreateAccount", &all, spaced).await;
    assert_eq!(again.accepted(), first);
    let other = json!({ "name": "Fabrikam" });
    annals.post("/commands/CreateAccount", &headers, &other).await.refused("command.reused");
    let deal = json!({ "topic": "Paper" });
    annals.post("/commands/CreateOpportunity", &headers, &deal).await.refused("command.reused");
    let foreign = ana.post("/commands/CreateAccount", &headers, &create).await;
    let problem = foreign.refused("command.reused");
    assert!(!problem.to_string().contains(&first.id.to_string()), "{problem}");
    assert_eq!(annals.head().await, head);
}

#[tokio::test]
async fn odd_requests_are_answered_and_never_with_an_error_of_ours() {
    let annals = Annals::start().await;
    let before = annals.head().await;
    let long = format!("/accounts?name={}", "x".repeat(20_000));
    for (method, path, status) in [
        (Method::GET, "/commands/CreateAccount", 405),
        (Method::PUT, "/commands/CreateAccount", 405),
        (Method::DELETE, "/accounts", 405),
        (Method::POST, "/accounts", 405),
        (Method::PATCH, "/events", 405),
        (Method::GET, "/commands", 405),
        (Method::POST, "/commands/%00", 404),
        (Method::POST, "/commands/..%2Fadmin%2Freplay", 404),
        (Method::GET, "/accounts?%ff=%fe", 422),
        (Method::GET, long.as_str(), 422),
        (Method::GET, "/accounts?as_of=%00", 400),
        (Method::GET, "/attempts?after=-1", 422),
        (Method::GET, "/attempts?limit=0", 422),
        (Method::GET, "/expected-revenue?by=colour", 422),
        (Method::GET, "/events?after=x", 400),
        (Method::GET, "/events?after=1000000", 400),
        (Method::GET, "/events?limit=0", 422),
    ] {
        let what = format!("{method} {path}");
        let answer = annals.send(method, path, &[], Vec::new()).await;
        let shown: String = what.chars().take(80).collect();
        assert_eq!(answer.status.as_u16(), status, "{shown}: {}", answer.text());
    }
    assert_eq!(annals.head().await, before);
}
