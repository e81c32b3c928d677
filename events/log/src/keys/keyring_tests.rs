//! What is sealed opens where it was sealed, and nowhere else.

use std::sync::atomic::{AtomicUsize, Ordering};

use events::{
    customers::{ContactCreated, ContactDetailsChanged, ContactEvent, ContactKind},
    ids::{Principal, UserId},
    values::{Change, Email, Line, Prose},
};
use uuid::Uuid;

use super::*;
use crate::{
    keys::{KeyEraser, MemoryKeys},
    store::Answer,
};

const LOG: LogId = LogId(Uuid::from_u128(1));
const FIRST: EventId = EventId(Uuid::from_u128(2));
const SECOND: EventId = EventId(Uuid::from_u128(3));
const CANARY: &str = "Zuleika Canary";

fn line<const MAX: usize>(text: &str) -> Personal<Line<MAX>> {
    Personal::Clear(Line::new(text).unwrap())
}

fn created(key: KeyId) -> Payload {
    let event = ContactEvent::Created(ContactCreated {
        key,
        first_name: Some(line("Ana")),
        last_name: line(CANARY),
        kind: ContactKind::Consumer,
        parent: None,
        job_title: None,
        email: Some(Personal::Clear(Email::new("ana@example.com").unwrap())),
        phone: None,
        mobile: None,
        birthdate: None,
        description: None,
        owner: Principal::User(UserId(Uuid::from_u128(9))),
    });
    let reason = Some(Personal::Clear(Prose::new("She asked for it").unwrap()));
    Payload { reason, ..Payload::from(events::CrmEvent::from(event)) }
}

fn renamed(last_name: Personal<Line<50>>) -> Payload {
    let changed = ContactDetailsChanged { last_name: Some(last_name), ..Default::default() };
    Payload::from(events::CrmEvent::from(ContactEvent::DetailsChanged(changed)))
}

fn contact(payload: &mut Payload) -> &mut ContactCreated {
    match &mut payload.event {
        events::CrmEvent::Contact(ContactEvent::Created(contact)) => contact,
        other => panic!("no created contact: {other:?}"),
    }
}

fn new_name(payload: &mut Payload) -> &mut Personal<Line<50>> {
    match &mut payload.event {
        events::CrmEvent::Contact(ContactEvent::DetailsChanged(changed)) => {
            changed.last_name.as_mut().unwrap()
        }
        other => panic!("no changed contact: {other:?}"),
    }
}

fn sealed<T>(value: &mut Personal<T>) -> &mut Sealed {
    match value {
        Personal::Sealed(sealed) => sealed,
        Personal::Clear(_) | Personal::Erased | Personal::Unreadable(_) => panic!("not sealed"),
    }
}

struct World {
    keys: Arc<MemoryKeys>,
    ring: Keyring,
    key: KeyId,
    payload: Payload,
}

/// A contact whose payload is sealed.
async fn world() -> World {
    let keys = Arc::new(MemoryKeys::new());
    let ring = Keyring::new(keys.clone(), LOG);
    let key = ring.take().await.unwrap();
    let mut payload = created(key);
    ring.seal(&mut payload, FIRST, Some(key)).await.unwrap();
    World { keys, ring, key, payload }
}

/// Without a cache that could hide what the store says.
fn fresh(world: &World) -> Unsealer {
    Unsealer::new(world.keys.clone(), LOG)
}

async fn unsealed(world: &World, payload: Payload) -> Result<Payload, KeyError> {
    let mut batch = [payload];
    fresh(world).unseal(&mut batch).await?;
    let [payload] = batch;
    Ok(payload)
}

#[tokio::test]
async fn what_was_sealed_unseals_to_the_same() {
    let world = world().await;
    assert!(world.payload.encode().is_ok());
    assert_eq!(unsealed(&world, world.payload.clone()).await.unwrap(), created(world.key));
}

#[tokio::test]
async fn neither_bytes_nor_debug_show_a_personal_value() {
    let mut world = world().await;
    let bytes = String::from_utf8(world.payload.encode().unwrap()).unwrap();
    let clear = unsealed(&world, world.payload.clone()).await.unwrap();
    for text in [bytes, format!("{:?}", world.payload), format!("{clear:?}")] {
        assert!(!text.contains(CANARY) && !text.contains("example.com"), "{text}");
    }
    let ciphertext = &sealed(&mut contact(&mut world.payload).last_name).ciphertext;
    assert!(!ciphertext.windows(6).any(|window| window == b"Canary"));
}

#[tokio::test]
async fn clear_and_erased_values_cannot_be_written() {
    let world = world().await;
    let clear = unsealed(&world, world.payload.clone()).await.unwrap();
    assert!(clear.encode().is_err());
    world.keys.destroy(world.key).await.unwrap();
    let erased = unsealed(&world, world.payload.clone()).await.unwrap();
    assert!(erased.encode().is_err());
    let mut erased = erased;
    let refused = world.ring.seal(&mut erased, SECOND, Some(world.key)).await;
    assert!(matches!(refused, Err(KeyError::NoPlace)));
}

#[tokio::test]
async fn the_same_value_is_never_sealed_alike() {
    let mut world = world().await;
    let mut again = created(world.key);
    world.ring.seal(&mut again, FIRST, Some(world.key)).await.unwrap();
    let first = sealed(&mut contact(&mut world.payload).last_name);
    let second = sealed(&mut contact(&mut again).last_name);
    assert_ne!(first.nonce, second.nonce);
    assert_ne!(first.ciphertext, second.ciphertext);
}

#[tokio::test]
async fn a_tampered_value_is_forged() {
    let world = world().await;
    let tamper: [fn(&mut Sealed); 4] = [
        |sealed| sealed.ciphertext[0] ^= 1,
        |sealed| sealed.nonce[11] ^= 1,
        |sealed| sealed.ciphertext.truncate(15),
        |sealed| sealed.ciphertext.push(0),
    ];
    for change in tamper {
        let mut payload = world.payload.clone();
        change(sealed(&mut contact(&mut payload).last_name));
        assert!(matches!(unsealed(&world, payload).await, Err(KeyError::Forged)));
    }
}

#[tokio::test]
async fn a_value_moved_to_another_field_or_event_is_forged() {
    let world = world().await;
    let mut other_field = world.payload.clone();
    sealed(&mut contact(&mut other_field).last_name).origin.as_mut().unwrap().path =
        Cow::Borrowed("first_name");
    assert!(matches!(unsealed(&world, other_field).await, Err(KeyError::Forged)));

    let mut other_event = world.payload.clone();
    sealed(&mut contact(&mut other_event).last_name).origin.as_mut().unwrap().event = SECOND;
    assert!(matches!(unsealed(&world, other_event).await, Err(KeyError::Forged)));
}

#[tokio::test]
async fn a_value_of_another_log_is_forged() {
    let world = world().await;
    let other = Unsealer::new(world.keys.clone(), LogId(Uuid::from_u128(99)));
    let refused = other.unseal(&mut [world.payload.clone()]).await;
    assert!(matches!(refused, Err(KeyError::Forged)));
}

#[tokio::test]
async fn a_value_under_another_key_is_forged() {
    let world = world().await;
    let other = world.ring.take().await.unwrap();
    let mut renamed_key = world.payload.clone();
    sealed(&mut contact(&mut renamed_key).last_name).key = other;
    assert!(matches!(unsealed(&world, renamed_key).await, Err(KeyError::Forged)));

    world.keys.insert(world.key, &[7; 32]).unwrap();
    let replaced = unsealed(&world, world.payload.clone()).await;
    assert!(matches!(replaced, Err(KeyError::Forged)));
}

#[tokio::test]
async fn what_was_decoded_without_its_event_has_no_place() {
    let world = world().await;
    let mut payload = world.payload.clone();
    sealed(&mut contact(&mut payload).last_name).origin = None;
    assert!(matches!(unsealed(&world, payload.clone()).await, Err(KeyError::NoPlace)));
    let refused = world.ring.seal(&mut payload, SECOND, Some(world.key)).await;
    assert!(matches!(refused, Err(KeyError::NoPlace)));
}

#[tokio::test]
async fn without_its_key_a_value_is_erased() {
    let mut world = world().await;
    world.keys.destroy(world.key).await.unwrap();
    let mut erased = unsealed(&world, world.payload.clone()).await.unwrap();
    assert_eq!(contact(&mut erased).last_name, Personal::Erased);
    assert_eq!(contact(&mut erased).last_name.clear(), None);
    assert_eq!(erased.reason, Some(Personal::Erased));

    // The ring's own cache has the key until it is told.
    let last_name = contact(&mut world.payload).last_name.clone();
    assert!(world.ring.unsealer().open(&last_name).await.unwrap().is_some());
    world.ring.unsealer().forget(world.key);
    assert_eq!(world.ring.unsealer().open(&last_name).await.unwrap(), None);
}

#[tokio::test]
async fn an_absent_key_is_not_remembered() {
    let mut world = world().await;
    let empty = Arc::new(MemoryKeys::new());
    let unsealer = Unsealer::new(empty.clone(), LOG);
    let last_name = contact(&mut world.payload).last_name.clone();
    let refused = unsealer.open(&last_name).await;
    assert!(matches!(refused, Err(KeyError::Unreadable(key)) if key == world.key));
    assert_eq!(
        (unsealer.unreadable().count(), unsealer.unreadable().first(9)),
        (1, vec![world.key])
    );
    empty.insert(world.key, &[7; 32]).unwrap();
    assert!(matches!(unsealer.open(&last_name).await, Err(KeyError::Forged)));
    assert_eq!(unsealer.unreadable().count(), 0, "a key that is back is told of no more");
}

#[tokio::test]
async fn a_key_that_was_lost_erases_nothing() {
    let mut world = world().await;
    world.keys.lose(world.key);
    let mut read = unsealed(&world, world.payload.clone()).await.unwrap();
    assert_eq!(contact(&mut read).last_name, Personal::Unreadable(world.key));
    assert_eq!(contact(&mut read).last_name.clear(), None);
    assert_eq!(read.reason, Some(Personal::Unreadable(world.key)));
    assert!(read.encode().is_err(), "what cannot be read is not written");

    // Neither is it copied as if it were erased, nor is anything sealed with it.
    let key = world.ring.take().await.unwrap();
    let ring = Keyring::new(world.keys.clone(), LOG);
    let mut copy = renamed(contact(&mut world.payload).last_name.clone());
    let refused = ring.seal(&mut copy, SECOND, Some(key)).await;
    assert!(matches!(refused, Err(KeyError::Unreadable(lost)) if lost == world.key));
    let refused = ring.seal(&mut renamed(line(CANARY)), SECOND, Some(world.key)).await;
    assert!(matches!(refused, Err(KeyError::Unreadable(lost)) if lost == world.key));
}

#[tokio::test]
async fn one_lost_key_stops_nothing_but_what_needs_it() {
    let world = world().await;
    let key = world.ring.take().await.unwrap();
    let mut other = created(key);
    world.ring.seal(&mut other, SECOND, Some(key)).await.unwrap();
    world.keys.lose(world.key);
    let mut batch = [world.payload.clone(), other];
    Unsealer::new(world.keys.clone(), LOG).unseal(&mut batch).await.unwrap();
    assert_eq!(contact(&mut batch[0]).last_name, Personal::Unreadable(world.key));
    assert_eq!(contact(&mut batch[1]).last_name, line(CANARY));
}

#[tokio::test]
async fn nothing_is_sealed_without_a_key() {
    let world = world().await;
    let destroyed = world.ring.take().await.unwrap();
    world.keys.destroy(destroyed).await.unwrap();
    for key in [None, Some(destroyed)] {
        let refused = world.ring.seal(&mut created(world.key), FIRST, key).await;
        assert!(matches!(refused, Err(KeyError::NoPlace)));
    }
    let unknown = KeyId(Uuid::from_u128(404));
    let refused = world.ring.seal(&mut created(world.key), FIRST, Some(unknown)).await;
    assert!(matches!(refused, Err(KeyError::Unreadable(key)) if key == unknown));
    let mut nothing = Payload::from(events::CrmEvent::from(ContactEvent::Deactivated(
        events::customers::Deactivated {},
    )));
    world.ring.seal(&mut nothing, FIRST, None).await.unwrap();
}

#[tokio::test]
async fn sealing_again_changes_nothing() {
    let world = world().await;
    let mut again = world.payload.clone();
    world.ring.seal(&mut again, FIRST, None).await.unwrap();
    assert_eq!(again, world.payload);
}

#[tokio::test]
async fn a_copy_is_sealed_anew_for_its_own_place_and_key() {
    let mut world = world().await;
    let key = world.ring.take().await.unwrap();
    let original = contact(&mut world.payload).last_name.clone();
    let mut copy = renamed(original.clone());
    world.ring.seal(&mut copy, SECOND, Some(key)).await.unwrap();
    let copied = sealed(new_name(&mut copy));
    assert_eq!(copied.key, key);
    assert!(Some(&*copied) != original.sealed());

    world.keys.destroy(world.key).await.unwrap();
    let mut clear = unsealed(&world, copy).await.unwrap();
    assert_eq!(*new_name(&mut clear), line(CANARY));
}

#[tokio::test]
async fn a_copy_of_what_was_erased_is_erased_for_ever() {
    let mut world = world().await;
    let key = world.ring.take().await.unwrap();
    let original = contact(&mut world.payload).last_name.clone();
    world.keys.destroy(world.key).await.unwrap();
    let ring = Keyring::new(world.keys.clone(), LOG);
    let mut copy = renamed(original);
    ring.seal(&mut copy, SECOND, Some(key)).await.unwrap();
    copy.encode().unwrap();

    // Also where an old backup brought the key back, and for a copy of the copy.
    world.keys.insert(world.key, &[7; 32]).unwrap();
    let mut read = unsealed(&world, copy.clone()).await.unwrap();
    assert_eq!(*new_name(&mut read), Personal::Erased);
    let mut second = renamed(new_name(&mut copy).clone());
    ring.seal(&mut second, FIRST, Some(key)).await.unwrap();
    let mut read = unsealed(&world, second).await.unwrap();
    assert_eq!(*new_name(&mut read), Personal::Erased);
}

#[tokio::test]
async fn cleared_and_kept_fields_need_no_key() {
    let world = world().await;
    let changed = ContactDetailsChanged { email: Change::Clear, ..Default::default() };
    let event = events::CrmEvent::from(ContactEvent::DetailsChanged(changed));
    let mut payload = Payload::from(event);
    world.ring.seal(&mut payload, FIRST, None).await.unwrap();
    assert_eq!(payload.encode().unwrap(), br#"{"data":{"email":null}}"#);
}

/// Counts how often keys are asked for.
struct Counting(Arc<MemoryKeys>, AtomicUsize);

impl KeyReader for Counting {
    fn keys(&self, ids: Vec<KeyId>) -> Answer<'_, Result<Vec<KeyState>, KeyError>> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.keys(ids)
    }
}

#[tokio::test]
async fn a_batch_asks_for_its_keys_once() {
    let world = world().await;
    let mut batch = Vec::new();
    for number in 0..50 {
        let key = world.ring.take().await.unwrap();
        let mut payload = created(key);
        let event = EventId(Uuid::from_u128(1_000 + number));
        world.ring.seal(&mut payload, event, Some(key)).await.unwrap();
        batch.push(payload);
    }
    let reader = Arc::new(Counting(world.keys.clone(), AtomicUsize::new(0)));
    let unsealer = Unsealer::new(reader.clone(), LOG);
    unsealer.unseal(&mut batch.clone()).await.unwrap();
    unsealer.unseal(&mut batch).await.unwrap();
    assert_eq!(reader.1.load(Ordering::Relaxed), 1, "the second batch came from the cache");
    assert!(batch.iter_mut().all(|payload| contact(payload).last_name == line(CANARY)));
}
