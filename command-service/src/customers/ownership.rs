//! Giving records to another owner.

use events::{
    CrmEvent,
    customers::{AccountEvent, ContactEvent, OwnerAssigned},
    ids::{CommandId, Principal, RecordRef, StreamName},
    sales::{NumberSequence, OpportunityEvent, OrderEvent, QuoteEvent},
    values::Day,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    access::{owner, owner_streams},
    aggregate::{Command, Facts, Record, States},
    refusal::Refusal,
};

/// Gives a record to another owner.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AssignOwner {
    /// The record, of a kind that has owners.
    pub record: RecordRef,
    /// The owner from now on: an enabled user.
    pub owner: Principal,
}

impl AssignOwner {
    /// The owner so far. What is out of use keeps its owner; so does a decided opportunity, while
    /// quotes and orders can be handed over for as long as they are kept.
    fn current(&self, own: &Record) -> Result<Principal, Refusal> {
        match own {
            Record::Account(account) => Ok(account.require_active()?.owner),
            Record::Contact(contact) => Ok(contact.require_active()?.owner),
            Record::Opportunity(opportunity) => Ok(opportunity.open()?.owner),
            Record::Quote(quote) => Ok(quote.started().ok_or_else(|| self.missing())?.owner),
            Record::Order(order) => Ok(order.placed().ok_or_else(|| self.missing())?.owner),
            _ => Err(self.unsupported()),
        }
    }

    /// The fact, as an event of the record's kind.
    fn event(&self, own: &Record, assigned: OwnerAssigned) -> Result<CrmEvent, Refusal> {
        match own {
            Record::Account(_) => Ok(AccountEvent::from(assigned).into()),
            Record::Contact(_) => Ok(ContactEvent::from(assigned).into()),
            Record::Opportunity(_) => Ok(OpportunityEvent::from(assigned).into()),
            Record::Quote(_) => Ok(QuoteEvent::from(assigned).into()),
            Record::Order(_) => Ok(OrderEvent::from(assigned).into()),
            _ => Err(self.unsupported()),
        }
    }

    const fn missing(&self) -> Refusal {
        Refusal::not_found(self.record.category)
    }

    const fn unsupported(&self) -> Refusal {
        Refusal::UnsupportedType { category: self.record.category }
    }
}

impl Command for AssignOwner {
    fn stream(&self, _: CommandId) -> StreamName {
        self.record.stream()
    }

    fn needs(&self, _: &Record, _: &States) -> Vec<StreamName> {
        owner_streams(Some(self.owner))
    }

    fn makes_key(&self) -> bool {
        false
    }

    fn number(&self, _: &Record, _: CommandId, _: Day) -> Option<NumberSequence> {
        None
    }

    fn effective_day(&self) -> Option<Day> {
        None
    }

    fn decide(&self, own: &Record, facts: &Facts<'_>) -> Result<Vec<CrmEvent>, Refusal> {
        let from = self.current(own)?;
        if from == self.owner {
            return Ok(Vec::new());
        }
        let to = owner(Some(self.owner), facts)?;
        Ok(vec![self.event(own, OwnerAssigned { from, to })?])
    }

    fn canonical(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }
}

#[cfg(test)]
#[path = "ownership_tests.rs"]
mod tests;
