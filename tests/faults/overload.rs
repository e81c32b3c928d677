//! More than the product can do: some is done, the rest refused at once, and nothing that was
//! acknowledged is lost.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::json;
use tests::{Annals, Answer, Http};
use tokio::task::JoinSet;

/// More callers than can be in work and wait.
const CALLERS: usize = 1_600;
/// How often each sends.
const EACH: usize = 5;

/// What callers send.
#[derive(Clone, Copy)]
enum Kind {
    Commands,
    Questions,
}

impl Kind {
    async fn send(self, http: &Http) -> Answer {
        match self {
            Self::Commands => http.command("CreateAccount", json!({ "name": "Contoso" })).await,
            Self::Questions => http.get("/accounts?limit=200").await,
        }
    }
}

/// All callers at once, each as fast as it is answered; and beside them whoever looks after the service,
/// and somebody with a token of their own.
async fn storm(annals: &Annals, kind: Kind) -> Vec<Answer> {
    let user = annals.user("Ana").await;
    let other = annals.with_token(Some(&annals.token_for(user, &["read", "write"]).await.1));
    // A token is known to be valid when it opened something.
    other.settled().await;
    kind.send(&other).await.ok();
    let is_over = Arc::new(AtomicBool::new(false));
    let over = is_over.clone();
    let probes = tokio::spawn(async move {
        let mut refused = 0;
        let mut probes = 0;
        while !over.load(Ordering::Relaxed) {
            assert_eq!(other.get("/livez").await.status, 200);
            let answer = kind.send(&other).await;
            assert_ne!(answer.status, 429, "{}", answer.text());
            refused += usize::from(answer.status != 200);
            probes += 1;
        }
        (probes, refused)
    });
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let http = annals.http().clone();
        callers.spawn(async move {
            let mut answers = Vec::new();
            for _ in 0..EACH {
                answers.push(kind.send(&http).await);
            }
            answers
        });
    }
    let answers = callers.join_all().await.into_iter().flatten().collect();
    is_over.store(true, Ordering::Relaxed);
    let (probes, refused) = probes.await.unwrap();
    assert!(probes > 0);
    // Of a few, one that waited for longer than a second on a slow machine is many.
    assert!(
        probes < 40 || refused * 4 <= probes,
        "{refused} of {probes}: the others ask for more than their share"
    );
    answers
}

/// Those that were done; each of the others was refused as it has to be.
fn done(answers: &[Answer]) -> Vec<&Answer> {
    let (done, refused): (Vec<&Answer>, Vec<_>) =
        answers.iter().partition(|answer| answer.status == 200);
    for answer in &refused {
        let code = if answer.status == 429 { "share.exceeded" } else { "overloaded" };
        assert!([429, 503].contains(&answer.status.as_u16()), "{}", answer.text());
        assert_eq!(answer.json()["code"], code);
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    assert!(!refused.is_empty(), "{CALLERS} callers are too few");
    assert!(!done.is_empty());
    done
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_beyond_what_can_be_done_are_refused_and_none_that_was_acknowledged_is_lost() {
    let annals = Annals::start().await;
    let answers = storm(&annals, Kind::Commands).await;
    let done = done(&answers);
    let acknowledged: BTreeSet<String> =
        done.iter().map(|answer| answer.accepted().id.to_string()).collect();
    assert_eq!(acknowledged.len(), done.len());
    let log = annals.get("/events?limit=1000000&category=account").await.text();
    let stored: BTreeSet<String> = log
        .lines()
        .filter_map(|line| {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            Some(event["subject"].as_str()?.strip_prefix("account-")?.to_owned())
        })
        .collect();
    assert!(acknowledged.is_subset(&stored), "{} of {}", stored.len(), acknowledged.len());
    // It is over as soon as it is over.
    annals.accept("CreateAccount", json!({ "name": "Contoso" })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_beyond_what_can_be_answered_are_refused_at_once() {
    let annals = Annals::start().await;
    for _ in 0..5 {
        let item = json!({ "type": "CreateAccount", "data": { "name": "Contoso" } });
        annals.post("/commands", &[], &json!(vec![item; 200])).await.ok();
    }
    annals.settled().await;
    let answers = storm(&annals, Kind::Questions).await;
    assert!(done(&answers).iter().all(|answer| answer.json()["items"].is_array()));
    annals.get("/accounts").await.ok();
}
