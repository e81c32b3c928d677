//! An opportunity takes note of its quotes, and is not won behind their back.

use events::sales::{OpportunityLost, QuoteEvent, QuoteRevised, QuoteStarted};

use super::*;
use crate::{
    sales::{
        WinOpportunity,
        fixtures::{DEAL, QUOTE, accepted, active, day, deal, draft, quote_started},
    },
    testing::{Given, given},
};

const NOTE: NoteQuote = NoteQuote { opportunity_id: DEAL, quote: QUOTE };
const OFFERED: OpportunityQuoteOffered = OpportunityQuoteOffered { quote: QUOTE, revision: 0 };
const WITHDRAWN: OpportunityQuoteWithdrawn =
    OpportunityQuoteWithdrawn { quote: QUOTE, revision: 0 };

/// The deal, told that the quote is out.
fn told() -> Given<Opportunity> {
    given(deal().into_iter().chain([OFFERED.into()]))
}

fn revised() -> Vec<QuoteEvent> {
    let mut history = active();
    history.push(QuoteRevised { closed_revision: 0, new_revision: 1 }.into());
    history
}

fn win(quotes: Vec<QuoteId>) -> WinOpportunity {
    WinOpportunity {
        opportunity_id: DEAL,
        actual_value: None,
        close_date: None,
        via_quote: None,
        quotes,
    }
}

#[test]
fn an_active_quote_is_noted_once() {
    given(deal())
        .with(QUOTE.stream(), active())
        .when(NOTE, |_| ())
        .then([OFFERED])
        .when(NOTE, |_| ())
        .then_nothing();
}

#[test]
fn a_quote_that_is_out_no_more_is_taken_off_once() {
    for history in [revised(), accepted(), draft()] {
        told()
            .with(QUOTE.stream(), history)
            .when(NOTE, |_| ())
            .then([WITHDRAWN])
            .when(NOTE, |_| ())
            .then_nothing();
    }
    given(deal()).with(QUOTE.stream(), revised()).when(NOTE, |_| ()).then_nothing();
}

#[test]
fn the_next_revision_takes_the_place_of_the_one_before() {
    let mut history = revised();
    let totals = crate::sales::fixtures::totals();
    history.push(events::sales::QuoteActivated { revision: 1, totals }.into());
    told()
        .with(QUOTE.stream(), history.clone())
        .when(NOTE, |_| ())
        .then([OpportunityQuoteOffered { quote: QUOTE, revision: 1 }])
        .with(
            QUOTE.stream(),
            history.into_iter().chain([crate::sales::fixtures::acceptance().into()]),
        )
        .when(NOTE, |_| ())
        .then([OpportunityQuoteWithdrawn { quote: QUOTE, revision: 1 }]);
}

#[test]
fn a_decided_deal_takes_note_too() {
    let lost = OpportunityLost {
        status_reason: events::sales::LostReason::OutSold,
        close_date: day("2026-05-20"),
        competitor: None,
    };
    given(deal().into_iter().chain([lost.into()]))
        .with(QUOTE.stream(), active())
        .when(NOTE, |_| ())
        .then([OFFERED]);
}

#[test]
fn a_quote_of_another_deal_is_no_business_of_this_one() {
    let elsewhere = QuoteStarted { opportunity: None, ..quote_started() };
    given(deal())
        .with(QUOTE.stream(), [QuoteEvent::from(elsewhere)])
        .when(NOTE, |_| ())
        .then_refused("record.not_found");
    given::<Opportunity>([])
        .with(QUOTE.stream(), active())
        .when(NOTE, |_| ())
        .then_refused("record.not_found");
}

#[test]
fn a_deal_with_an_active_quote_is_won_only_if_the_quote_is_named() {
    let judge = |command| told().with(QUOTE.stream(), active()).when(command, |_| ());
    let refusal = Refusal::OpportunityActiveQuotes { quotes: vec![QUOTE] };
    assert_eq!(refusal.params()["quotes"], serde_json::json!([QUOTE]));
    judge(win(Vec::new())).then_refused("opportunity.active_quotes");
    assert_eq!(judge(win(vec![QUOTE])).events().len(), 1);
    assert_eq!(
        judge(WinOpportunity { via_quote: Some(QUOTE), ..win(Vec::new()) }).events().len(),
        1
    );
}

#[test]
fn a_quote_that_was_closed_a_moment_ago_stands_in_nobodys_way() {
    for history in [revised(), accepted()] {
        let judged = told().with(QUOTE.stream(), history).when(win(Vec::new()), |_| ());
        assert_eq!(judged.events().len(), 1);
    }
}

#[test]
fn a_deal_that_was_lost_as_its_quote_was_accepted_is_opened_again() {
    let lost = || OpportunityLost {
        status_reason: events::sales::LostReason::OutSold,
        close_date: day("2026-05-20"),
        competitor: None,
    };
    let noted = deal().into_iter().chain([OFFERED.into(), lost().into()]);
    let both = [OpportunityEvent::from(WITHDRAWN), OpportunityReopened {}.into()];
    given(noted)
        .with(QUOTE.stream(), accepted())
        .when(NOTE, |_| ())
        .then(both.clone())
        .when(NOTE, |_| ())
        .then_nothing();
    // Also where the deal had not even taken note that the quote was out.
    given(deal().into_iter().chain([lost().into()]))
        .with(QUOTE.stream(), accepted())
        .when(NOTE, |_| ())
        .then(both);
}
