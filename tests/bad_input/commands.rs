//! 3.5: commands, and what makes one happen once.

use futures_util::future::join_all;
use hyper::Method;
use serde_json::{Value, json};
use tests::user;

use crate::{
    row::{Caller, Row, Steps, command, create, get, post, row},
    world::{ACCOUNT, CONTACT, DEAL, DISABLED, NOBODY, OTHER, QUOTE, WON, World, id},
};

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = once();
    rows.extend(versions());
    rows.extend(rules());
    rows
}

const KEY: &str = "66666666-6666-4666-8666-666666666666";
const BODY: &str = r#"{"name":"Once"}"#;

fn once() -> Vec<Row> {
    let keyed = |body: &str| create(body).header("idempotency-key", KEY);
    let wrong = |key: &str| {
        create(BODY).header("idempotency-key", key).refused(400, "idempotency_key.invalid")
    };
    vec![
        row(71, "the same command again").asks([keyed(BODY)]).journey(same_bytes),
        row(72, "another command of that id").asks([
            keyed(r#"{"name":"Twice"}"#).refused(422, "command.reused"),
            command("DeactivateAccount", json!({ "account_id": ACCOUNT }).to_string())
                .header("idempotency-key", KEY)
                .refused(422, "command.reused"),
            post(
                "/commands",
                json!([{ "id": KEY, "type": "CreateAccount", "data": { "name": "Twice" } }])
                    .to_string(),
            )
            .with("command.reused"),
        ]),
        row(73, "one command many times at once").journey(at_once),
        row(74, "the id of another caller's command").journey(another_caller),
        // The id is the caller's choice: without one the command happens as often as it is sent.
        row(75, "ids that are none").asks([
            wrong(""),
            wrong("x"),
            wrong("00000000-0000-0000-0000-000000000000"),
            wrong(&KEY.replace('-', "")),
            wrong(&format!("{{{KEY}}}")),
            wrong(&"x".repeat(10 * 1024)),
            keyed(BODY).also("idempotency-key", KEY).refused(400, "header.repeated"),
            post(
                "/commands",
                json!([{ "id": "x", "type": "CreateAccount", "data": { "name": "A" } }])
                    .to_string(),
            )
            .told(422, "list.invalid", "/0/id"),
            create(BODY),
        ]),
    ]
}

/// Status and bytes are those of the first answer; a header tells that it is not.
fn same_bytes(world: &World) -> Steps<'_> {
    Box::pin(async move {
        let annals = &world.annals;
        let head = annals.head().await;
        let headers = [("content-type", "application/json"), ("idempotency-key", KEY)];
        let send = || {
            annals.send(Method::POST, "/commands/CreateAccount", &headers, BODY.as_bytes().to_vec())
        };
        let (first, second) = (send().await, send().await);
        assert_eq!((first.status, &first.bytes), (second.status, &second.bytes));
        assert_eq!(first.header("idempotency-replayed"), Some("true"));
        first.accepted();
        assert_eq!(annals.head().await, head);
    })
}

fn at_once(world: &World) -> Steps<'_> {
    Box::pin(async move {
        let annals = &world.annals;
        let key = "67676767-6767-4676-8676-676767676767";
        let headers = [("idempotency-key", key)];
        let body = json!({ "name": "At once" });
        let answers =
            join_all((0..16).map(|_| annals.post("/commands/CreateAccount", &headers, &body)))
                .await;
        for answer in &answers {
            assert_eq!((answer.status, &answer.bytes), (answers[0].status, &answers[0].bytes));
        }
        answers[0].accepted();
        let page = annals.now("/accounts?name=at%20once").await;
        assert_eq!(tests::texts(&page, "/name"), ["At once"]);
    })
}

/// The first answer is told to nobody else.
fn another_caller(world: &World) -> Steps<'_> {
    Box::pin(async move {
        let annals = &world.annals;
        let (_, bea) = annals.as_user("Bea").await;
        let head = annals.head().await;
        let headers = [("idempotency-key", KEY)];
        let own: Value = serde_json::from_str(BODY).expect("JSON");
        let problem = bea.post("/commands/CreateAccount", &headers, &own).await;
        let problem = problem.refused("command.reused").to_string();
        let first = annals.post("/commands/CreateAccount", &headers, &own).await.accepted();
        assert!(!problem.contains(&first.id.to_string()) && !problem.contains("Once"), "{problem}");
        assert_eq!(annals.head().await, head);
    })
}

fn versions() -> Vec<Row> {
    let rename = json!({ "account_id": ACCOUNT, "name": "Contoso" }).to_string();
    let reopen =
        |deal: &str| command("ReopenOpportunity", json!({ "opportunity_id": deal }).to_string());
    let deal =
        |name: &str, deal: &str| command(name, json!({ "opportunity_id": deal }).to_string());
    let list = |count: usize, last: Value| {
        let mut items = vec![json!({ "type": "CreateAccount", "data": { "name": "A" } }); count];
        items.push(last);
        post("/commands", Value::from(items).to_string())
    };
    vec![
        row(76, "a version that is behind").asks([
            command("ChangeAccountDetails", rename.clone()).header("if-match", "\"0\"").told(
                412,
                "record.version_conflict",
                "\"actual\":1",
            ),
            command("ChangeAccountDetails", rename).header("if-match", "\"7\"").told(
                412,
                "record.version_conflict",
                "\"actual\":1",
            ),
        ]),
        // The names of stages are the organisation's own.
        row(77, "steps that no record takes").asks([
            reopen(DEAL).refused(422, "opportunity.open"),
            // What is so already is no change.
            deal("WinOpportunity", WON).quiet(),
            command(
                "LoseOpportunity",
                json!({ "opportunity_id": WON, "status_reason": "Canceled" }).to_string(),
            )
            .refused(422, "opportunity.closed"),
            command(
                "ChangeOpportunityStage",
                json!({ "opportunity_id": WON, "stage": "Propose" }).to_string(),
            )
            .refused(422, "opportunity.closed"),
            command("AcceptQuote", json!({ "quote_id": QUOTE }).to_string())
                .refused(422, "quote.not_active"),
            command("ActivateQuote", json!({ "quote_id": QUOTE }).to_string())
                .refused(422, "quote.no_lines"),
            command("PlaceOrder", "{}").refused(404, "command.unknown"),
            command("MakeItSo", "{}").refused(404, "command.unknown"),
        ]),
        // Each item of a list is answered by itself.
        row(78, "long lists, and one bad item").asks([
            list(1_000, json!({ "type": "CreateAccount", "data": { "name": "A" } }))
                .refused(413, "list.too_long"),
            list(2, json!({ "type": "CreateAccount", "data": {} })).partly("command.invalid"),
            list(2, json!({ "data": {} })).told(422, "list.invalid", "/2"),
        ]),
    ]
}

fn rules() -> Vec<Row> {
    let parent = |account: &str, parent: &str| {
        command("SetParentAccount", json!({ "account_id": account, "parent": parent }).to_string())
    };
    let belongs = |contact: &str, parent: Value| {
        let body = json!({ "contact_id": contact, "parent": parent });
        command("ChangeContactParent", body.to_string())
    };
    let back = "2020-01-01T00:00:00Z";
    vec![
        row(79, "records below themselves")
            .asks([
                parent(ACCOUNT, ACCOUNT).refused(422, "account.parent_loop"),
                parent(OTHER, ACCOUNT),
                parent(ACCOUNT, OTHER).refused(422, "account.parent_loop"),
                belongs(CONTACT, json!({ "type": "contact", "id": CONTACT }))
                    .refused(422, "contact.parent_loop"),
            ])
            .test("command-service/src/customers/parent_account_tests.rs::an_account_has_at_most_a_hundred_ancestors")
            .without("merging"),
        Row::not(80, "deletion and erasure", "erasure"),
        row(81, "a reason that is missing").asks([
            create(r#"{"name":"A"}"#)
                .header("annals-effective-at", back)
                .refused(422, "effective_at.reason_required"),
            create(r#"{"name":"A"}"#)
                .header("annals-effective-at", back)
                .header("annals-reason", " ")
                .refused(422, "reason.invalid"),
            create(r#"{"name":"A"}"#)
                .header("annals-reason", "x".repeat(20_001))
                .refused(422, "reason.invalid"),
        ]),
        Row::not(82, "the approval of one's own request", "approvals"),
        row(83, "owners who are none").journey(owners),
        row(84, "fields that only the product sets").asks([
            create(r#"{"name":"A","tenant_id":"x"}"#).invalid(),
            create(r#"{"name":"A","id":"11111111-1111-4111-8111-111111111112"}"#).invalid(),
            create(r#"{"name":"A","created_by":"x"}"#).invalid(),
            create(r#"{"name":"A","role":"admin"}"#).invalid(),
            create(r#"{"name":"A","is_deleted":false}"#).invalid(),
            create(r#"{"name":"A","active":false}"#).invalid(),
            create(r#"{"name":"A","version":7}"#).invalid(),
            command("AddUser", r#"{"name":"A","scopes":["admin"]}"#).invalid(),
            command("AddUser", r#"{"name":"A"}"#).by(Caller::Auditor).refused(403, "access.denied"),
            get(format!("/accounts/{NOBODY}")).refused(404, "record.not_found"),
        ]),
        row(85, "a store that takes nothing")
            .test("tests/faults/disk/full.rs::a_full_disk_answers_507_and_questions_all_along_and_heals")
            .test("tests/operating/damaged.rs::a_damaged_record_answers_503_and_everything_else_goes_on")
            .test("tests/operating/keys.rs::a_damaged_or_lost_key_stops_what_needs_it_until_it_is_back")
            .test("tests/end_to_end/clock.rs::a_clock_that_jumps_stops_writing_until_it_is_right_again"),
    ]
}

/// Whoever is disabled and whoever never was are told in the same words.
fn owners(world: &World) -> Steps<'_> {
    Box::pin(async move {
        let annals = &world.annals;
        let head = annals.head().await;
        let mut told = Vec::new();
        for owner in [DISABLED, NOBODY, ACCOUNT] {
            let body = json!({ "name": "A", "owner": user(id(owner)) });
            told.push(annals.command("CreateAccount", body).await.refused("owner.unknown"));
            let record = tests::account(id(OTHER));
            let body = json!({ "record": record, "owner": user(id(owner)) });
            annals.command("AssignOwner", body).await.refused("owner.unknown");
        }
        assert!(told.iter().all(|problem| *problem == told[0]), "{told:?}");
        assert_eq!(annals.head().await, head);
    })
}
