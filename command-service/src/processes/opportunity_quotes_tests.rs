//! What an opportunity is told of its quotes.

use events::sales::{
    QuoteActivated, QuoteCloseReason, QuoteClosed, QuoteDraftDiscarded, QuoteRevised, QuoteStarted,
};

use super::*;
use crate::{
    processes::{react as all_reactions, reacts_to},
    sales::fixtures::{DEAL, QUOTE, acceptance, quote_started, totals},
    testing::COMMAND,
};

fn own(opportunity: Option<events::ids::OpportunityId>) -> Record {
    let mut own = Record::unborn(events::ids::Category::Quote);
    let started = QuoteStarted { opportunity, ..quote_started() };
    own.evolve(&QuoteEvent::from(started).into());
    own
}

fn moves() -> [QuoteEvent; 4] {
    [
        QuoteActivated { revision: 0, totals: totals() }.into(),
        QuoteRevised { closed_revision: 0, new_revision: 1 }.into(),
        acceptance().into(),
        QuoteClosed { revision: 1, status_reason: QuoteCloseReason::Lost }.into(),
    ]
}

#[test]
fn an_opportunity_is_told_when_a_quote_goes_out_or_comes_back() {
    let own = own(Some(DEAL));
    for event in moves() {
        let event = CrmEvent::Quote(event);
        let told = react(&event, &own, QUOTE.stream()).unwrap();
        assert_eq!(told.name, "NoteQuote");
        assert_eq!(told.command.stream(COMMAND), DEAL.stream());
        assert!(reacts_to(&event.event_type().name));
        assert!(all_reactions(&event, &own, QUOTE.stream()).iter().any(|it| it.name == told.name));
    }
}

#[test]
fn nobody_is_told_of_a_quote_without_an_opportunity_or_of_its_draft() {
    for event in moves() {
        assert!(react(&CrmEvent::Quote(event), &own(None), QUOTE.stream()).is_none());
    }
    let discarded = QuoteEvent::from(QuoteDraftDiscarded { revision: 0 });
    assert!(react(&CrmEvent::Quote(discarded), &own(Some(DEAL)), QUOTE.stream()).is_none());
}
