//! Sends what the lines of a section say, and judges every answer by the rules of all of them.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::{Answer, Http, Raw, RawAnswer};

use crate::{
    row::{Answered, Ask, Caller, Proof, Row, Send},
    world::World,
};

/// Nothing of what is sent at once is answered later, on however slow a machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// No more characters of what was sent are repeated in one piece.
const ECHO_MAX: usize = 64;
/// No error is longer, in bytes.
const ERROR_MAX: usize = 2_000;

/// Sends everything that the rows of a section say over HTTP.
///
/// # Panics
/// With every answer that is not as it has to be.
pub(crate) async fn run(rows: &[Row]) {
    let world = World::new().await;
    let mut wrong = Vec::new();
    for row in rows {
        let place = format!("{}, {}", row.number, row.what);
        for proof in &row.proofs {
            prove(&world, &place, proof, &mut wrong).await;
        }
        still_answers(&world, &place).await;
    }
    assert!(wrong.is_empty(), "{} wrong answers:\n{}", wrong.len(), wrong.join("\n"));
}

async fn prove(world: &World, place: &str, proof: &Proof, wrong: &mut Vec<String>) {
    let mut told = |what: &str, outcome: Result<()>| {
        wrong.extend(outcome.err().map(|error| format!("{place}: {what}: {error:#}")));
    };
    match proof {
        Proof::Asks(asks) => {
            for ask in asks {
                told(&ask.what, asked(world, ask).await);
            }
        }
        Proof::Sends(sends) => {
            for send in sends {
                told(send.what, sent(world, send).await);
            }
        }
        Proof::Journey(journey) => journey(world).await,
        // What concerns the binary, and what needs nothing of this installation.
        Proof::Calls(_) | Proof::Lists(_) | Proof::Test(_) | Proof::Not(_) => {}
    }
}

/// A question and a probe are answered by every role.
async fn still_answers(world: &World, place: &str) {
    let annals = world.annals.http();
    for url in [annals.commands_url(), annals.queries_url()] {
        let alive = Http::new(url, "").get("/livez").await;
        assert_eq!(alive.status, 200, "after {place}");
    }
    annals.get("/accounts?limit=1").await.ok();
}

async fn asked(world: &World, ask: &Ask) -> Result<()> {
    let before = world.annals.head().await;
    let headers: Vec<_> =
        ask.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let client = world.client(ask.caller);
    let began = Instant::now();
    let answer = client.try_send(ask.method.clone(), &ask.path, &headers, ask.body.clone()).await?;
    ensure!(began.elapsed() < PATIENCE, "after {:?}", began.elapsed());
    let values = ask.headers.iter().map(|(_, value)| value.clone());
    let body = String::from_utf8_lossy(&ask.body).into_owned();
    let input: Vec<_> = values.chain([ask.path.clone(), body]).collect();
    judge(&Came::from(answer), &ask.answered, &input)?;
    moved(world, &before, &ask.answered).await
}

async fn sent(world: &World, send: &Send) -> Result<()> {
    let annals = world.annals.http();
    let before = annals.head().await;
    let roles = [annals.commands_url(), annals.queries_url()];
    for url in roles.into_iter().take(if send.is_for_all { 2 } else { 1 }) {
        let mut raw = Raw::connect(url).await;
        let bytes = filled(&send.bytes, raw.host(), annals.token().unwrap_or_default());
        let began = Instant::now();
        raw.send(&bytes).await;
        let answer = raw.try_answer().await.context("no answer")?;
        ensure!(began.elapsed() < PATIENCE, "after {:?}", began.elapsed());
        // A request for another host was read whole: the next one may be for this.
        if matches!(send.answered, Answered::Refused(..)) && answer.status != 421 {
            ensure!(answer.is_last(), "the connection goes on");
            raw.ended().await;
        }
        let input = [String::from_utf8_lossy(&bytes).into_owned()];
        judge(&Came::from(answer), &send.answered, &input)?;
        moved(world, &before, &send.answered).await?;
    }
    Ok(())
}

/// Puts the host and the token into a head.
fn filled(bytes: &[u8], host: &str, token: &str) -> Vec<u8> {
    let mut filled = bytes.to_vec();
    for (name, value) in [("{host}", host), ("{bearer}", &format!("Bearer {token}"))] {
        while let Some(at) = filled.windows(name.len()).position(|it| it == name.as_bytes()) {
            filled.splice(at..at + name.len(), value.bytes());
        }
    }
    filled
}

/// The log moved where the answer says so, and nowhere else.
async fn moved(world: &World, before: &str, answered: &Answered) -> Result<()> {
    let after = world.annals.head().await;
    let is_accepted = matches!(answered, Answered::Accepted | Answered::Partly(_));
    ensure!((after != before) == is_accepted, "the log went from {before} to {after}");
    Ok(())
}

/// An answer, however it came.
struct Came {
    status: u16,
    headers: hyper::HeaderMap,
    text: String,
}

impl From<Answer> for Came {
    fn from(answer: Answer) -> Self {
        let (status, text) = (answer.status.as_u16(), answer.text());
        Self { status, headers: answer.headers, text }
    }
}

impl From<RawAnswer> for Came {
    fn from(answer: RawAnswer) -> Self {
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        Self { status: answer.status.as_u16(), headers: answer.headers, text }
    }
}

fn judge(came: &Came, answered: &Answered, input: &[String]) -> Result<()> {
    let Came { status, headers, text } = came;
    let (expected, code, says) = match answered {
        Answered::Refused(status, code, says) => (*status, Some(*code), *says),
        Answered::Accepted | Answered::Well => (200, None, ""),
        Answered::With(says) | Answered::Partly(says) => (200, None, *says),
    };
    ensure!(*status == expected, "{status}, not {expected}: {text:.1000}");
    ensure!(text.contains(says), "it does not say `{says}`: {text:.1000}");
    let for_others = headers.keys().any(|name| name.as_str().starts_with("access-control-"));
    ensure!(!for_others, "other sites may read it: {headers:?}");
    code.map_or(Ok(()), |code| judge_problem(came, code, input))
}

fn judge_problem(came: &Came, code: &str, input: &[String]) -> Result<()> {
    let Came { status, headers, text } = came;
    let kind = headers.get("content-type").map(hyper::header::HeaderValue::as_bytes);
    ensure!(kind == Some(b"application/problem+json"), "it is no problem+json: {headers:?}");
    let problem: Value = serde_json::from_str(text)?;
    ensure!(problem["code"] == code, "not `{code}`: {text}");
    ensure!(problem["status"] == *status, "another status: {text}");
    ensure!(text.len() <= ERROR_MAX, "{} bytes: {text}", text.len());
    let says = |name: &str| headers.contains_key(name);
    ensure!(*status != 405 || says("allow"), "it does not say which methods are allowed");
    ensure!(*status != 401 || says("www-authenticate"), "it does not say what to present");
    for said in texts(&problem) {
        ensure!(!repeats(said, input), "it repeats much: {text}");
    }
    Ok(())
}

/// Every text of an answer.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, value)| [vec![name.as_str()], texts(value)].concat())
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

/// Whether a piece of the input that is longer than allowed stands in a text.
fn repeats(said: &str, input: &[String]) -> bool {
    let letters: Vec<_> = said.chars().collect();
    let mut pieces = letters.windows(ECHO_MAX + 1).map(|piece| piece.iter().collect::<String>());
    pieces.any(|piece| input.iter().any(|it| it.contains(&piece)))
}

/// A client that nobody knows.
pub(crate) fn stranger(world: &World) -> Http {
    world.client(Caller::Stranger)
}
