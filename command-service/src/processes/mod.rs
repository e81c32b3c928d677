//! Process managers: what one record's event makes the product ask of another.
//!
//! They have no state and no streams of their own. The ids of their commands follow from the event,
//! so reacting to an event again asks for the same thing again, and nothing happens twice.
#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]

mod quote_acceptance;
mod opportunity_quotes;
mod opportunity_loss;
mod primary_contact_guard;
mod hierarchy_guard;

use events::{
    CrmEvent,
    ids::{Category, CommandId, EventId, StreamName},
};
use uuid::Uuid;

use crate::aggregate::{Command, Decide, Record};

/// A command that an event makes a process manager send.
pub struct Reaction {
    /// The name of the command.
    pub name: &'static str,
    /// On which record, where one event asks for several commands of that name.
    on: Option<Uuid>,
    /// The command.
    pub command: Box<dyn Command>,
}

impl Reaction {
    fn of<C: Decide>(command: C) -> Self {
        Self { name: C::NAME, on: None, command: Box::new(command) }
    }

    /// One of several commands of that name, on a record of its own.
    fn on<C: Decide>(record: Uuid, command: C) -> Self {
        Self { name: C::NAME, on: Some(record), command: Box::new(command) }
    }

    /// The id of the command, which the event and what it asks for make out.
    #[must_use]
    pub fn command_id(&self, event: EventId) -> CommandId {
        match self.on {
            None => event.reaction(self.name),
            Some(record) => event.reaction(&format!("{}:{record}", self.name)),
        }
    }
}

/// Everything that has to follow from an event, in the order in which it has to be sent. `own` is
/// the state of the stream's record after the event, or later.
#[must_use]
pub fn react(event: &CrmEvent, own: &Record, stream: StreamName) -> Vec<Reaction> {
    let mut reactions = Vec::from_iter(quote_acceptance::place_order(event, stream));
    // The opportunity knows that the quote is out of the way before it is won by it.
    reactions.extend(opportunity_quotes::react(event, own, stream));
    reactions.extend(quote_acceptance::win_opportunity(event, stream));
    reactions.extend(opportunity_loss::close_quotes(event, own));
    reactions.extend(primary_contact_guard::react(event, own, stream));
    reactions.extend(hierarchy_guard::react(event, stream));
    reactions
}

/// Whether anything can follow from events on streams of that category.
#[must_use]
pub const fn reacts_in(category: Category) -> bool {
    match category {
        Category::Account | Category::Contact | Category::Opportunity | Category::Quote => true,
        Category::ConnectionRole
        | Category::Connection
        | Category::Order
        | Category::Note
        | Category::User
        | Category::Token
        | Category::Organization
        | Category::Numbering
        | Category::Administration => false,
    }
}

/// Whether anything can follow from an event of that type. Spares decoding all the others.
#[must_use]
pub fn reacts_to(event_type: &str) -> bool {
    matches!(
        event_type,
        "quote.activated"
            | "quote.revised"
            | "quote.accepted"
            | "quote.closed"
            | "opportunity.lost"
            | "contact.parent_changed"
            | "contact.deactivated"
            | "account.parent_set"
    )
}
