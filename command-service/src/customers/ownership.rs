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

/// Makes the fact an event of one kind of record.
type ToEvent = fn(OwnerAssigned) -> CrmEvent;

impl AssignOwner {
    /// The owner so far, and how the fact becomes an event of the record's kind. What is out of use
    /// keeps its owner; so does a decided opportunity, while quotes and orders can be handed over for
    /// as long as they are kept.
    fn owned(&self, own: &Record) -> Result<(Principal, ToEvent), Refusal> {
        Ok(match own {
            Record::Account(account) => {
                (account.require_active()?.owner, |assigned| AccountEvent::from(assigned).into())
            }
            Record::Contact(contact) => {
                (contact.require_active()?.owner, |assigned| ContactEvent::from(assigned).into())
            }
            Record::Opportunity(opportunity) => {
                (opportunity.open()?.owner, |assigned| OpportunityEvent::from(assigned).into())
            }
            Record::Quote(quote) => {
                let state = quote.started().ok_or_else(|| self.missing())?;
                (state.owner, |assigned| QuoteEvent::from(assigned).into())
            }
            Record::Order(order) => {
                let state = order.placed().ok_or_else(|| self.missing())?;
                (state.owner, |assigned| OrderEvent::from(assigned).into())
            }
            Record::ConnectionRole(_)
            | Record::Connection(_)
            | Record::Note(_)
            | Record::User(_)
            | Record::Token(_)
            | Record::Organization(_)
            | Record::Numbering(_)
            | Record::Administration(_) => {
                return Err(Refusal::UnsupportedType { category: self.record.category });
            }
        })
    }

    const fn missing(&self) -> Refusal {
        Refusal::not_found(self.record.category)
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
        let (from, to_event) = self.owned(own)?;
        if from == self.owner {
            return Ok(Vec::new());
        }
        let to = owner(Some(self.owner), facts)?;
        Ok(vec![to_event(OwnerAssigned { from, to })])
    }

    fn canonical(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }
}

#[cfg(test)]
#[path = "ownership_tests.rs"]
mod tests;
