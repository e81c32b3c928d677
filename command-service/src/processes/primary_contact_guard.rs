//! A contact who left a customer or was taken out of use is nobody's primary contact (rule X1).

use events::{
    CrmEvent,
    customers::ContactEvent,
    ids::{ContactId, CustomerRef, StreamName},
};

use super::Reaction;
use crate::{
    aggregate::{AsRecord, Record},
    customers::{Contact, ReleasePrimaryContact},
};

/// The customer a contact can no longer be the primary contact of.
fn left(event: &ContactEvent, own: &Record) -> Option<CustomerRef> {
    if let ContactEvent::ParentChanged(changed) = event {
        return changed.from.filter(|from| Some(*from) != changed.to);
    }
    matches!(event, ContactEvent::Deactivated(_)).then(|| Contact::of(own)?.created()?.parent)?
}

pub(super) fn react(event: &CrmEvent, own: &Record, stream: StreamName) -> Vec<Reaction> {
    let CrmEvent::Contact(event) = event else { return Vec::new() };
    let Some(CustomerRef::Account(account_id)) = left(event, own) else { return Vec::new() };
    vec![Reaction::of(ReleasePrimaryContact { account_id, contact: ContactId(stream.id) })]
}

#[cfg(test)]
#[path = "primary_contact_guard_tests.rs"]
mod tests;
