//! The rules of notes.

use events::{
    CrmEvent,
    customers::NoteEvent,
    ids::{AccountId, Category, KeyId, NoteId, OrganizationId, RecordRef},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::AddNote;
use crate::{
    access::FoundOrganization,
    aggregate::Command,
    customers::{
        CreateAccount, DeactivateAccount,
        testing::{ANA, World},
    },
    refusal::Refusal,
};

const CONTOSO: AccountId = AccountId(Uuid::from_u128(1));
const NORTE: OrganizationId = OrganizationId(Uuid::from_u128(2));
const NOTE: NoteId = NoteId(Uuid::from_u128(3));

fn world() -> World {
    let mut world = World::new();
    world.send::<CreateAccount>(json!({ "account_id": CONTOSO, "name": "Contoso" })).unwrap();
    let norte = json!({
        "organization_id": NORTE, "name": "Norte", "zone": "UTC", "base_currency": "BRL",
    });
    world.send::<FoundOrganization>(norte).unwrap();
    world
}

fn note(regarding: impl Into<RecordRef>) -> Value {
    json!({ "note_id": NOTE, "regarding": regarding.into(), "text": "Called back." })
}

fn key_of(events: &[CrmEvent]) -> KeyId {
    let [CrmEvent::Note(NoteEvent::Added(added))] = events else { panic!("{events:?}") };
    added.key
}

#[test]
fn a_note_is_sealed_under_the_key_of_the_record_it_is_about() {
    let mut world = world();
    let key = world.record(CONTOSO).key().unwrap();
    let events = world.send::<AddNote>(note(CONTOSO)).unwrap();
    assert_eq!(key_of(&events), key);
    assert_eq!(world.record(NOTE).key(), Some(key));
}

#[test]
fn a_note_on_a_person_goes_with_the_person() {
    assert_eq!(key_of(&world().send::<AddNote>(note(ANA)).unwrap()), KeyId(ANA.0));
}

#[test]
fn a_note_on_a_record_without_a_key_gets_its_own() {
    let mut world = world();
    let parsed: AddNote = serde_json::from_value(note(NORTE)).unwrap();
    assert!(parsed.makes_key());
    let key = key_of(&world.run(&parsed).unwrap());
    assert_ne!(Some(key), world.record(CONTOSO).key());
}

#[test]
fn an_inactive_record_can_still_get_a_note() {
    let mut world = world();
    world.send::<DeactivateAccount>(json!({ "account_id": CONTOSO })).unwrap();
    assert!(world.send::<AddNote>(note(CONTOSO)).is_ok());
}

#[test]
fn a_note_needs_a_record_that_is_there() {
    let refused = world().send::<AddNote>(note(AccountId(Uuid::from_u128(9))));
    assert_eq!(refused, Err(Refusal::not_found(Category::Account)));
    assert_eq!(world().send::<AddNote>(note(NOTE)), Err(Refusal::not_found(Category::Note)));
}

#[test]
fn a_note_is_added_only_once() {
    let mut world = world();
    world.send::<AddNote>(note(CONTOSO)).unwrap();
    assert_eq!(world.send::<AddNote>(note(CONTOSO)), Err(Refusal::Exists));
}
