//! The customer a contact belongs to: at most one, and never a descendant.

use events::{
    customers::{ContactEvent, ContactParentChanged},
    ids::{CommandId, ContactId, CustomerRef, StreamName},
    values::Day,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    Contact,
    hierarchy::{Climb, MAX_ANCESTORS, climb_contacts},
    shared::require_active,
};
use crate::{
    aggregate::{Decide, Facts, States},
    refusal::Refusal,
};

/// Lets a contact belong to another customer, or to none.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeContactParent {
    /// The contact.
    pub contact_id: ContactId,
    /// The customer from now on: there, in use, and no descendant of the contact. `null` for none.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schemars(with = "Option<CustomerRef>", required)]
    pub parent: Option<CustomerRef>,
    /// The day from which it is so; absent, from the time of recording.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Day>,
}

impl ChangeContactParent {
    /// The way up through contacts, if the new parent is one.
    fn climb(&self, states: &States) -> Option<Climb<ContactId>> {
        match self.parent? {
            CustomerRef::Account(_) => None,
            CustomerRef::Contact(parent) => Some(climb_contacts(self.contact_id, parent, states)),
        }
    }
}

impl Decide for ChangeContactParent {
    const NAME: &'static str = "ChangeContactParent";
    type Aggregate = Contact;

    fn record(&self, _: CommandId) -> Uuid {
        self.contact_id.0
    }

    fn needs(&self, _: &Contact, states: &States) -> Vec<StreamName> {
        match (self.parent, self.climb(states)) {
            (_, Some(climb)) => {
                climb.ancestors.last().map(|top| top.stream()).into_iter().collect()
            }
            (parent, None) => parent.map(CustomerRef::stream).into_iter().collect(),
        }
    }

    fn effective_day(&self) -> Option<Day> {
        self.since
    }

    fn decide(&self, own: &Contact, facts: &Facts<'_>) -> Result<Vec<ContactEvent>, Refusal> {
        let state = own.require_active()?;
        if state.parent == self.parent {
            return Ok(Vec::new());
        }
        let climb = self.climb(facts.states);
        if let Some(through) = climb.as_ref().and_then(|climb| climb.loop_through) {
            return Err(Refusal::ContactParentLoop { through });
        }
        if let Some(parent) = self.parent {
            require_active(parent, facts.states)?;
        }
        if climb.is_some_and(|climb| climb.ancestors.len() > MAX_ANCESTORS) {
            return Err(Refusal::HierarchyTooDeep);
        }
        Ok(vec![ContactParentChanged { from: state.parent, to: self.parent }.into()])
    }
}

#[cfg(test)]
#[path = "contact_parent_tests.rs"]
mod tests;
