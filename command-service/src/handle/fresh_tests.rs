//! Two write loops on one log: neither judges on what the other has changed. Each scene is played
//! twice, the second time by loops that do not look what the others do: then it must go wrong, or
//! the scene would show nothing.

use std::collections::BTreeSet;

use events::{
    CrmEvent, Payload,
    access::PresentedToken,
    ids::{AccountId, CommandId, ContactId, CustomerRef, OpportunityId, QuoteId, TokenId, UserId},
    sales::QuoteEvent,
};
use events_log::store::{Append, EventStore, Fingerprint, StreamReader};
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::handle::{
    Accepted, Handler, Request, system,
    testing::{ANA, Watched, World, code},
};

const SECRET: [u8; 32] = [9; 32];

/// Two write loops with a memory of their own, on one log.
pub(super) struct Two {
    pub(super) world: World,
    a: Arc<Handler>,
    pub(super) b: Arc<Handler>,
}

impl Two {
    pub(super) async fn new() -> Self {
        let world = World::shared().await;
        let a = world.handler_on(world.store.clone());
        let b = world.handler_on(world.store.clone());
        Self { world, a, b }
    }

    async fn blind() -> Self {
        let world = World::shared().await;
        let a = world.blind_handler_on(world.store.clone());
        let b = world.blind_handler_on(world.store.clone());
        Self { world, a, b }
    }

    pub(super) async fn account(&self) -> AccountId {
        let account = AccountId(self.world.id());
        let body = json!({ "account_id": account, "name": "Contoso" });
        self.world.send_to(&self.a, "CreateAccount", body).await.unwrap();
        account
    }

    pub(super) async fn token(&self, user: UserId) -> (TokenId, PresentedToken) {
        let token = TokenId(self.world.id());
        let body = json!({
            "token_id": token, "user": user, "scopes": ["write"],
            "secret_sha256": hex::encode(PresentedToken::digest(&SECRET)),
        });
        let mut request = self.world.request("IssueToken", self.world.parse("IssueToken", &body));
        request.actor = system();
        self.a.handle(request).await.unwrap();
        let text = PresentedToken::text(token, &SECRET);
        (token, PresentedToken::parse(&text).unwrap())
    }
}

async fn is_let_in(handler: &Handler, token: &PresentedToken) -> bool {
    handler.authenticate(token).await.unwrap().is_some()
}

/// Closed, seen closed by B, reopened through A: whether B changes it.
async fn reopened_and_changed(two: Two) -> bool {
    let Two { world, a, b } = &two;
    let (account, opportunity) = (two.account().await, OpportunityId(world.id()));
    let body = json!({
        "opportunity_id": opportunity, "topic": "Chairs", "customer": CustomerRef::Account(account),
    });
    world.send_to(a, "CreateOpportunity", body).await.unwrap();
    let it = json!({ "opportunity_id": opportunity });
    let lose = json!({ "opportunity_id": opportunity, "status_reason": "Canceled" });
    world.send_to(a, "LoseOpportunity", lose).await.unwrap();
    let change = json!({ "opportunity_id": opportunity, "stage": "Propose" });
    let closed = world.send_to(b, "ChangeOpportunityStage", change.clone()).await;
    assert!(closed.is_err());
    world.send_to(a, "ReopenOpportunity", it).await.unwrap();
    world.send_to(b, "ChangeOpportunityStage", change).await.is_ok()
}

#[tokio::test]
async fn what_was_reopened_through_one_is_changed_through_the_other() {
    assert!(reopened_and_changed(Two::new().await).await);
    assert!(!reopened_and_changed(Two::blind().await).await);
}

/// Revoked through A: whether B still lets it in.
async fn revoked_and_used(two: Two) -> bool {
    let Two { world, a, b } = &two;
    let (id, token) = two.token(UserId(ANA)).await;
    assert!(is_let_in(a, &token).await && is_let_in(b, &token).await);
    world.send_to(a, "RevokeToken", json!({ "token_id": id })).await.unwrap();
    assert!(!is_let_in(a, &token).await);
    is_let_in(b, &token).await
}

#[tokio::test]
async fn a_token_that_was_revoked_through_one_opens_nothing_at_the_other() {
    assert!(!revoked_and_used(Two::new().await).await);
    assert!(revoked_and_used(Two::blind().await).await);
}

/// Disabled through A: whether B still lets their token in.
async fn disabled_and_used(two: Two) -> bool {
    let Two { world, a, b } = &two;
    let eve = UserId(world.id());
    world.send_to(a, "AddUser", json!({ "user_id": eve, "name": "Eve" })).await.unwrap();
    let (_, token) = two.token(eve).await;
    assert!(is_let_in(b, &token).await);
    world.send_to(a, "DisableUser", json!({ "user_id": eve })).await.unwrap();
    is_let_in(b, &token).await
}

#[tokio::test]
async fn a_user_who_was_disabled_through_one_is_not_let_in_by_the_other() {
    assert!(!disabled_and_used(Two::new().await).await);
    assert!(disabled_and_used(Two::blind().await).await);
}

/// Deactivated through A: whether B makes it a child. The append compares the child's stream only.
async fn deactivated_and_given_a_child(two: Two) -> bool {
    let Two { world, a, b } = &two;
    let account = two.account().await;
    let child = || {
        let parent = CustomerRef::Account(account);
        json!({ "contact_id": world.id(), "last_name": "Quintela", "parent": parent })
    };
    world.send_to(b, "CreateContact", child()).await.unwrap();
    world.send_to(a, "DeactivateAccount", json!({ "account_id": account })).await.unwrap();
    let made = world.send_to(b, "CreateContact", child()).await;
    if made.is_err() {
        assert_eq!(code(made), "customer.inactive");
        return false;
    }
    true
}

#[tokio::test]
async fn an_account_that_was_deactivated_through_one_gets_no_child_through_the_other() {
    assert!(!deactivated_and_given_a_child(Two::new().await).await);
    assert!(deactivated_and_given_a_child(Two::blind().await).await);
}

/// Taken away through A: whether B still makes that contact the primary one.
async fn moved_away_and_made_primary(two: Two) -> bool {
    let Two { world, a, b } = &two;
    let (account, contact) = (two.account().await, ContactId(world.id()));
    let parent = CustomerRef::Account(account);
    let body = json!({ "contact_id": contact, "last_name": "Quintela", "parent": parent });
    world.send_to(b, "CreateContact", body).await.unwrap();
    let primary = json!({ "account_id": account, "contact": contact });
    world.send_to(b, "SetPrimaryContact", primary.clone()).await.unwrap();
    world.send_to(b, "ClearPrimaryContact", json!({ "account_id": account })).await.unwrap();
    let away = json!({ "contact_id": contact, "parent": null });
    world.send_to(a, "ChangeContactParent", away).await.unwrap();
    world.send_to(b, "SetPrimaryContact", primary).await.is_ok()
}

#[tokio::test]
async fn a_contact_that_was_moved_through_one_is_not_made_primary_through_the_other() {
    assert!(!moved_away_and_made_primary(Two::new().await).await);
    assert!(moved_away_and_made_primary(Two::blind().await).await);
}

#[tokio::test]
async fn a_command_that_one_accepted_is_answered_by_the_other_as_the_first_time() {
    let two = Two::new().await;
    let Two { world, a, b } = &two;
    let account = two.account().await;
    let it = json!({ "account_id": account });
    b.load(account.stream()).await.unwrap();
    let bodies = [
        ("ChangeAccountDetails", json!({ "account_id": account, "industry": "Paper" })),
        // Its repeat is refused by what it did, and a quiet one has nothing to do.
        ("DeactivateAccount", it.clone()),
        ("ReactivateAccount", it),
        ("CreateAccount", json!({ "account_id": world.id(), "name": "Fabrikam" })),
    ];
    for (name, body) in bodies {
        let command_id = CommandId(world.id());
        let send = || Request { command_id, ..world.request(name, world.parse(name, &body)) };
        let first = a.handle(send()).await.unwrap();
        let length = world.length().await;
        let again = b.handle(send()).await.unwrap();
        assert!(again.replayed, "{name}");
        assert_eq!(Accepted { replayed: false, ..again }, first, "{name}");
        assert_eq!(world.length().await, length, "{name}");
    }
}

#[tokio::test]
async fn no_number_is_given_twice_and_a_repeat_gets_the_same() {
    let two = Two::new().await;
    let Two { world, a, b } = &two;
    let customer = CustomerRef::Account(two.account().await);
    let slow = [a, b].map(|_| world.handler_on(Watched::new(world.store.clone(), None)));
    let quotes: Vec<_> = (0..40).map(|_| (QuoteId(world.id()), CommandId(world.id()))).collect();
    let send = |handler: Arc<Handler>, (quote, command_id)| async move {
        let body = json!({ "quote_id": quote, "customer": customer });
        let request = world.request("StartQuote", world.parse("StartQuote", &body));
        handler.handle(Request { command_id, ..request }).await.unwrap()
    };
    // Every one is sent to both at once.
    let both = quotes.iter().flat_map(|quote| slow.iter().map(|one| send(one.clone(), *quote)));
    let answers = futures_util::future::join_all(both).await;

    for pair in answers.chunks(2) {
        assert_eq!((pair[0].record, pair[0].version), (pair[1].record, pair[1].version));
        assert!(pair[0].replayed != pair[1].replayed, "one of them did it");
    }
    let mut numbers = BTreeSet::new();
    for (quote, _) in quotes {
        let events = world.store.read_stream(quote.stream(), Version::NONE, 9).await.unwrap();
        let payload = Payload::decode(&events[0].event).unwrap();
        let CrmEvent::Quote(QuoteEvent::Started(started)) = payload.event else { panic!() };
        numbers.insert(started.number.to_string());
    }
    let expected: BTreeSet<_> = (1..=40).map(|n| format!("Q-2026-{n:06}")).collect();
    assert_eq!(numbers, expected);
}

#[tokio::test]
async fn a_state_that_was_read_before_a_change_is_not_kept_after_it() {
    for far in [false, true] {
        let two = Two::new().await;
        let account = two.account().await;
        let store = Watched::new(two.world.store.clone(), Some(account.stream()));
        let slow = two.world.handler_on(store.clone());
        slow.freshen().await.unwrap();

        // Somebody looks at the account. While the answer is on its way, it changes elsewhere.
        let look = |handler: Arc<Handler>| async move {
            handler.load(account.stream()).await.unwrap().version
        };
        let first = tokio::spawn(look(slow.clone()));
        store.is_read.notified().await;
        let change = json!({ "account_id": account, "industry": "Paper" });
        two.world.send_to(&two.b, "ChangeAccountDetails", change).await.unwrap();
        let length = if far { much_happens(&two, account).await } else { Version(2) };

        // Somebody else comes after the change, and waits for the same answer.
        slow.freshen().await.unwrap();
        let second = tokio::spawn(look(slow.clone()));
        tokio::task::yield_now().await;
        store.go.notify_one();
        assert_eq!(first.await.unwrap(), Version(1));
        let patience = Duration::from_secs(20);
        let again = tokio::time::timeout(patience, store.is_read.notified()).await;
        assert!(again.is_ok(), "it was given what was read before; far: {far}");
        store.go.notify_one();
        assert_eq!(second.await.unwrap(), length, "far: {far}");
        assert_eq!(look(slow).await, length, "far: {far}");
    }
}

/// So much happens to the account that it is cheaper to forget everything than to read it. Answers
/// with the account's version.
pub(super) async fn much_happens(two: &Two, account: AccountId) -> Version {
    let Two { world, .. } = two;
    let changed = world.store.read_stream(account.stream(), Version(1), 1).await.unwrap();
    let mut expected = Version(2);
    while world.length().await <= FAR + 10 {
        let append = Append {
            command_id: CommandId(world.id()),
            fingerprint: Fingerprint([0; 32]),
            actor: system(),
            stream: account.stream(),
            expected,
            events: vec![changed[0].event.clone(); 1_000],
        };
        world.store.append(vec![append]).await.remove(0).unwrap();
        expected = expected.plus(1_000);
    }
    expected
}

#[test]
fn versions_that_were_forgotten_keep_old_readings_out() {
    let stream = |n: usize| AccountId(Uuid::from_u128(n as u128)).stream();
    let mut known = Known::default();
    let begun = Era(known.era);
    known.take_in(stream(0), Version(5));
    assert!(
        !known.is_new(stream(0), Version(4), begun) && known.is_new(stream(0), Version(5), begun)
    );
    (1..=FLOORS).for_each(|n| known.take_in(stream(n), Version(1)));
    assert!(!known.is_new(stream(0), Version(4), begun), "it is of the era before");
    assert!(known.is_new(stream(0), Version(5), begun));
    (1..=FLOORS).for_each(|n| known.take_in(stream(FLOORS + n), Version(1)));
    assert!(!known.is_new(stream(0), Version(5), begun), "nobody knows");
    assert!(known.is_new(stream(0), Version(5), Era(known.era)));
    assert!(known.before.len() <= FLOORS && known.versions.len() <= FLOORS);
}

#[tokio::test]
async fn no_refusal_is_put_together_from_two_moments() {
    let two = Two::new().await;
    let (account, contact) = (two.account().await, ContactId(two.world.id()));
    let parent = CustomerRef::Account(account);
    let body = json!({ "contact_id": contact, "last_name": "Quintela", "parent": parent });
    two.world.send_to(&two.b, "CreateContact", body).await.unwrap();
    let store = Watched::new(two.world.store.clone(), Some(account.stream()));
    let slow = two.world.handler_on(store.clone());

    // The account is read while it is active. Before the contact is read, the account and then the
    // contact are deactivated: never was the contact the only one that is in the way.
    let body = json!({ "account_id": account, "contact": contact });
    let request =
        two.world.request("SetPrimaryContact", two.world.parse("SetPrimaryContact", &body));
    let sent = tokio::spawn(async move { slow.handle(request).await });
    store.is_read.notified().await;
    let (one, other) = (json!({ "account_id": account }), json!({ "contact_id": contact }));
    two.world.send_to(&two.b, "DeactivateAccount", one).await.unwrap();
    two.world.send_to(&two.b, "DeactivateContact", other).await.unwrap();
    // Once for the first reading, once for the one that confirms it.
    store.go.notify_one();
    tokio::time::timeout(Duration::from_secs(5), store.is_read.notified()).await.ok();
    store.go.notify_one();
    assert_eq!(code(sent.await.unwrap()), "record.inactive");
}
