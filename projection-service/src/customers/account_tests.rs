//! Accounts and contacts: created, changed, moved and erased, as of every step.

use events::{
    Version,
    customers::{
        AccountDetailsChanged, AccountEvent, ContactDetailsChanged, ContactEvent,
        ContactParentChanged, Deactivated, PrimaryContactCleared, PrimaryContactClearedCause,
        PrimaryContactReplaced, PrimaryContactSet,
    },
    ids::CustomerRef,
    personal::Personal,
    values::{Change, Email},
};

use super::ACCOUNTS;
use crate::{
    customers::{AccountRecord, CONTACTS, ContactRecord, fold_contact},
    record::{document, happened_by},
    samples::*,
    table::Value,
    world::{World, id, instant, value},
};

fn primary(world: &World, position: i64) -> Option<uuid::Uuid> {
    let row = world.row_at(&ACCOUNTS, &[id("Contoso").into()], position).unwrap();
    value(&ACCOUNTS, &row, "primary_contact_id").id()
}

fn on_contoso(world: &mut World, event: impl Into<AccountEvent>) -> i64 {
    world.record(account("Contoso").stream(), event.into())
}

fn on_bia(world: &mut World, event: impl Into<ContactEvent>) -> i64 {
    world.record(contact("Bia").stream(), event.into())
}

fn contact_at(world: &World, position: i64) -> ContactRecord {
    let row = world.row_at(&CONTACTS, &[id("Bia").into()], position).unwrap();
    document(&CONTACTS, &row).unwrap()
}

fn contoso() -> Option<CustomerRef> {
    Some(CustomerRef::Account(account("Contoso")))
}

#[test]
fn a_company_lists_its_own_people_and_every_record_its_owner() {
    let mut world = World::at("2026-01-05T12:00:00Z");
    on_contoso(&mut world, account_created("Contoso"));
    on_bia(&mut world, contact_created("Bia", contoso()));
    let caio = ContactEvent::from(contact_created("Caio", None));
    world.record(contact("Caio").stream(), caio);
    let rows = world.rows_at(&CONTACTS, world.head());
    let parent = Value::from(id("Contoso"));
    let people = rows.iter().filter(|row| *value(&CONTACTS, row, "parent_id") == parent);
    let names: Vec<_> = people.map(|row| value(&CONTACTS, row, "name").text().unwrap()).collect();
    assert_eq!(names, ["Bia Souza"]);
    let owners = rows.iter().map(|row| value(&CONTACTS, row, "owner_id").id().unwrap());
    assert!(owners.eq([id("ana"), id("ana")]));
}

#[test]
fn there_is_at_most_one_primary_contact_as_of_every_step() {
    let mut world = World::at("2026-01-05T12:00:00Z");
    let contact_version = Version(1);
    let none = on_contoso(&mut world, account_created("Contoso"));
    let bia = PrimaryContactSet { contact: contact("Bia"), contact_version };
    let bia = on_contoso(&mut world, bia);
    let replaced =
        PrimaryContactReplaced { old: contact("Bia"), new: contact("Eva"), contact_version };
    let eva = on_contoso(&mut world, replaced);
    let left = PrimaryContactCleared {
        contact: contact("Eva"),
        cause: PrimaryContactClearedCause::ContactLeft,
    };
    let cleared = on_contoso(&mut world, left);
    assert_eq!(primary(&world, none), None);
    assert_eq!(primary(&world, bia), Some(id("Bia")));
    assert_eq!(primary(&world, eva), Some(id("Eva")));
    assert_eq!(primary(&world, cleared), None);
}

#[test]
fn a_change_keeps_clears_and_sets_what_it_names() {
    let mut world = World::at("2026-01-05T12:00:00Z");
    let mut created = account_created("Contoso");
    created.industry = Some(line("Retail"));
    created.website = Some(line("contoso.example"));
    on_contoso(&mut world, created);
    world.wait_until("2026-01-06T12:00:00Z");
    let changed = AccountDetailsChanged {
        name: Some(line("Contoso Brasil")),
        industry: Change::Clear,
        employees: Change::Set(12),
        ..AccountDetailsChanged::default()
    };
    on_contoso(&mut world, changed);
    let last = on_contoso(&mut world, Deactivated {});
    let row = world.row_at(&ACCOUNTS, &[id("Contoso").into()], last).unwrap();
    assert_eq!(value(&ACCOUNTS, &row, "name_folded").text(), Some("contoso brasil"));
    assert_eq!(value(&ACCOUNTS, &row, "state").text(), Some("Inactive"));
    let record: AccountRecord = document(&ACCOUNTS, &row).unwrap();
    assert_eq!((record.industry, record.employees, record.version), (None, Some(12), Version(3)));
    assert_eq!(record.website, Some(line("contoso.example")));
    assert_eq!(record.created_at, instant("2026-01-05T12:00:00Z"));
    assert_eq!(record.changed_at, instant("2026-01-06T12:00:00Z"));
}

#[test]
fn an_erased_value_is_nothing_and_is_named() {
    let mut world = World::at("2026-01-05T12:00:00Z");
    let mut created = contact_created("Bia", None);
    created.last_name = Personal::Erased;
    created.email = Some(Personal::Erased);
    let erased = on_bia(&mut world, created);
    let record = contact_at(&world, erased);
    assert_eq!((record.last_name, record.email), (None, None));
    assert!(record.erased.contains("last_name") && record.erased.contains("email"));
    assert!(!record.erased.contains("first_name"));

    let address = Email::new("bia@contoso.example").unwrap();
    let changed = ContactDetailsChanged {
        email: Change::Set(Personal::Clear(address.clone())),
        ..ContactDetailsChanged::default()
    };
    let changed = on_bia(&mut world, changed);
    let record = contact_at(&world, changed);
    assert_eq!(record.email, Some(address));
    assert!(!record.erased.contains("email"));
}

#[test]
fn a_back_dated_move_is_unknown_as_recorded_and_true_as_effective() {
    let mut world = World::at("2026-02-05T12:00:00Z");
    let before = on_bia(&mut world, contact_created("Bia", contoso()));
    world.wait_until("2026-02-10T12:00:00Z");
    let fornecedora = Some(CustomerRef::Account(account("Fornecedora")));
    let moved = ContactEvent::from(ContactParentChanged { from: contoso(), to: fornecedora });
    let effective = Some(instant("2026-02-01T03:00:00Z"));
    let after = world.record_effective(contact("Bia").stream(), moved, effective);

    assert_eq!(contact_at(&world, before).parent, contoso(), "as recorded on 5 February");
    let facts = world.stream(contact("Bia").stream(), after);
    let on_the_fifth = happened_by(&facts, instant("2026-02-05T23:00:00Z"));
    let record = on_the_fifth.iter().fold(None, fold_contact).unwrap();
    assert_eq!(record.parent, fornecedora, "as it was true on 5 February");
}

#[test]
fn a_record_begins_no_later_than_the_first_thing_that_happened_to_it() {
    let mut world = World::at("2026-02-10T12:00:00Z");
    on_bia(&mut world, contact_created("Bia", contoso()));
    let moved = ContactEvent::from(ContactParentChanged { from: contoso(), to: None });
    let effective = Some(instant("2026-02-01T03:00:00Z"));
    let after = world.record_effective(contact("Bia").stream(), moved, effective);

    let facts = world.stream(contact("Bia").stream(), after);
    let as_of = |text| happened_by(&facts, instant(text)).iter().fold(None, fold_contact);
    assert_eq!(as_of("2026-02-01T02:59:59Z"), None);
    for text in ["2026-02-01T03:00:00Z", "2026-02-05T12:00:00Z", "2026-02-10T12:00:00Z"] {
        assert_eq!(as_of(text).unwrap().parent, None, "{text}");
    }
}
