//! Who fails or is refused all the time: what they hear, what is kept of it, and who else feels it.

use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::{Annals, Http, until};

/// How many send at a time.
const TOGETHER: usize = 32;

/// How many of those answers have that status.
fn of(answers: &[tests::Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

#[tokio::test]
async fn a_valid_token_is_never_refused_for_the_wrong_ones_of_its_address() {
    let annals = Annals::start().await;
    let wrong = annals.token().chars().rev().collect::<String>();
    annals.settled().await;
    for path in ["/accounts", "/me"] {
        let stranger = annals.elsewhere().with_token(Some(&wrong));
        let valid = stranger.with_token(Some(&annals.token()));
        let answers = join_all((0..300).map(|_| stranger.get(path))).await;
        assert!(of(&answers, 401) >= 40, "{path}");
        // On a slow machine so many at once are more than it can do, and it says so.
        let overloaded = of(&answers, 503);
        assert_eq!(of(&answers, 401) + of(&answers, 429) + overloaded, 300, "{path}");
        let too_often = |answer: &&tests::Answer| {
            answer.status == 429 && answer.json()["code"] == "auth.too_often"
        };
        let refused = answers.iter().find(too_often);
        let refused = refused.expect("300 at once are too many");
        refused.problem(429, "auth.too_often");
        assert_eq!(refused.header("retry-after"), Some("1"));
        valid.get(path).await.ok();
        valid.accept("CreateAccount", json!({ "name": "Contoso" })).await;
        annals.elsewhere().with_token(Some(&wrong)).get(path).await.problem(401, "auth.required");
    }
    assert!(annals.attempts().await.is_empty(), "who is not known leaves no attempt");
}

/// Sends lists of commands that are refused until the token has used up what is kept one by one;
/// answers with how many commands there were in all.
async fn too_many(http: &Http) -> u64 {
    let list = Value::Array(vec![json!({ "type": "Nonsense", "data": {} }); 1_000]);
    for _ in 0..4 {
        let answers = http.post("/commands", &[], &list).await.ok();
        let answers = answers.as_array().expect("one for each").clone();
        assert_eq!(answers.len(), 1_000, "the items of a list are not limited one by one");
        assert!(answers.iter().all(|answer| answer["problem"]["code"] == "command.unknown"));
    }
    4_000
}

/// How many attempts there were, and in how many rows.
async fn counted(annals: &Annals) -> (u64, u64) {
    let attempts = annals.attempts().await;
    let count = |attempt: &Value| attempt["count"].as_u64().expect("a count");
    (attempts.iter().map(count).sum(), attempts.len() as u64)
}

#[tokio::test]
async fn a_token_that_is_refused_all_the_time_is_told_and_counted_and_no_refusal_is_lost() {
    let mut annals = Annals::start().await;
    let user = annals.user("Wim").await;
    let writer = annals.token_for(user, &["write"]).await.1;
    let writer = annals.with_token(Some(&writer));
    let mut sent = 0;
    // What may be kept grows with time: a slow machine has to send more until none is left.
    until("the token is told that it is too often", async || {
        sent += too_many(&writer).await;
        let user = || writer.command("AddUser", json!({ "name": "Contoso" }));
        let answers = join_all((0..TOGETHER).map(|_| user())).await;
        sent += answers.len() as u64;
        let told = answers.iter().filter(|answer| answer.status == 429);
        for answer in told.clone() {
            answer.problem(429, "refusals.too_many");
            assert_eq!(answer.header("retry-after"), Some("1"));
        }
        told.count() == answers.len()
    })
    .await;
    until("the count is written", async || counted(&annals).await.0 == sent).await;
    let rows = counted(&annals).await.1;
    assert!(rows < sent, "{sent} in {rows}");
    // What the token opens it still gets, and others are not touched.
    writer.accept("CreateAccount", json!({ "name": "Contoso" })).await;
    annals.with_token(None).get("/me").await.problem(401, "auth.required");
    annals.command("Nonsense", json!({})).await.problem(404, "command.unknown");
    sent += 1 + too_many(&writer).await;
    annals.restart().await;
    assert_eq!(counted(&annals).await.0, sent, "the count was written at the end");
}
