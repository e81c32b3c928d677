//! The follower of the log: what it runs, what it leaves alone, and how often it writes.

use std::{sync::atomic::Ordering, time::Instant};

use events_log::{
    postgres::Database,
    store::{EventStore, StreamReader},
    testing::TestDatabase,
};
use serde_json::json;

use super::*;
use crate::{
    aggregate::AsRecord,
    handle::testing::{Watched, World},
    sales::{Opportunity, OpportunityStatus},
};

/// Follows the log on a watched store until its checkpoint is at the head, and stops.
async fn follow(world: &World, store: &Arc<Watched>) {
    let (stop, stopped) = watch::channel(false);
    let handler = world.handler_on(store.clone());
    let following = tokio::spawn(handler.follow_processes(world.store.clone(), stopped));
    let head = world.store.head().await.unwrap().position;
    while world.store.checkpoint(CHECKPOINT).await.unwrap() < head {
        tokio::task::yield_now().await;
    }
    stop.send(true).unwrap();
    following.await.unwrap().unwrap();
}

#[tokio::test]
async fn what_ran_with_its_command_is_not_sent_again() {
    let world = World::new().await;
    let (quote, _) = world.active_quote().await;
    world
        .send("AcceptQuote", json!({ "quote_id": quote, "close_opportunity": "won" }))
        .await
        .unwrap();
    let before = world.length().await;
    let store = Watched::new(world.store.clone(), None);
    follow(&world, &store).await;
    assert_eq!(store.appends.load(Ordering::SeqCst), 0);
    assert_eq!(world.length().await, before);
}

#[tokio::test]
async fn nothing_is_written_while_nothing_happens() {
    let world = World::new().await;
    let store = Watched::new(world.store.clone(), None);
    follow(&world, &store).await;
    let saves = store.saves.load(Ordering::SeqCst);
    assert!(saves >= 1);
    for _ in 0..3 {
        follow(&world, &store).await;
    }
    assert_eq!(store.saves.load(Ordering::SeqCst), saves);
}

#[tokio::test]
async fn under_load_the_checkpoint_is_saved_once_a_second_at_most() {
    let world = World::new().await;
    let store = Watched::new(world.store.clone(), None);
    let (stop, stopped) = watch::channel(false);
    let handler = world.handler_on(store.clone());
    let begun = Instant::now();
    let following = tokio::spawn(handler.follow_processes(world.store.clone(), stopped));
    for _ in 0..200 {
        world.send("CreateAccount", json!({ "name": "Contoso" })).await.unwrap();
        tokio::task::yield_now().await;
    }
    stop.send(true).unwrap();
    following.await.unwrap().unwrap();
    // One at once, one for each second, one at the end.
    let allowed = begun.elapsed().as_secs() + 2;
    let saves = u64::try_from(store.saves.load(Ordering::SeqCst)).unwrap();
    assert!(saves <= allowed, "{saves} savings");
}

#[tokio::test]
async fn it_ends_when_whoever_would_stop_it_is_gone() {
    let world = World::new().await;
    let (stop, stopped) = watch::channel(false);
    let following =
        tokio::spawn(world.handler.clone().follow_processes(world.store.clone(), stopped));
    drop(stop);
    following.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_shared_log_that_is_away_is_followed_again_when_it_is_back() {
    let world = World::shared().await;
    let store = Watched::new(world.store.clone(), None);
    store.away.store(true, Ordering::SeqCst);
    let (stop, stopped) = watch::channel(false);
    let handler = world.handler_on(store.clone());
    let following = tokio::spawn(handler.follow_processes(store.clone(), stopped));
    while store.asked.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    store.away.store(false, Ordering::SeqCst);
    let head = world.store.head().await.unwrap().position;
    while world.store.checkpoint(CHECKPOINT).await.unwrap() < head {
        tokio::task::yield_now().await;
    }
    // Away again when the last checkpoint would be saved: it ends all the same.
    world.send("CreateAccount", json!({ "name": "Contoso" })).await.unwrap();
    store.away.store(true, Ordering::SeqCst);
    stop.send(true).unwrap();
    following.await.unwrap().unwrap();
}

#[tokio::test]
async fn two_followers_at_once_do_everything_once() {
    let world = World::shared().await;
    let (quote, _) = world.active_quote().await;
    let before = world.length().await;
    let stores = [0, 1].map(|_| Watched::new(world.store.clone(), None));
    let (stop, stopped) = watch::channel(false);
    let following = stores.clone().map(|store| {
        let handler = world.handler_on(store.clone());
        tokio::spawn(handler.follow_processes(store, stopped.clone()))
    });
    // And the loop that the command was sent to runs its reactions too.
    let body = json!({ "quote_id": quote, "close_opportunity": "won" });
    world.send("AcceptQuote", body).await.unwrap();
    while world.store.checkpoint(CHECKPOINT).await.unwrap().0 < world.length().await {
        tokio::task::yield_now().await;
    }
    stop.send(true).unwrap();
    for one in following {
        one.await.unwrap().unwrap();
    }
    let mut types = world.types_after(before).await;
    types.sort_unstable();
    let once = [
        "numbering.number_allocated",
        "opportunity.quote_withdrawn",
        "opportunity.won",
        "order.placed",
        "quote.accepted",
    ];
    assert_eq!(types, once);
}

#[tokio::test]
async fn who_has_no_lease_follows_nothing_and_takes_over_when_it_is_free() {
    let Some(test) = TestDatabase::new("who_has_no_lease_follows_nothing") else { return };
    let database = Database::new(&test.server(), "public", 2);
    Lease::make_table(&database).await.unwrap();
    let [other, ours] =
        [1, 2].map(|holder| Lease::new(database.clone(), "processes", Uuid::from_u128(holder)));
    assert!(other.hold().await.unwrap());
    let world = World::shared().await;
    let (stop, stopped) = watch::channel(false);
    let (handler, feed) = (world.handler.clone(), world.store.clone());
    let following =
        tokio::spawn(
            async move { handler.follow_processes_while_held(&ours, feed, stopped).await },
        );
    // Longer than it takes to be told that another has it.
    let patience = tokio::time::timeout(Duration::from_millis(300), std::future::pending::<()>());
    assert!(patience.await.is_err());
    assert_eq!(world.store.checkpoint(CHECKPOINT).await.unwrap(), Position::START);
    other.release().await;
    let head = world.store.head().await.unwrap().position;
    while world.store.checkpoint(CHECKPOINT).await.unwrap() < head {
        tokio::task::yield_now().await;
    }
    stop.send(true).unwrap();
    following.await.unwrap().unwrap();
}

/// Where the log ends up with everything that an acceptance brings about.
async fn position_of(world: &World, event_type: &str) -> Position {
    let all = world.store.read(Position::START, 10_000).await.unwrap();
    let last = all.iter().rfind(|event| event.event.event_type.name == event_type);
    last.unwrap_or_else(|| panic!("no {event_type}")).position
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_told_of_an_acceptance_is_told_a_position_that_shows_all_of_it() {
    let world = Arc::new(World::new().await);
    for _ in 0..40 {
        let (quote, _) = world.active_quote().await;
        let store = Watched::new(world.store.clone(), None);
        let handler = world.handler_on(store);
        let body = json!({ "quote_id": quote, "close_opportunity": "won" });
        let sent = (0..8).map(|_| {
            let (world, handler, body) = (world.clone(), handler.clone(), body.clone());
            tokio::spawn(async move { world.send_to(&handler, "AcceptQuote", body).await.unwrap() })
        });
        let sent: Vec<_> = sent.collect();
        for answer in sent {
            let position = answer.await.unwrap().position;
            for event_type in ["quote.accepted", "order.placed", "opportunity.won"] {
                let of = position_of(&world, event_type).await;
                assert!(position >= of, "{event_type} at {of}, the answer says {position}");
            }
        }
    }
}

#[tokio::test]
async fn a_quiet_answer_finishes_what_another_process_left_half_done() {
    let world = World::shared().await;
    let (quote, _) = world.active_quote().await;
    // The process that took the acceptance ends right after its append.
    let body = json!({ "quote_id": quote, "close_opportunity": "won" });
    let accept = world.request("AcceptQuote", world.parse("AcceptQuote", &body));
    world.handler.append_only(accept).await;
    let before = world.types_after(world.length().await - 1).await;
    assert_eq!(before, ["quote.accepted"]);

    let other = world.handler_on(world.store.clone());
    let request = world.request("AcceptQuote", world.parse("AcceptQuote", &body));
    let id = request.command_id;
    let first = other.handle(request).await.unwrap();
    for event_type in ["order.placed", "opportunity.won"] {
        assert!(first.position >= position_of(&world, event_type).await, "{event_type}");
    }
    let mut again = world.request("AcceptQuote", world.parse("AcceptQuote", &body));
    again.command_id = id;
    let again = other.handle(again).await.unwrap();
    assert!(again.replayed);
    assert_eq!(again.position, first.position, "a repeat gets the first answer");
}

#[tokio::test]
async fn a_quiet_answer_on_what_the_follower_has_passed_sends_nothing_again() {
    let world = World::new().await;
    let (quote, _) = world.active_quote().await;
    world.send("AcceptQuote", json!({ "quote_id": quote })).await.unwrap();
    let store = Watched::new(world.store.clone(), None);
    follow(&world, &store).await;
    let handler = world.handler_on(store.clone());
    world.send_to(&handler, "AcceptQuote", json!({ "quote_id": quote })).await.unwrap();
    assert_eq!(store.appends.load(Ordering::SeqCst), 1, "its own ledger line, and no reaction");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deal_is_never_lost_and_booked_whichever_processes_take_both() {
    let world = Arc::new(World::shared().await);
    let mut taken = std::collections::BTreeSet::new();
    for round in 0..60 {
        let (quote, deal) = world.active_quote().await;
        let [one, other] =
            [0, 1].map(|_| world.handler_on(Watched::new(world.store.clone(), None)));
        let lose = json!({
            "opportunity_id": deal, "status_reason": "OutSold", "quotes": [quote],
        });
        let accept = json!({ "quote_id": quote });
        let send = |handler: Arc<Handler>, name, body| {
            let world = world.clone();
            tokio::spawn(async move { world.send_to(&handler, name, body).await.is_ok() })
        };
        // Neither is always the first.
        let (lost, accepted) = if round % 2 == 0 {
            let lost = send(one, "LoseOpportunity", lose);
            (lost, send(other, "AcceptQuote", accept))
        } else {
            let accepted = send(other, "AcceptQuote", accept);
            (send(one, "LoseOpportunity", lose), accepted)
        };
        let outcome = (lost.await.unwrap(), accepted.await.unwrap());
        taken.insert(outcome);
        let handler = world.handler_on(world.store.clone());
        let own = handler.load(deal.stream()).await.unwrap();
        let state = Opportunity::of(&own.record).and_then(Opportunity::created).unwrap();
        let is_lost = matches!(state.status, OpportunityStatus::Lost(_));
        assert!(outcome.0 || outcome.1, "neither was taken");
        assert_eq!(is_lost, !outcome.1, "lost or booked: {outcome:?}");
        assert!(state.quotes.is_empty(), "no quote is with the customer any more");
    }
    assert!(taken.len() > 1, "only one way was tried: {taken:?}");
}
