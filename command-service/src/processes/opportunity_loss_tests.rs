//! What follows when a deal is lost.

use events::{
    ids::{Category, EventId},
    sales::{OpportunityLost, OpportunityQuoteOffered, OpportunityReopened},
};
use uuid::Uuid;

use super::*;
use crate::{
    processes,
    sales::fixtures::{DEAL, QUOTE, day, deal},
    testing::COMMAND,
};

const OTHER: QuoteId = QuoteId(Uuid::from_u128(0x90f));

fn lost(status_reason: LostReason) -> OpportunityEvent {
    OpportunityLost { status_reason, close_date: day("2026-05-20"), competitor: None }.into()
}

fn after(history: impl IntoIterator<Item = OpportunityEvent>) -> Record {
    let offered = [QUOTE, OTHER].map(|quote| OpportunityQuoteOffered { quote, revision: 0 }.into());
    let mut own = Record::unborn(Category::Opportunity);
    for event in deal().into_iter().chain(offered).chain(history) {
        own.evolve(&event.into());
    }
    own
}

#[test]
fn a_lost_deal_closes_every_quote_that_the_customer_has() {
    let event = CrmEvent::Opportunity(lost(LostReason::OutSold));
    let reactions = processes::react(&event, &after([lost(LostReason::OutSold)]), DEAL.stream());
    let streams: std::collections::HashSet<_> =
        reactions.iter().map(|one| one.command.stream(COMMAND)).collect();
    assert_eq!(streams, [OTHER.stream(), QUOTE.stream()].into());
    assert_eq!(reactions.len(), 2);
    assert!(reactions.iter().all(|one| one.name == "CloseQuote"));
    assert!(processes::reacts_to(&event.event_type().name));
    assert!(processes::reacts_in(Category::Opportunity));
    // Each has an id of its own, and the same one again.
    let cause = EventId(Uuid::from_u128(7));
    let ids: std::collections::HashSet<_> =
        reactions.iter().map(|one| one.command_id(cause)).collect();
    assert_eq!(ids.len(), 2);
    let again = processes::react(&event, &after([lost(LostReason::OutSold)]), DEAL.stream());
    assert!(again.iter().all(|one| ids.contains(&one.command_id(cause))));
}

#[test]
fn a_quote_is_closed_as_what_its_deal_is() {
    for (reason, closed) in [
        (LostReason::Canceled, QuoteCloseReason::Canceled),
        (LostReason::OutSold, QuoteCloseReason::Lost),
    ] {
        let event = CrmEvent::Opportunity(lost(reason));
        let reactions = close_quotes(&event, &after([lost(reason)]));
        let bodies: Vec<_> = reactions.iter().map(|one| one.command.canonical().unwrap()).collect();
        let expected = |quote_id| {
            let command = CloseQuote { quote_id, status_reason: closed };
            crate::aggregate::Command::canonical(&command).unwrap()
        };
        assert!(bodies.contains(&expected(QUOTE)) && bodies.contains(&expected(OTHER)));
    }
}

#[test]
fn a_deal_that_was_opened_again_keeps_its_quotes() {
    let own = after([lost(LostReason::OutSold), OpportunityReopened {}.into()]);
    let event = CrmEvent::Opportunity(lost(LostReason::OutSold));
    assert!(close_quotes(&event, &own).is_empty());
}
