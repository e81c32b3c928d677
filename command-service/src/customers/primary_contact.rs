//! The primary contact of an account: at most one, and one of its own contacts.

use events::{
    customers::{
        AccountEvent, PrimaryContactCleared, PrimaryContactClearedCause, PrimaryContactReplaced,
        PrimaryContactSet,
    },
    ids::{AccountId, Category, CommandId, ContactId, CustomerRef, StreamName},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Account, Contact};
use crate::{
    aggregate::{Decide, Facts, States},
    refusal::Refusal,
};

/// Makes a contact the primary contact of its account.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetPrimaryContact {
    /// The account.
    pub account_id: AccountId,
    /// The contact: in use, and belonging to the account.
    pub contact: ContactId,
    /// Whether it may take the place of another primary contact. Without it, that is refused.
    #[serde(default)]
    pub replace: bool,
}

impl Decide for SetPrimaryContact {
    const NAME: &'static str = "SetPrimaryContact";
    type Aggregate = Account;

    fn record(&self, _: CommandId) -> Uuid {
        self.account_id.0
    }

    fn needs(&self, _: &Account, _: &States) -> Vec<StreamName> {
        vec![self.contact.stream()]
    }

    fn decide(&self, own: &Account, facts: &Facts<'_>) -> Result<Vec<AccountEvent>, Refusal> {
        let state = own.require_active()?;
        if state.primary_contact == Some(self.contact) {
            return Ok(Vec::new());
        }
        let contact = facts.states.contact(self.contact).and_then(Contact::created);
        let contact = contact.ok_or_else(|| Refusal::not_found(Category::Contact))?;
        if contact.parent != Some(CustomerRef::Account(self.account_id)) {
            return Err(Refusal::ContactNotAssociated);
        }
        if !contact.active {
            return Err(Refusal::CustomerInactive);
        }
        let contact_version = facts.states.version(self.contact);
        let event = match state.primary_contact {
            None => PrimaryContactSet { contact: self.contact, contact_version }.into(),
            Some(old) if self.replace => {
                PrimaryContactReplaced { old, new: self.contact, contact_version }.into()
            }
            Some(current) => return Err(Refusal::PrimaryContactExists { current }),
        };
        Ok(vec![event])
    }
}

/// Leaves an account without a primary contact.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClearPrimaryContact {
    /// The account.
    pub account_id: AccountId,
}

impl Decide for ClearPrimaryContact {
    const NAME: &'static str = "ClearPrimaryContact";
    type Aggregate = Account;

    fn record(&self, _: CommandId) -> Uuid {
        self.account_id.0
    }

    fn decide(&self, own: &Account, _: &Facts<'_>) -> Result<Vec<AccountEvent>, Refusal> {
        let current = own.require_active()?.primary_contact;
        let cause = PrimaryContactClearedCause::User;
        let cleared = current.map(|contact| PrimaryContactCleared { contact, cause }.into());
        Ok(cleared.into_iter().collect())
    }
}

/// Clears a primary contact who left the account or is out of use.
///
/// A process manager sends it after a contact changed; no caller can. Quiet when the account has
/// another primary contact by now, or the contact is in use and belongs to the account (again).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReleasePrimaryContact {
    /// The account.
    pub account_id: AccountId,
    /// The contact that changed.
    pub contact: ContactId,
}

impl Decide for ReleasePrimaryContact {
    const NAME: &'static str = "ReleasePrimaryContact";
    type Aggregate = Account;

    fn record(&self, _: CommandId) -> Uuid {
        self.account_id.0
    }

    fn needs(&self, _: &Account, _: &States) -> Vec<StreamName> {
        vec![self.contact.stream()]
    }

    fn decide(&self, own: &Account, facts: &Facts<'_>) -> Result<Vec<AccountEvent>, Refusal> {
        // An inactive account must not keep a wrong primary contact either.
        if own.require()?.primary_contact != Some(self.contact) {
            return Ok(Vec::new());
        }
        let contact = facts.states.contact(self.contact).and_then(Contact::created);
        let contact = contact.ok_or_else(|| Refusal::not_found(Category::Contact))?;
        let cause = if contact.parent != Some(CustomerRef::Account(self.account_id)) {
            PrimaryContactClearedCause::ContactLeft
        } else if !contact.active {
            PrimaryContactClearedCause::Deactivated
        } else {
            return Ok(Vec::new());
        };
        Ok(vec![PrimaryContactCleared { contact: self.contact, cause }.into()])
    }
}

#[cfg(test)]
#[path = "primary_contact_tests.rs"]
mod tests;
