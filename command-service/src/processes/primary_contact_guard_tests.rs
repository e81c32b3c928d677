//! What follows when a contact leaves.

use events::{
    customers::{ContactParentChanged, Deactivated, PrimaryContactSet},
    ids::Category,
};

use super::*;
use crate::{
    processes,
    sales::fixtures::{BIA, BOB, CONTOSO, bia, bia_inactive, contoso},
    testing::{COMMAND, Given, given},
};

const CONTOSO_REF: Option<CustomerRef> = Some(CustomerRef::Account(CONTOSO));

fn bia_after(history: Vec<ContactEvent>) -> Record {
    let mut record = Record::unborn(Category::Contact);
    for event in history {
        record.evolve(&event.into());
    }
    record
}

fn reactions(event: impl Into<ContactEvent>, own: &Record) -> Vec<Reaction> {
    processes::react(&CrmEvent::Contact(event.into()), own, BIA.stream())
}

fn primary(contact: ContactId) -> Given<Account> {
    let mut history = contoso();
    let set = PrimaryContactSet { contact, contact_version: events::Version(1) };
    history.push(set.into());
    given(history)
}

fn clear(cause: PrimaryContactClearedCause) -> ClearPrimaryContactOf {
    ClearPrimaryContactOf { account: CONTOSO, contact: BIA, cause }
}

#[test]
fn a_contact_who_leaves_an_account_is_taken_off_it() {
    let gone = ContactParentChanged { from: CONTOSO_REF, to: None };
    let reactions = reactions(gone.clone(), &bia_after(bia()));
    assert_eq!(reactions.len(), 1);
    assert_eq!(reactions[0].name, "ClearPrimaryContactOf");
    assert_eq!(reactions[0].command.stream(COMMAND), CONTOSO.stream());
    let mut history = bia();
    history.push(gone.into());
    let cause = PrimaryContactClearedCause::ContactLeft;
    primary(BIA)
        .with(BIA.stream(), history)
        .when(clear(cause), |_| ())
        .then([PrimaryContactCleared { contact: BIA, cause }])
        .when(clear(cause), |_| ())
        .then_nothing();
}

#[test]
fn a_contact_who_is_deactivated_is_taken_off_the_account() {
    let reactions = reactions(Deactivated {}, &bia_after(bia_inactive()));
    assert_eq!(reactions.len(), 1);
    assert_eq!(reactions[0].command.stream(COMMAND), CONTOSO.stream());
    let cause = PrimaryContactClearedCause::Deactivated;
    primary(BIA)
        .with(BIA.stream(), bia_inactive())
        .when(clear(cause), |_| ())
        .then([PrimaryContactCleared { contact: BIA, cause }]);
}

#[test]
fn nothing_follows_where_there_was_no_account() {
    let own = bia_after(bia());
    assert!(reactions(ContactParentChanged { from: None, to: CONTOSO_REF }, &own).is_empty());
    let person = Some(CustomerRef::Contact(ContactId(BOB.0)));
    assert!(reactions(ContactParentChanged { from: person, to: None }, &own).is_empty());
    assert!(reactions(Deactivated {}, &Record::unborn(Category::Contact)).is_empty());
}

#[test]
fn another_primary_contact_stays() {
    primary(ContactId(BOB.0))
        .with(BIA.stream(), bia_inactive())
        .when(clear(PrimaryContactClearedCause::Deactivated), |_| ())
        .then_nothing();
    given::<Account>([])
        .when(clear(PrimaryContactClearedCause::Deactivated), |_| ())
        .then_nothing();
}

#[test]
fn a_contact_who_has_come_back_meanwhile_stays() {
    primary(BIA)
        .with(BIA.stream(), bia())
        .when(clear(PrimaryContactClearedCause::ContactLeft), |_| ())
        .then_nothing();
}
