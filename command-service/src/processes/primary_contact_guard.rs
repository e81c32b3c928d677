//! A contact who left a customer or was taken out of use is nobody's primary contact (rule X1).

use events::{
    CrmEvent,
    customers::{AccountEvent, ContactEvent, PrimaryContactCleared, PrimaryContactClearedCause},
    ids::{AccountId, CommandId, ContactId, CustomerRef, StreamName},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Reaction;
use crate::{
    aggregate::{AsRecord, Decide, Facts, Record, States},
    customers::{Account, Contact},
    refusal::Refusal,
};

/// Takes a contact off as the primary contact of an account, unless by now another one is, or the
/// contact has come back. Sent by the process manager only.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClearPrimaryContactOf {
    /// The account.
    pub account: AccountId,
    /// The contact who left or was deactivated.
    pub contact: ContactId,
    /// Which of the two.
    pub cause: PrimaryContactClearedCause,
}

impl Decide for ClearPrimaryContactOf {
    const NAME: &'static str = "ClearPrimaryContactOf";
    type Aggregate = Account;

    fn record(&self, _: CommandId) -> Uuid {
        self.account.0
    }

    fn needs(&self, _: &Account, _: &States) -> Vec<StreamName> {
        vec![self.contact.stream()]
    }

    fn decide(&self, own: &Account, facts: &Facts<'_>) -> Result<Vec<AccountEvent>, Refusal> {
        let contact = facts.states.contact(self.contact).and_then(|it| it.created());
        let is_back = contact.is_some_and(|contact| {
            contact.active && contact.parent == Some(CustomerRef::Account(self.account))
        });
        let primary = own.created().and_then(|account| account.primary_contact);
        if is_back || primary != Some(self.contact) {
            return Ok(Vec::new());
        }
        Ok(vec![PrimaryContactCleared { contact: self.contact, cause: self.cause }.into()])
    }
}

/// The account a contact can no longer be the primary contact of, and why.
fn left(event: &ContactEvent, own: &Record) -> Option<(CustomerRef, PrimaryContactClearedCause)> {
    match event {
        ContactEvent::ParentChanged(changed) if changed.from != changed.to => {
            Some((changed.from?, PrimaryContactClearedCause::ContactLeft))
        }
        ContactEvent::Deactivated(_) => {
            let parent = Contact::of(own)?.created()?.parent?;
            Some((parent, PrimaryContactClearedCause::Deactivated))
        }
        _ => None,
    }
}

pub(super) fn react(event: &CrmEvent, own: &Record, stream: StreamName) -> Vec<Reaction> {
    let CrmEvent::Contact(event) = event else { return Vec::new() };
    let Some((CustomerRef::Account(account), cause)) = left(event, own) else { return Vec::new() };
    let contact = ContactId(stream.id);
    vec![Reaction::of(ClearPrimaryContactOf { account, contact, cause })]
}

#[cfg(test)]
#[path = "primary_contact_guard_tests.rs"]
mod tests;
