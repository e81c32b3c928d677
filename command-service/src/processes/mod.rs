//! Process managers: what one record's event makes the product ask of another.
//!
//! They have no state and no streams of their own. The ids of their commands follow from the event,
//! so reacting to an event again asks for the same thing again, and nothing happens twice.

mod quote_acceptance;
mod opportunity_quotes;
mod primary_contact_guard;
mod hierarchy_guard;

use events::{CrmEvent, ids::StreamName};

use crate::aggregate::{Command, Decide, Record};

/// A command that an event makes a process manager send.
pub struct Reaction {
    /// The name of the command. One event asks at most once for each.
    pub name: &'static str,
    /// The command.
    pub command: Box<dyn Command>,
}

impl Reaction {
    fn of<C: Decide>(command: C) -> Self {
        Self { name: C::NAME, command: Box::new(command) }
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
    reactions.extend(primary_contact_guard::react(event, own, stream));
    reactions.extend(hierarchy_guard::react(event, stream));
    reactions
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
            | "contact.parent_changed"
            | "contact.deactivated"
            | "account.parent_set"
    )
}
