//! What the log of the fixture is asked, and what it answered.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::PathBuf};

use axum::body::Body;
use events::Instant;
use hyper::{Request, header};
use serde_json::Value;
use uuid::Uuid;

use super::site::{Answered, Asked, Site, token};

/// When all of it is asked: 2026-09-01T12:00:00Z.
const NOW: i64 = 1_788_264_000_000_000;
/// Somebody's question begins so in the file, and its answer so.
const ASKED: &str = "? ";
const ANSWERED: &str = "= ";

/// A question: with whose token, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Question {
    who: String,
    path: String,
}

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("net/answers.txt")
}

/// The questions and their answers: each in a block of its own, as in the file.
pub(super) fn read() -> Vec<(Question, String)> {
    let text = fs::read_to_string(path()).expect("tests/net/answers.txt");
    let begin = format!("\n{ASKED}");
    let blocks = text.split(&begin).map(|block| block.trim_start_matches(ASKED));
    let of = |block: &str| {
        let (asked, answer) = block.split_once('\n').expect("an answer");
        let (who, path) = asked.split_once(' ').expect("who asks, and what");
        let question = Question { who: who.to_owned(), path: path.to_owned() };
        (question, answer.trim_end_matches('\n').to_owned())
    };
    blocks.map(of).collect()
}

/// Writes what is answered now.
pub(super) fn write(answers: &[(Question, String)]) {
    let mut text = String::new();
    for (Question { who, path }, answer) in answers {
        writeln!(text, "{ASKED}{who} {path}\n{answer}").expect("a text");
    }
    fs::write(path(), text).expect("tests/net/answers.txt");
}

/// Asks all of them, in their order.
pub(super) async fn ask(
    site: &Site,
    asked: &Asked,
    questions: Vec<Question>,
) -> Vec<(Question, String)> {
    site.clock.set(Instant::from_micros(NOW));
    let mut answers = Vec::new();
    for question in questions {
        let mut request = Request::get(&question.path);
        if question.who != "nobody" {
            let bearer = format!("Bearer {}", token(&question.who).1);
            request = request.header(header::AUTHORIZATION, bearer);
        }
        let answer = asked.send(request.body(Body::empty()).expect("a question")).await;
        let Answered { status, text } = answer;
        answers.push((question, format!("{ANSWERED}{status}\n{}", text.trim_end())));
    }
    answers
}

/// The next page of a list that was asked for one item at a time.
pub(super) fn next((question, answer): &(Question, String)) -> Option<Question> {
    let path = question.path.strip_suffix("?limit=1")?;
    let (_, body) = answer.split_once('\n')?;
    let body: Value = serde_json::from_str(body).expect("JSON");
    let cursor = body["next"].as_str()?;
    Some(Question { who: question.who.clone(), path: format!("{path}?limit=1&cursor={cursor}") })
}

/// What is asked of a new fixture.
pub(super) fn all(named: &BTreeMap<&'static str, Uuid>) -> Vec<Question> {
    let mut paths = lists();
    for (name, id) in named {
        let kind = name.split(' ').next().expect("a kind");
        paths.extend(of_record(kind, *id));
    }
    paths.extend(of_sums(named));
    paths.extend(of_log());
    let mut questions: Vec<_> =
        paths.into_iter().map(|path| Question { who: "ana".to_owned(), path }).collect();
    for (who, path) in [
        ("nobody", "/accounts"),
        ("lost", "/accounts"),
        ("reader", "/contacts?sort=name"),
        ("ana", "/attempts"),
        ("ana", "/attempts?after=3&limit=2"),
        ("ana", "/processes"),
        ("ana", "/me"),
        ("old", "/me"),
        ("recovered", "/me"),
        ("second", "/me"),
        ("ana", "/accounts?sort=shoe_size"),
        ("ana", "/accounts?color=red"),
        ("ana", "/accounts?as_of=2031-02-30"),
        ("ana", "/accounts/no-id"),
        ("ana", "/orders/11111111-1111-4111-8111-111111111111"),
        // Each of these is kept among the refused.
        ("reader", "/attempts"),
        ("reader", "/events"),
    ] {
        questions.push(Question { who: who.to_owned(), path: path.to_owned() });
    }
    questions
}

/// Lists: each order, both ends, some filters; now and then.
fn lists() -> Vec<String> {
    let mut paths = Vec::new();
    for (kind, sorts, filters) in [
        (
            "accounts",
            &["name", "-name", "account_number"][..],
            &[
                "name=norte",
                "state=Active",
                "industry=Wholesale",
                "customer_type=Customer",
                "phone=5555",
                "created_from=2026-03-12T00:00:00Z",
                "changed_before=2026-03-20T00:00:00Z",
            ][..],
        ),
        (
            "contacts",
            &["name", "last_name", "-last_name"],
            &["name=ana", "kind=Employee", "email=anabela%40norte.example", "state=Inactive"],
        ),
        (
            "opportunities",
            &["name", "-name", "estimated_close_date&state=Open"],
            &[
                "state=Open",
                "stage=Propose",
                "rating=Hot",
                "currency=USD",
                "estimated_close_from=2026-06-01",
                "closed_to=2026-12-31",
            ],
        ),
        (
            "quotes",
            &["number", "-valid_until&state=Active", "valid_until"],
            &["state=Won", "state=Draft", "currency=USD"],
        ),
        ("orders", &["number", "ordered_on", "-ordered_on"], &["state=Active", "currency=BRL"]),
        ("connection-roles", &["name"], &["category=Business", "state=Active"]),
        ("users", &["name", "-name"], &["state=Active", "state=Inactive", "office=Norte"]),
        ("tokens", &["id"], &["state=Revoked", "state=Pending"]),
    ] {
        paths.extend(sorts.iter().map(|sort| format!("/{kind}?sort={sort}")));
        paths.extend(filters.iter().map(|filter| format!("/{kind}?{filter}")));
        paths.extend([30, 75, 120].map(|position| format!("/{kind}?as_of={position}")));
        paths.push(format!("/{kind}?as_of=2026-04-10"));
        paths.push(format!("/{kind}?limit=1"));
    }
    paths.push("/accounts?sense=effective".to_owned());
    paths
}

/// One record: now, then, in both senses, and what is around it.
fn of_record(kind: &str, id: Uuid) -> Vec<String> {
    let (list, around): (&str, &[&str]) = match kind {
        "account" => (
            "accounts",
            &[
                "/timeline",
                "/connections",
                "/sales",
                "/expected-revenue",
                "/connections?ended=true",
                "/timeline?as_of=2026-03-20",
            ],
        ),
        "contact" => ("contacts", &["/timeline", "/connections", "/sales", "/expected-revenue"]),
        "opportunity" => (
            "opportunities",
            &[
                "/timeline",
                "/connections",
                "?as_of=2026-04-13&sense=effective",
                "?as_of=2026-03-21&sense=effective",
            ],
        ),
        "quote" => ("quotes", &["?as_of=2026-04-12"]),
        "order" => ("orders", &["?as_of=2026-04-12"]),
        "role" => ("connection-roles", &[]),
        "connection" => ("connections", &["?as_of=2026-03-30"]),
        "note" => ("notes", &[]),
        "user" => ("users", &["?as_of=20"]),
        other => panic!("{other}"),
    };
    let record = format!("/{list}/{id}");
    let mut paths = vec![record.clone(), format!("{record}/history")];
    paths.extend(around.iter().map(|path| format!("{record}{path}")));
    paths
}

/// Revenue and pipeline.
fn of_sums(named: &BTreeMap<&'static str, Uuid>) -> Vec<String> {
    let mut paths: Vec<_> = ["none", "account", "contact", "owner", "month", "stage", "product"]
        .map(|by| format!("/expected-revenue?by={by}"))
        .into();
    let (norte, rui) = (named["account norte"], named["user rui"]);
    paths.extend([
        "/expected-revenue?sense=effective".to_owned(),
        "/expected-revenue?as_of=60".to_owned(),
        "/expected-revenue?as_of=2026-03-21&sense=effective".to_owned(),
        "/expected-revenue?currency=USD".to_owned(),
        "/expected-revenue?period_from=2026-06-01&period_to=2026-12-31".to_owned(),
        format!("/expected-revenue?account={norte}"),
        format!("/expected-revenue?owner={rui}&by=month"),
        "/pipeline".to_owned(),
        "/pipeline?by=owner".to_owned(),
        "/pipeline?as_of=2026-04-01".to_owned(),
        format!("/accounts/{norte}/expected-revenue?subtree=true"),
    ]);
    paths
}

/// The log itself.
fn of_log() -> Vec<String> {
    [
        "/organization",
        "/organization?as_of=1",
        "/events?limit=3",
        "/events?after=20&limit=200",
        "/events?category=quote",
        "/events?category=administration",
        "/events?as_of=5",
    ]
    .map(str::to_owned)
    .into()
}
