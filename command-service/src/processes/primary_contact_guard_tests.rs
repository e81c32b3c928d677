//! What follows when a contact leaves.

use events::{
    customers::{
        ContactParentChanged, Deactivated, PrimaryContactCleared, PrimaryContactClearedCause,
        PrimaryContactSet,
    },
    ids::Category,
};

use super::*;
use crate::{
    customers::Account,
    processes,
    sales::fixtures::{BIA, BOB, CONTOSO, bia, bia_inactive, contoso},
    testing::{COMMAND, Given, given},
};

const CONTOSO_REF: Option<CustomerRef> = Some(CustomerRef::Account(CONTOSO));
const RELEASE: ReleasePrimaryContact = ReleasePrimaryContact { account_id: CONTOSO, contact: BIA };

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

fn bia_is_primary() -> Given<Account> {
    let mut history = contoso();
    history.push(PrimaryContactSet { contact: BIA, contact_version: events::Version(1) }.into());
    given(history)
}

#[test]
fn a_contact_who_leaves_an_account_is_taken_off_it() {
    let gone = ContactParentChanged { from: CONTOSO_REF, to: None };
    let reactions = reactions(gone.clone(), &bia_after(bia()));
    assert_eq!(reactions.len(), 1);
    assert_eq!(reactions[0].name, "ReleasePrimaryContact");
    assert_eq!(reactions[0].command.stream(COMMAND), CONTOSO.stream());
    let mut history = bia();
    history.push(gone.into());
    let cause = PrimaryContactClearedCause::ContactLeft;
    bia_is_primary()
        .with(BIA.stream(), history)
        .when(RELEASE, |_| ())
        .then([PrimaryContactCleared { contact: BIA, cause }])
        .when(RELEASE, |_| ())
        .then_nothing();
}

#[test]
fn a_contact_who_is_deactivated_is_taken_off_the_account() {
    let reactions = reactions(Deactivated {}, &bia_after(bia_inactive()));
    assert_eq!(reactions.len(), 1);
    assert_eq!(reactions[0].command.stream(COMMAND), CONTOSO.stream());
    let cause = PrimaryContactClearedCause::Deactivated;
    bia_is_primary()
        .with(BIA.stream(), bia_inactive())
        .when(RELEASE, |_| ())
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
fn every_event_that_something_follows_from_is_known_beforehand() {
    let own = bia_after(bia());
    let gone = CrmEvent::Contact(ContactParentChanged { from: CONTOSO_REF, to: None }.into());
    let stopped = CrmEvent::Contact(Deactivated {}.into());
    let accepted = CrmEvent::Quote(crate::sales::fixtures::acceptance().into());
    let parent = CrmEvent::Account(
        events::customers::ParentAccountSet { parent: CONTOSO, ancestors_seen: Vec::new() }.into(),
    );
    for event in [gone, stopped, accepted, parent] {
        assert!(!processes::react(&event, &own, BIA.stream()).is_empty());
        assert!(processes::reacts_to(&event.event_type().name));
    }
    assert!(!processes::reacts_to("contact.created"));
}
