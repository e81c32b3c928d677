//! What was refused is kept, one by one or in a count, and none is lost.

use std::sync::{Arc, atomic::Ordering};

use events::{
    Actor, ActorKind,
    ids::{CommandId, TokenId},
};
use events_log::store::{EventStore, RecordedAttempt};
use uuid::Uuid;

use super::{Attempts, Refused};
use crate::{
    handle::{
        Clock,
        testing::{ANA, NOON, Watched, World},
    },
    limit::Limit,
};

const TOKEN: TokenId = TokenId(Uuid::from_u128(0x70));
const OTHER: TokenId = TokenId(Uuid::from_u128(0x71));

fn refused(token: TokenId, code: &'static str) -> Refused {
    Refused {
        actor: Actor { kind: ActorKind::User, id: ANA },
        token: Some(token),
        command_id: CommandId(Uuid::from_u128(1)),
        name: "CreateAccount".into(),
        stream: None,
        code,
    }
}

/// Three at once are kept one by one, and one more in an hour.
fn attempts(world: &World) -> Arc<Attempts> {
    let now = world.now.clone();
    let clock: Clock = Arc::new(move || events::Instant::from_micros(now.load(Ordering::SeqCst)));
    Attempts::within(world.store.clone(), clock, Limit::every(3_600, 3))
}

/// One was kept, every other goes into a count, and the store has gone away.
async fn away_behind_one(world: &World) -> (Arc<Watched>, Arc<Attempts>) {
    let store = Watched::new(world.store.clone(), None);
    let clock = world.handler.clock.clone();
    let attempts = Attempts::within(store.clone(), clock, Limit::every(3_600, 1));
    attempts.keep(vec![refused(TOKEN, "access.denied")]).await.unwrap();
    store.away.store(true, Ordering::SeqCst);
    (store, attempts)
}

async fn rows(world: &World) -> Vec<RecordedAttempt> {
    world.store.attempts(0, 100).await.unwrap()
}

async fn counts(world: &World) -> Vec<u64> {
    rows(world).await.iter().map(|row| row.attempt.count).collect()
}

#[tokio::test]
async fn beyond_the_limit_one_row_of_each_token_code_and_minute_holds_the_count() {
    let world = World::new().await;
    let attempts = attempts(&world);
    for _ in 0..10 {
        attempts.keep(vec![refused(TOKEN, "access.denied")]).await.unwrap();
    }
    attempts.keep(vec![refused(TOKEN, "record.exists")]).await.unwrap();
    attempts.keep(vec![refused(OTHER, "access.denied")]).await.unwrap();
    assert_eq!(counts(&world).await, [1, 1, 1, 1, 1, 1], "three, and the first of each count");
    attempts.write_counts().await.unwrap();
    assert_eq!(counts(&world).await, [1, 1, 1, 7, 1, 1], "none of ten is lost");
    world.now.store(NOON + super::MINUTE, Ordering::SeqCst);
    for _ in 0..5 {
        attempts.keep(vec![refused(TOKEN, "access.denied")]).await.unwrap();
    }
    attempts.write_counts().await.unwrap();
    assert_eq!(counts(&world).await, [1, 1, 1, 7, 1, 1, 5], "another minute");
    attempts.write_counts().await.unwrap();
    assert_eq!(counts(&world).await, [1, 1, 1, 7, 1, 1, 5]);
    assert!(rows(&world).await.iter().all(|row| row.attempt.token.is_some()));
}

#[tokio::test]
async fn a_token_hears_that_it_was_refused_too_often_and_no_other_does() {
    let world = World::new().await;
    let attempts = attempts(&world);
    for _ in 0..3 {
        assert!(!attempts.is_beyond(TOKEN));
        attempts.keep(vec![refused(TOKEN, "access.denied")]).await.unwrap();
    }
    assert!(attempts.is_beyond(TOKEN));
    assert!(!attempts.is_beyond(OTHER));
}

#[tokio::test]
async fn the_items_of_a_list_are_kept_whole_and_the_next_list_in_a_count() {
    let world = World::new().await;
    let attempts = attempts(&world);
    let list = || vec![refused(TOKEN, "command.invalid"); 20];
    attempts.keep(list()).await.unwrap();
    assert_eq!(rows(&world).await.len(), 20);
    attempts.keep(list()).await.unwrap();
    attempts.write_counts().await.unwrap();
    let counts = counts(&world).await;
    assert_eq!((counts.len(), counts.iter().sum()), (21, 40));
}

#[tokio::test]
async fn what_could_not_be_written_is_said_and_begins_a_row_when_it_can() {
    let world = World::new().await;
    let (store, attempts) = away_behind_one(&world).await;
    assert!(attempts.keep(vec![refused(TOKEN, "access.denied")]).await.is_err());
    store.away.store(false, Ordering::SeqCst);
    for _ in 0..2 {
        attempts.keep(vec![refused(TOKEN, "access.denied")]).await.unwrap();
    }
    store.away.store(true, Ordering::SeqCst);
    assert!(attempts.write_counts().await.is_err());
    store.away.store(false, Ordering::SeqCst);
    attempts.write_counts().await.unwrap();
    assert_eq!(counts(&world).await, [1, 2]);
}

#[tokio::test]
async fn whoever_was_told_that_a_refusal_is_kept_is_counted_though_the_first_could_not_be_written()
{
    let world = World::new().await;
    let (store, attempts) = away_behind_one(&world).await;
    // The row of the count is not written before all of them have been counted.
    let (first, second, third) = tokio::join!(
        attempts.keep(vec![refused(TOKEN, "access.denied"); 4]),
        attempts.keep(vec![refused(TOKEN, "access.denied")]),
        attempts.keep(vec![refused(TOKEN, "access.denied")]),
    );
    assert!(first.is_err());
    assert!(second.is_ok() && third.is_ok());
    assert!(attempts.write_counts().await.is_err());
    store.away.store(false, Ordering::SeqCst);
    attempts.keep(vec![refused(TOKEN, "access.denied")]).await.unwrap();
    attempts.write_counts().await.unwrap();
    assert_eq!(counts(&world).await, [1, 3], "the four were told that they are not kept");
    attempts.keep(vec![refused(TOKEN, "access.denied")]).await.unwrap();
    attempts.write_counts().await.unwrap();
    assert_eq!(counts(&world).await, [1, 4]);
}

#[tokio::test]
async fn a_name_that_was_made_up_is_cut_and_printable() {
    let world = World::new().await;
    let made_up = format!("Drop\u{202e}\n\u{0}{}", "é".repeat(200));
    let name = Refused { name: made_up.into(), ..refused(TOKEN, "command.unknown") };
    attempts(&world).keep(vec![name]).await.unwrap();
    let rows = rows(&world).await;
    let kept = &*rows[0].attempt.command;
    assert_eq!(kept.chars().count(), 64);
    assert!(kept.starts_with("Drop????") && kept.is_ascii());
}
