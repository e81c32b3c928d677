//! What one event says on a timeline: a short sentence, an amount and the facts worth seeing.

use events::{
    codec::CrmEvent,
    customers::{
        AccountDetailsChanged, AccountEvent, ConnectionEvent, ContactDetailsChanged, ContactEvent,
        NoteEvent,
    },
    ids::Principal,
    money::Money,
    values::{Change, Prose},
};
use serde_json::{Map, Value, json};

use crate::{
    customers::timeline_sales,
    projector::Fact,
    record::{Erased, serde_name},
};

/// An entry without the columns that the envelope gives.
#[derive(Debug, Default)]
pub(super) struct Entry {
    /// A short sentence without any personal value.
    pub(super) title: String,
    /// What it was about, where it was about money.
    pub(super) amount: Option<Money>,
    /// The facts worth seeing, a JSON object.
    pub(super) details: Map<String, Value>,
}

impl Entry {
    pub(super) fn of(title: impl Into<String>) -> Self {
        Self { title: title.into(), ..Self::default() }
    }

    pub(super) fn amount(mut self, amount: impl Into<Option<Money>>) -> Self {
        self.amount = amount.into();
        self
    }

    /// Adds one fact; what is nothing is left out.
    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        let value = value.into();
        if !value.is_null() {
            self.details.insert(name.to_owned(), value);
        }
        self
    }
}

/// The entry of an event. `number` is that of the document it is on.
pub(super) fn entry(fact: &Fact<'_>, number: Option<&str>) -> Entry {
    let entry = match fact.event() {
        CrmEvent::Account(event) => account(event),
        CrmEvent::Contact(event) => contact(event),
        CrmEvent::Connection(event) => connection(event),
        CrmEvent::Note(NoteEvent::Added(added)) => Entry::of("Note added")
            .with("regarding", json!(added.regarding))
            .with("text", added.text.clear().map(Prose::as_str)),
        CrmEvent::Opportunity(event) => timeline_sales::opportunity(event),
        CrmEvent::Quote(event) => timeline_sales::quote(event, number.unwrap_or_default()),
        CrmEvent::Order(event) => timeline_sales::order(event, number.unwrap_or_default()),
        CrmEvent::ConnectionRole(_)
        | CrmEvent::User(_)
        | CrmEvent::Token(_)
        | CrmEvent::Organization(_)
        | CrmEvent::Numbering(_)
        | CrmEvent::Administration(_) => Entry::default(),
    };
    let reason = fact.payload.reason.as_ref();
    let mut erased = Erased::default();
    let reason = erased.open("reason", reason);
    let entry = if fact.unreadable.is_empty() {
        entry
    } else {
        // What it would say has a key that is missing or damaged: it is not said that there is nothing.
        entry.with("unreadable", json!(true))
    };
    entry
        .with("reason", reason.as_ref().map(Prose::as_str))
        .with("on_behalf_of", fact.recorded.event.cause.on_behalf_of.map(|user| json!(user)))
}

pub(super) fn owner_assigned(what: &str, from: Principal, to: Principal) -> Entry {
    Entry::of(format!("{what} assigned to another owner"))
        .with("from", json!(from))
        .with("to", json!(to))
}

fn account(event: &AccountEvent) -> Entry {
    match event {
        AccountEvent::Created(created) => Entry::of(format!("Account {} created", created.name))
            .with("customer_type", json!(created.customer_type)),
        AccountEvent::DetailsChanged(changed) => {
            Entry::of("Account details changed").with("changed", account_changes(changed))
        }
        AccountEvent::AddressSet(set) => address("Account", "set", &serde_name(&set.kind)),
        AccountEvent::AddressRemoved(gone) => {
            address("Account", "removed", &serde_name(&gone.kind))
        }
        AccountEvent::CommercialTermsSet(set) => {
            Entry::of("Commercial terms set").with("terms", json!(set.terms))
        }
        AccountEvent::ContactPreferencesSet(set) => {
            Entry::of("Contact preferences set").with("preferences", json!(set.preferences))
        }
        AccountEvent::PrimaryContactSet(set) => {
            Entry::of("Primary contact set").with("contact", json!(set.contact))
        }
        AccountEvent::PrimaryContactReplaced(replaced) => Entry::of("Primary contact replaced")
            .with("from", json!(replaced.old))
            .with("to", json!(replaced.new)),
        AccountEvent::PrimaryContactCleared(cleared) => Entry::of("Primary contact cleared")
            .with("contact", json!(cleared.contact))
            .with("cause", json!(cleared.cause)),
        AccountEvent::ParentSet(set) => {
            Entry::of("Parent account set").with("parent", json!(set.parent))
        }
        AccountEvent::ParentCleared(cleared) => Entry::of("Parent account cleared")
            .with("parent", json!(cleared.parent))
            .with("cause", json!(cleared.cause)),
        AccountEvent::OwnerAssigned(assigned) => {
            owner_assigned("Account", assigned.from, assigned.to)
        }
        AccountEvent::Deactivated(_) => Entry::of("Account deactivated"),
        AccountEvent::Reactivated(_) => Entry::of("Account reactivated"),
    }
}

fn address(what: &str, done: &str, kind: &str) -> Entry {
    Entry::of(format!("{what} address {done}")).with("kind", kind)
}

fn contact(event: &ContactEvent) -> Entry {
    match event {
        ContactEvent::Created(created) => Entry::of("Contact created")
            .with("kind", json!(created.kind))
            .with("parent", json!(created.parent)),
        ContactEvent::DetailsChanged(changed) => {
            Entry::of("Contact details changed").with("changed", contact_changes(changed))
        }
        ContactEvent::ParentChanged(changed) => {
            let title = match (changed.from, changed.to) {
                (_, None) => "Contact left its customer",
                (None, Some(_)) => "Contact joined a customer",
                (Some(_), Some(_)) => "Contact moved to another customer",
            };
            Entry::of(title).with("from", json!(changed.from)).with("to", json!(changed.to))
        }
        ContactEvent::AddressSet(set) => address("Contact", "set", &serde_name(&set.kind)),
        ContactEvent::AddressRemoved(gone) => {
            address("Contact", "removed", &serde_name(&gone.kind))
        }
        ContactEvent::CommercialTermsSet(set) => {
            Entry::of("Commercial terms set").with("terms", json!(set.terms))
        }
        ContactEvent::ContactPreferencesSet(set) => {
            Entry::of("Contact preferences set").with("preferences", json!(set.preferences))
        }
        ContactEvent::OwnerAssigned(assigned) => {
            owner_assigned("Contact", assigned.from, assigned.to)
        }
        ContactEvent::Deactivated(_) => Entry::of("Contact deactivated"),
        ContactEvent::Reactivated(_) => Entry::of("Contact reactivated"),
    }
}

fn connection(event: &ConnectionEvent) -> Entry {
    match event {
        ConnectionEvent::Established(made) => Entry::of("Connection established")
            .with("a", json!(made.a.record))
            .with("role_a", made.a.role.map(|role| json!(role)))
            .with("b", json!(made.b.record))
            .with("role_b", made.b.role.map(|role| json!(role)))
            .with("start", made.start.map(|day| json!(day)))
            .with("end", made.end.map(|day| json!(day))),
        ConnectionEvent::DetailsChanged(changed) => {
            let names = names(&[
                ("description_a", !changed.description_a.is_keep()),
                ("description_b", !changed.description_b.is_keep()),
                ("start", !changed.start.is_keep()),
                ("end", !changed.end.is_keep()),
            ]);
            Entry::of("Connection details changed").with("changed", names)
        }
        ConnectionEvent::Ended(ended) => {
            Entry::of("Connection ended").with("end", json!(ended.end))
        }
        ConnectionEvent::Reinstated(reinstated) => Entry::of("Connection reinstated")
            .with("start", reinstated.start.map(|day| json!(day)))
            .with("role_a", reinstated.role_a.map(|role| json!(role)))
            .with("role_b", reinstated.role_b.map(|role| json!(role))),
    }
}

/// The names of what changed; the values are in the record's history.
pub(super) fn names(fields: &[(&str, bool)]) -> Value {
    fields.iter().filter(|(_, changed)| *changed).map(|(name, _)| Value::from(*name)).collect()
}

pub(super) const fn changed<T>(change: &Change<T>) -> bool {
    !change.is_keep()
}

fn account_changes(change: &AccountDetailsChanged) -> Value {
    names(&[
        ("name", change.name.is_some()),
        ("customer_type", change.customer_type.is_some()),
        ("account_number", changed(&change.account_number)),
        ("industry", changed(&change.industry)),
        ("website", changed(&change.website)),
        ("annual_revenue", changed(&change.annual_revenue)),
        ("employees", changed(&change.employees)),
        ("phone", changed(&change.phone)),
        ("email", changed(&change.email)),
        ("description", changed(&change.description)),
    ])
}

fn contact_changes(change: &ContactDetailsChanged) -> Value {
    names(&[
        ("first_name", changed(&change.first_name)),
        ("last_name", change.last_name.is_some()),
        ("kind", change.kind.is_some()),
        ("job_title", changed(&change.job_title)),
        ("email", changed(&change.email)),
        ("phone", changed(&change.phone)),
        ("mobile", changed(&change.mobile)),
        ("birthdate", changed(&change.birthdate)),
        ("description", changed(&change.description)),
    ])
}
