use std::sync::{
    Mutex,
    atomic::{AtomicI64, Ordering},
};

use events::{
    ActorKind,
    ids::{AccountId, ContactId, CustomerRef, LogId, OpportunityId, QuoteId, UserId, derived},
    keys::MemoryKeys,
    store::{EventFeed, StreamReader, memory::MemoryStore},
};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::*;
use crate::command::commands;

/// 2026-03-02T12:00:00Z.
const NOON: i64 = 1_772_452_800_000_000;
const LOG: LogId = LogId(Uuid::from_u128(0xA));
const ANA: Uuid = Uuid::from_u128(0xA1A);

struct World {
    handler: Arc<Handler>,
    store: Arc<MemoryStore>,
    now: Arc<AtomicI64>,
    next: Mutex<u128>,
}

fn handler(store: &Arc<MemoryStore>, keys: &Arc<MemoryKeys>, now: &Arc<AtomicI64>) -> Arc<Handler> {
    let clock_now = now.clone();
    let clock: Clock = Arc::new(move || Instant::from_micros(clock_now.load(Ordering::SeqCst)));
    Arc::new(Handler::new(store.clone(), Keyring::new(keys.clone(), LOG), clock, &[7; 32]))
}

impl World {
    /// An organisation in São Paulo with one user, Ana.
    async fn new() -> Self {
        let now = Arc::new(AtomicI64::new(NOON));
        let clock_now = now.clone();
        let store = Arc::new(MemoryStore::new(
            LOG,
            Arc::new(move || Instant::from_micros(clock_now.load(Ordering::SeqCst))),
        ));
        let keys = Arc::new(MemoryKeys::new());
        let handler = handler(&store, &keys, &now);
        let world = Self { handler, store, now, next: Mutex::new(0x1000) };
        let found = crate::access::FoundOrganization {
            organization_id: OrganizationId(LOG.0),
            name: events::values::Line::new("Norte").unwrap(),
            zone: events::values::Zone::new("America/Sao_Paulo").unwrap(),
            base_currency: events::money::Currency::new("BRL").unwrap(),
        };
        let mut request = world.request("FoundOrganization", Box::new(found));
        request.actor = system();
        world.handler.handle(request).await.unwrap();
        let add = world.parse("AddUser", &json!({ "user_id": ANA, "name": "Ana" }));
        let mut request = world.request("AddUser", add);
        request.actor = system();
        world.handler.handle(request).await.unwrap();
        world
    }

    fn id(&self) -> Uuid {
        let mut next = self.next.lock().unwrap();
        *next += 1;
        Uuid::from_u128(*next)
    }

    fn parse(&self, name: &str, body: &Value) -> Box<dyn Command> {
        let entry = commands().into_iter().find(|entry| entry.name == name).unwrap();
        let raw = serde_json::value::to_raw_value(body).unwrap();
        (entry.parse)(&raw).unwrap_or_else(|error| panic!("{name}: {}", error.detail))
    }

    fn request(&self, name: &'static str, command: Box<dyn Command>) -> Request {
        let command_id = CommandId(self.id());
        Request {
            command_id,
            name,
            command,
            expected: None,
            effective_at: None,
            reason: None,
            actor: Actor { kind: ActorKind::User, id: ANA },
            on_behalf_of: None,
            channel: Channel::Api,
            causation_id: command_id.0,
            correlation_id: command_id.0,
        }
    }

    async fn send(&self, name: &'static str, body: Value) -> Result<Accepted, CommandError> {
        let request = self.request(name, self.parse(name, &body));
        self.handler.handle(request).await
    }

    async fn length(&self) -> u64 {
        self.store.head().await.unwrap().position.0
    }

    async fn types_after(&self, position: u64) -> Vec<String> {
        let events = self.store.read(Position(position), 100).await.unwrap();
        events.iter().map(|event| event.event.event_type.name.to_string()).collect()
    }

    async fn attempts(&self) -> Vec<String> {
        let attempts = self.store.attempts(0, 100).await.unwrap();
        attempts.iter().map(|recorded| recorded.attempt.code.to_string()).collect()
    }

    /// A quote over 1,500.00 BRL that only has to be accepted, for an opportunity.
    async fn active_quote(&self) -> (QuoteId, OpportunityId) {
        let account = AccountId(self.id());
        let opportunity = OpportunityId(self.id());
        let quote = QuoteId(self.id());
        let customer = CustomerRef::Account(account);
        self.send("CreateAccount", json!({ "account_id": account, "name": "Contoso" }))
            .await
            .unwrap();
        let body =
            json!({ "opportunity_id": opportunity, "topic": "Chairs", "customer": customer });
        self.send("CreateOpportunity", body).await.unwrap();
        self.send("StartQuote", json!({ "quote_id": quote, "opportunity": opportunity }))
            .await
            .unwrap();
        let line = json!({
            "quote_id": quote, "product": "Chair", "quantity": "10", "unit_price": "150",
        });
        self.send("AddQuoteLine", line).await.unwrap();
        self.send("ActivateQuote", json!({ "quote_id": quote })).await.unwrap();
        (quote, opportunity)
    }
}

fn code(outcome: Result<Accepted, CommandError>) -> &'static str {
    match outcome {
        Err(CommandError::Refused(refusal)) => refusal.code(),
        other => panic!("not refused: {other:?}"),
    }
}

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
        request.expected = Some(Version(expected));
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

    assert_eq!(
        world.types_after(before).await,
        ["quote.accepted", "numbering.number_allocated", "order.placed", "opportunity.won"]
    );
    assert_eq!(accepted.position.0, world.length().await);
    for _ in 0..3 {
        let again = world.handler.handle(send()).await.unwrap();
        assert_eq!(again.position, accepted.position);
    }
    assert_eq!(world.types_after(before).await.len(), 4);
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
    while world.length().await < before + 4 {
        world.store.wait(Position(world.length().await)).await;
    }
    stop.send(true).unwrap();
    following.await.unwrap().unwrap();

    assert_eq!(
        world.types_after(before).await,
        ["quote.accepted", "numbering.number_allocated", "order.placed", "opportunity.won"]
    );
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
    let number = |recorded: &events::Recorded| {
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
async fn a_quote_never_waits_for_itself_when_it_asks_for_its_number() {
    let world = World::new().await;
    let account = AccountId(world.id());
    let customer = CustomerRef::Account(account);
    world.send("CreateAccount", json!({ "account_id": account, "name": "Contoso" })).await.unwrap();
    let kind = events::sales::NumberKind::Quote;
    let sequence = events::sales::NumberSequence { kind, year: 2026 };
    // Ids whose random-looking end is that of the stream their number comes from.
    for number in 1..4_u128 {
        let quote = QuoteId(Uuid::from_u128(sequence.id().0.as_u128() ^ (number << 64)));
        let body = json!({ "quote_id": quote, "customer": customer });
        let sent = world.send("StartQuote", body);
        let answered = tokio::time::timeout(std::time::Duration::from_secs(10), sent).await;
        assert_eq!(answered.expect("it waits for itself").unwrap().version, Version(1));
    }
}

#[tokio::test]
async fn a_reaction_is_judged_by_the_event_it_reacts_to_not_by_an_older_state() {
    let world = World::new().await;
    let (quote, _) = world.active_quote().await;
    let before = world.length().await;
    let active = world.handler.cache.get(&quote.stream()).unwrap();
    let request = world.request(
        "AcceptQuote",
        world.parse("AcceptQuote", &json!({ "quote_id": quote, "close_opportunity": "won" })),
    );
    let fingerprint = world.handler.fingerprint(&request).unwrap();
    world.handler.judge(&request, quote.stream(), fingerprint).await.unwrap();
    // The follower is faster than the caller: the quote is still active in memory.
    world.handler.cache.insert(quote.stream(), active);

    let (stop, stopped) = watch::channel(false);
    let following =
        tokio::spawn(world.handler.clone().follow_processes(world.store.clone(), stopped));
    let placed = async {
        while world.length().await < before + 4 {
            world.store.wait(Position(world.length().await)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), placed).await.unwrap();
    stop.send(true).unwrap();
    following.await.unwrap().unwrap();
    assert_eq!(world.attempts().await, Vec::<String>::new());
}

#[tokio::test]
async fn an_old_state_never_takes_the_place_of_a_newer_one() {
    let world = World::new().await;
    let (quote, _) = world.active_quote().await;
    let newest = world.handler.cache.get(&quote.stream()).unwrap();
    let unborn = Arc::new(Record::unborn(quote.stream().category));
    world.handler.keep(quote.stream(), Loaded { version: Version(1), record: unborn });
    let kept = world.handler.cache.get(&quote.stream()).unwrap();
    assert_eq!(kept.version, newest.version);
}
