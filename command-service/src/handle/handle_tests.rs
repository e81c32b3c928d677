//! The write loop on a store in memory: what is kept, repeated, refused and finished.

use std::sync::atomic::Ordering;

use events::{
    CrmEvent, Instant, Payload, Position,
    ids::{AccountId, CommandId, ContactId, QuoteId, UserId, derived},
    values::Prose,
};
use events_log::store::{EventFeed, StreamReader};
use serde_json::json;
use tokio::sync::watch;

use super::{
    testing::{ANA, NOON, Watched, World, code},
    *,
};
use crate::refusal::Refusal;

/// What an acceptance that wins the opportunity leaves in the log.
const ACCEPTANCE: [&str; 5] = [
    "quote.accepted",
    "numbering.number_allocated",
    "order.placed",
    "opportunity.quote_withdrawn",
    "opportunity.won",
];

#[tokio::test]
async fn a_repeat_of_a_command_gets_the_first_answer_and_changes_nothing() {
    let world = World::new().await;
    let body = json!({ "name": "Contoso" });
    let mut first = world.request("CreateAccount", world.parse("CreateAccount", &body));
    let command_id = CommandId(world.id());
    first.command_id = command_id;
    let accepted = world.handler.handle(first).await.unwrap();
    let length = world.length().await;

    let mut repeat = world.request("CreateAccount", world.parse("CreateAccount", &body));
    repeat.command_id = command_id;
    let answer = world.handler.handle(repeat).await.unwrap();

    assert!(answer.replayed && !accepted.replayed);
    assert_eq!(Accepted { replayed: false, ..answer }, accepted);
    assert_eq!(world.length().await, length);
}

#[tokio::test]
async fn the_id_of_another_command_is_refused_and_the_attempt_is_kept() {
    let world = World::new().await;
    let mut first =
        world.request("CreateAccount", world.parse("CreateAccount", &json!({ "name": "A" })));
    let command_id = CommandId(world.id());
    first.command_id = command_id;
    world.handler.handle(first).await.unwrap();

    let mut other =
        world.request("CreateAccount", world.parse("CreateAccount", &json!({ "name": "B" })));
    other.command_id = command_id;
    let refused = world.handler.handle(other).await;

    assert!(matches!(refused, Err(CommandError::Reused)), "{refused:?}");
    assert_eq!(world.attempts().await, ["command.reused"]);
}

#[tokio::test]
async fn a_stale_version_is_refused_and_a_repeat_of_its_success_is_not() {
    let world = World::new().await;
    let account = AccountId(world.id());
    let body = json!({ "account_id": account, "name": "Contoso" });
    world.send("CreateAccount", body).await.unwrap();
    let change = json!({ "account_id": account, "industry": "Furniture" });
    let command_id = CommandId(world.id());
    let request = |expected| {
        let mut request =
            world.request("ChangeAccountDetails", world.parse("ChangeAccountDetails", &change));
        request.expected = Some(Expected::version(Version(expected)));
        request
    };

    assert_eq!(code(world.handler.handle(request(7)).await), "record.version_conflict");
    let accepted = world.handler.handle(Request { command_id, ..request(1) }).await.unwrap();
    assert_eq!(accepted.version, Version(2));
    let repeated = world.handler.handle(Request { command_id, ..request(1) }).await.unwrap();
    assert!(repeated.replayed);
}

#[tokio::test]
async fn an_accepted_quote_becomes_one_order_and_wins_its_opportunity() {
    let world = World::new().await;
    let (quote, _) = world.active_quote().await;
    let before = world.length().await;
    let body = json!({ "quote_id": quote, "close_opportunity": "won" });
    let command_id = CommandId(world.id());
    let send = || Request {
        command_id,
        ..world.request("AcceptQuote", world.parse("AcceptQuote", &body))
    };
    let accepted = world.handler.handle(send()).await.unwrap();

    assert_eq!(world.types_after(before).await, ACCEPTANCE);
    assert_eq!(accepted.position.0, world.length().await);
    for _ in 0..3 {
        let again = world.handler.handle(send()).await.unwrap();
        assert_eq!(again.position, accepted.position);
    }
    assert_eq!(world.types_after(before).await.len(), ACCEPTANCE.len());
}

#[tokio::test]
async fn what_a_crash_left_undone_is_finished_from_the_log() {
    let world = World::new().await;
    let (quote, _) = world.active_quote().await;
    let before = world.length().await;
    // The first append of the acceptance, and then the process is gone.
    let body = json!({ "quote_id": quote, "close_opportunity": "won" });
    let request = world.request("AcceptQuote", world.parse("AcceptQuote", &body));
    let fingerprint = world.handler.fingerprint(&request).unwrap();
    world.handler.judge(&request, quote.stream(), fingerprint).await.unwrap();
    assert_eq!(world.types_after(before).await, ["quote.accepted"]);

    let (stop, stopped) = watch::channel(false);
    let following =
        tokio::spawn(world.handler.clone().follow_processes(world.store.clone(), stopped));
    while world.types_after(before).await.len() < ACCEPTANCE.len() {
        world.store.wait(Position(world.length().await)).await;
    }
    stop.send(true).unwrap();
    following.await.unwrap().unwrap();

    assert_eq!(world.types_after(before).await, ACCEPTANCE);
}

#[tokio::test]
async fn a_deal_is_not_won_behind_the_back_of_an_active_quote() {
    let world = World::new().await;
    let (quote, opportunity) = world.active_quote().await;
    let win = |quotes: &[QuoteId]| json!({ "opportunity_id": opportunity, "quotes": quotes });
    let refused = world.send("WinOpportunity", win(&[])).await;
    let Err(CommandError::Refused(Refusal::OpportunityActiveQuotes { quotes })) = refused else {
        panic!("not refused: {refused:?}");
    };
    assert_eq!(quotes, [quote]);
    world.send("WinOpportunity", win(&[quote])).await.unwrap();
    world.send("ReopenOpportunity", json!({ "opportunity_id": opportunity })).await.unwrap();
    let close = json!({ "quote_id": quote, "status_reason": "Canceled" });
    let before = world.length().await;
    world.send("CloseQuote", close).await.unwrap();
    assert_eq!(world.types_after(before).await, ["quote.closed", "opportunity.quote_withdrawn"]);
    world.send("WinOpportunity", win(&[])).await.unwrap();
}

#[tokio::test]
async fn a_change_that_is_dated_back_needs_a_reason_and_the_future_is_refused() {
    let world = World::new().await;
    let body = json!({ "name": "Contoso" });
    let request = |shift: i64, reason: Option<&str>| Request {
        effective_at: Some(Instant::from_micros(NOON + shift)),
        reason: reason.map(|text| Prose::new(text).unwrap()),
        ..world.request("CreateAccount", world.parse("CreateAccount", &body))
    };
    const DAY: i64 = 86_400_000_000;

    assert_eq!(
        code(world.handler.handle(request(-DAY, None)).await),
        "effective_at.reason_required"
    );
    assert_eq!(code(world.handler.handle(request(DAY, None)).await), "effective_at.future");
    let accepted = world.handler.handle(request(-DAY, Some("found on paper"))).await.unwrap();
    let recorded =
        world.store.read_stream(accepted.record.stream(), Version::NONE, 1).await.unwrap();
    assert_eq!(recorded[0].event.effective_at, Some(Instant::from_micros(NOON - DAY)));
    let payload = String::from_utf8(recorded[0].event.payload.to_vec()).unwrap();
    assert!(!payload.contains("found on paper"), "a reason is sealed");
}

#[tokio::test]
async fn nothing_personal_reaches_the_store_in_clear() {
    let world = World::new().await;
    let body =
        json!({ "first_name": "Bia", "last_name": "Quintela", "email": "bia@norte.example" });
    let accepted = world.send("CreateContact", body).await.unwrap();
    let recorded =
        world.store.read_stream(accepted.record.stream(), Version::NONE, 1).await.unwrap();
    let payload = String::from_utf8(recorded[0].event.payload.to_vec()).unwrap();
    for secret in ["Bia", "Quintela", "norte.example"] {
        assert!(!payload.contains(secret), "{payload}");
    }
}

#[tokio::test]
async fn a_refused_command_changes_no_stream_and_its_rule_is_kept() {
    let world = World::new().await;
    let length = world.length().await;
    let nobody = json!({ "contact_id": ContactId(derived("nobody")) });
    assert_eq!(code(world.send("DeactivateContact", nobody).await), "record.not_found");
    assert_eq!(world.length().await, length);
    assert_eq!(world.attempts().await, ["record.not_found"]);
}

#[tokio::test]
async fn two_rivals_on_one_record_both_take_effect_when_neither_named_a_version() {
    let world = World::new().await;
    let account = AccountId(world.id());
    let body = json!({ "account_id": account, "name": "Contoso" });
    world.send("CreateAccount", body).await.unwrap();
    let owner = UserId(ANA);
    assert!(world.handler.load(owner.stream()).await.unwrap().version > Version::NONE);
    let one = world.send("ChangeAccountDetails", json!({ "account_id": account, "industry": "A" }));
    let two = world.send("ChangeAccountDetails", json!({ "account_id": account, "employees": 3 }));
    let (one, two) = tokio::join!(one, two);
    let mut versions = [one.unwrap().version.0, two.unwrap().version.0];
    versions.sort_unstable();
    assert_eq!(versions, [2, 3]);
}

#[tokio::test]
async fn the_clock_decides_what_today_is_and_numbers_count_from_one_each_year() {
    let world = World::new().await;
    let (quote, _) = world.active_quote().await;
    let number = |recorded: &Recorded| {
        let payload = Payload::decode(&recorded.event).unwrap();
        match payload.event {
            CrmEvent::Quote(events::sales::QuoteEvent::Started(started)) => {
                started.number.to_string()
            }
            other => panic!("{other:?}"),
        }
    };
    let first = world.store.read_stream(quote.stream(), Version::NONE, 1).await.unwrap();
    assert_eq!(number(&first[0]), "Q-2026-000001");
    world.now.store(NOON + 365 * 86_400_000_000, Ordering::SeqCst);
    let (quote, _) = world.active_quote().await;
    let next = world.store.read_stream(quote.stream(), Version::NONE, 1).await.unwrap();
    assert_eq!(number(&next[0]), "Q-2027-000001");
}

#[tokio::test]
async fn a_record_whose_turn_is_that_of_its_numbers_does_not_wait_for_itself() {
    let world = World::new().await;
    let account = AccountId(world.id());
    world.send("CreateAccount", json!({ "account_id": account, "name": "A" })).await.unwrap();
    let numbers =
        events::sales::NumberSequence { kind: events::sales::NumberKind::Quote, year: 2026 };
    let turn = stripe(numbers.id().stream());
    let mut quote = QuoteId(world.id());
    while stripe(quote.stream()) != turn {
        quote = QuoteId(world.id());
    }
    let customer = events::ids::CustomerRef::Account(account);
    let start = world.send("StartQuote", json!({ "quote_id": quote, "customer": customer }));
    let patience = std::time::Duration::from_secs(20);
    tokio::time::timeout(patience, start).await.expect("it waits for itself").unwrap();
}

#[tokio::test]
async fn a_load_that_an_append_overtook_does_not_bring_the_older_state_back() {
    let world = World::new().await;
    let account = AccountId(world.id());
    world.send("CreateAccount", json!({ "account_id": account, "name": "A" })).await.unwrap();
    let store = Watched::new(world.store.clone(), Some(account.stream()));
    let handler = world.handler_on(store.clone());

    // Somebody looks at the account. While the answer is on its way, it changes.
    let looking = tokio::spawn({
        let handler = handler.clone();
        async move { handler.load(account.stream()).await.unwrap().version }
    });
    store.is_read.notified().await;
    let change = json!({ "account_id": account, "industry": "Paper" });
    world.send("ChangeAccountDetails", change).await.unwrap();
    let newer = world.handler.load(account.stream()).await.unwrap();
    handler.cache.insert(account.stream(), newer);
    store.go.notify_one();

    assert_eq!(looking.await.unwrap(), Version(2));
    assert_eq!(handler.load(account.stream()).await.unwrap().version, Version(2));
}

#[tokio::test]
async fn a_create_reads_no_stream_and_still_sees_what_is_there() {
    let world = World::new().await;
    let store = Watched::new(world.store.clone(), None);
    let handler = world.handler_on(store.clone());
    let create = |account, name| {
        let body = json!({ "account_id": account, "name": name });
        world.request("CreateAccount", world.parse("CreateAccount", &body))
    };
    handler.handle(create(world.id(), "the first")).await.unwrap();
    let reads = store.reads.load(Ordering::SeqCst);
    let account = world.id();
    let id = create(account, "A").command_id;
    handler.handle(Request { command_id: id, ..create(account, "A") }).await.unwrap();
    assert_eq!(store.reads.load(Ordering::SeqCst), reads);

    // Another loop has it in no memory: neither a repeat nor another create goes through.
    let other = world.handler_on(store);
    let repeat = Request { command_id: id, ..create(account, "A") };
    assert!(other.handle(repeat).await.unwrap().replayed);
    let other = world.handler_on(world.store.clone());
    assert_eq!(code(other.handle(create(account, "B")).await), "record.exists");
}

#[tokio::test]
async fn a_day_that_a_command_names_may_lie_in_the_past_but_not_in_the_future() {
    const DAY: i64 = 86_400_000_000;
    let world = World::new().await;
    let account = AccountId(world.id());
    world.send("CreateAccount", json!({ "account_id": account, "name": "A" })).await.unwrap();
    let contact = world.id();
    world.send("CreateContact", json!({ "contact_id": contact, "last_name": "B" })).await.unwrap();
    let parent = events::ids::CustomerRef::Account(account);
    let change = |since, effective_at: Option<i64>| {
        let body = json!({ "contact_id": contact, "parent": parent, "since": since });
        Request {
            effective_at: effective_at.map(Instant::from_micros),
            ..world.request("ChangeContactParent", world.parse("ChangeContactParent", &body))
        }
    };
    let refused = code(world.handler.handle(change("2026-03-03", None)).await);
    assert_eq!(refused, "effective_at.future");
    let another_day = change("2026-03-01", Some(NOON - 3 * DAY));
    assert_eq!(code(world.handler.handle(another_day).await), "effective_at.reason_required");
    let accepted = world.handler.handle(change("2026-03-01", Some(NOON - DAY))).await.unwrap();
    let recorded = world.store.read_stream(accepted.record.stream(), Version(1), 1).await.unwrap();
    assert_eq!(recorded[0].event.effective_at, Some(Instant::from_micros(NOON - DAY)));
}
