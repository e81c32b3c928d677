//! What follows from an acceptance.

use events::{ids::OpportunityId, sales::QuoteAccepted};

use super::*;
use crate::{
    aggregate::{Decide, Record},
    processes,
    sales::{
        NoteQuote, PlaceOrder, WinOpportunity,
        fixtures::{DEAL, QUOTE, acceptance, accepted, deal},
        order_id,
    },
    testing::{COMMAND, given},
};

fn reactions(accepted: QuoteAccepted) -> Vec<Reaction> {
    let mut own = Record::unborn(events::ids::Category::Quote);
    for event in crate::sales::fixtures::accepted() {
        own.evolve(&event.into());
    }
    processes::react(&CrmEvent::Quote(accepted.into()), &own, QUOTE.stream())
}

fn names(reactions: &[Reaction]) -> Vec<&'static str> {
    reactions.iter().map(|reaction| reaction.name).collect()
}

#[test]
fn an_acceptance_asks_for_the_order_it_names() {
    let reactions = reactions(acceptance());
    assert_eq!(names(&reactions), [PlaceOrder::NAME, NoteQuote::NAME]);
    let stream = reactions[0].command.stream(COMMAND);
    assert_eq!(stream, acceptance().order.stream());
    assert_eq!(stream, order_id(QUOTE, 0).stream());
}

#[test]
fn an_acceptance_wins_its_opportunity_if_that_was_asked_for() {
    let close_opportunity = CloseOpportunity::Won;
    let both = reactions(QuoteAccepted { close_opportunity, ..acceptance() });
    assert_eq!(names(&both), [PlaceOrder::NAME, NoteQuote::NAME, WinOpportunity::NAME]);
    assert_eq!(both[2].command.stream(COMMAND), DEAL.stream());
    assert_eq!(both[2].command.effective_day(), Some(acceptance().accepted_on));
    let opportunity: Option<OpportunityId> = None;
    let no_deal = reactions(QuoteAccepted { close_opportunity, opportunity, ..acceptance() });
    assert_eq!(names(&no_deal), [PlaceOrder::NAME, NoteQuote::NAME]);
}

#[test]
fn the_win_that_follows_is_accepted_and_names_the_quote() {
    let accepted_on = acceptance().accepted_on;
    let command = WinOpportunity {
        opportunity_id: DEAL,
        actual_value: Some(acceptance().actual_value),
        close_date: Some(accepted_on),
        via_quote: Some(QUOTE),
        quotes: Vec::new(),
    };
    given(deal())
        .with(QUOTE.stream(), accepted())
        .when(command.clone(), |_| ())
        .then([events::sales::OpportunityWon {
            actual_value: acceptance().actual_value,
            close_date: accepted_on,
            via_quote: Some(QUOTE),
        }])
        .when(command, |_| ())
        .then_nothing();
}

#[test]
fn nothing_follows_from_what_is_written_in_a_draft() {
    let own = Record::unborn(events::ids::Category::Quote);
    for event in crate::sales::fixtures::priced_draft() {
        assert!(processes::react(&event.into(), &own, QUOTE.stream()).is_empty());
    }
}
