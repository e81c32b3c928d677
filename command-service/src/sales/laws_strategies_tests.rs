//! Random commands and random events of sales, valid and not.

use events::{
    customers::OwnerAssigned,
    ids::{Principal, QuoteId},
    money::{Money, Percent, Quantity, UnitPrice},
    personal::Clear,
    sales::{
        CloseDateMoved, CloseOpportunity, Discount, DocumentLine, EstimateChanged, LostReason,
        OpportunityDetailsChanged, OpportunityEvent, OpportunityLost, OpportunityQuoteOffered,
        OpportunityQuoteWithdrawn, OpportunityReopened, OpportunityWon, ProbabilityChanged,
        QuoteAccepted, QuoteActivated, QuoteCloseReason, QuoteClosed, QuoteDiscountSet,
        QuoteDraftDiscarded, QuoteEvent, QuoteFreightSet, QuoteLineAdded, QuoteLineChanged,
        QuoteLineRemoved, QuoteRevised, QuoteTaxSet, QuoteValiditySet, StageChanged,
    },
    values::{Change, Day},
};
use proptest::{option::of, prelude::*};
use uuid::Uuid;

use crate::{
    aggregate::Decide,
    sales::{
        AcceptQuote, ActivateQuote, AddQuoteLine, ChangeOpportunityDetails,
        ChangeOpportunityEstimate, ChangeOpportunityProbability, ChangeOpportunityStage,
        ChangeQuoteLine, CloseQuote, DiscardQuoteDraft, LoseOpportunity, MoveCloseDate,
        RemoveQuoteLine, ReopenOpportunity, ReviseQuote, SetQuoteDiscount, SetQuoteFreight,
        SetQuoteTax, SetQuoteValidity, WinOpportunity,
        fixtures::{
            BOB, DEAL, QUOTE, acceptance, ana, deal_created, line, money, quote_started, totals,
        },
    },
};

/// A command's name and body.
pub(super) type Step = (&'static str, String);

pub(super) fn step<C: Decide>(command: &C) -> Step {
    (C::NAME, serde_json::to_string(command).unwrap())
}

fn amounts() -> impl Strategy<Value = Money> {
    (-100..1_000_000_i64, prop_oneof![9 => Just("BRL"), 1 => Just("USD")]).prop_map(
        |(minor, currency)| {
            let unit = money("0.01", currency);
            Money::new(minor.into(), unit.currency()).unwrap()
        },
    )
}

fn percents() -> impl Strategy<Value = Percent> {
    (0..=1_000_000_i64).prop_map(|scaled| Percent::new(scaled).unwrap())
}

fn discounts() -> impl Strategy<Value = Discount> {
    prop_oneof![amounts().prop_map(Discount::Amount), percents().prop_map(Discount::Percent)]
}

fn days() -> impl Strategy<Value = Day> {
    (20_500..20_700_i64).prop_map(|number| Day::from_number(number).unwrap())
}

fn lines() -> impl Strategy<Value = DocumentLine> {
    let quantities = (1..=500_000_000_i64).prop_map(|scaled| Quantity::new(scaled).unwrap());
    let prices = (0..=2_000_000_000_i64).prop_map(|scaled| UnitPrice::new(scaled).unwrap());
    (1..7_u128, quantities, prices, of(discounts()), of(amounts())).prop_map(
        |(id, quantity, unit_price, discount, tax)| DocumentLine {
            line_id: Uuid::from_u128(id),
            product: line("Desk"),
            quantity,
            unit_price,
            discount,
            tax,
        },
    )
}

fn add_line(line: DocumentLine) -> Step {
    let DocumentLine { line_id, product, quantity, unit_price, discount, tax } = line;
    step(&AddQuoteLine {
        quote_id: QUOTE,
        line_id: Some(line_id),
        product,
        quantity,
        unit_price,
        discount,
        tax,
        currency: None,
    })
}

fn change_line(line: &DocumentLine) -> Step {
    step(&ChangeQuoteLine {
        quote_id: QUOTE,
        line_id: line.line_id,
        product: None,
        quantity: Some(line.quantity),
        unit_price: Some(line.unit_price),
        discount: line.discount.map_or(Change::Clear, Change::Set),
        tax: line.tax.map_or(Change::Keep, Change::Set),
        currency: None,
    })
}

/// Commands that write a draft.
pub(super) fn pricing_steps() -> impl Strategy<Value = Step> {
    let quote_id = QUOTE;
    prop_oneof![
        4 => lines().prop_map(add_line),
        2 => lines().prop_map(|line| change_line(&line)),
        1 => (1..7_u128).prop_map(move |id| {
            step(&RemoveQuoteLine { quote_id, line_id: Uuid::from_u128(id) })
        }),
        1 => of(discounts()).prop_map(move |discount| {
            step(&SetQuoteDiscount { quote_id, discount })
        }),
        1 => of(amounts()).prop_map(move |freight| step(&SetQuoteFreight { quote_id, freight })),
        1 => of(percents()).prop_map(move |tax| step(&SetQuoteTax { quote_id, tax })),
        1 => of(days()).prop_map(move |valid_until| {
            step(&SetQuoteValidity { quote_id, valid_until })
        }),
    ]
}

fn acceptances() -> impl Strategy<Value = Step> {
    (of(0..4_u32), any::<bool>(), any::<bool>(), any::<bool>(), of(amounts())).prop_map(
        |(revision, named, win, accept_late, actual_value)| {
            step(&AcceptQuote {
                quote_id: QUOTE,
                revision,
                accepted_by: named.then(|| Clear(line("B. Silva"))),
                customer_reference: named.then(|| line("PO 1")),
                close_opportunity: if win { CloseOpportunity::Won } else { CloseOpportunity::None },
                actual_value,
                accept_late,
            })
        },
    )
}

fn close_reasons() -> impl Strategy<Value = QuoteCloseReason> {
    prop_oneof![Just(QuoteCloseReason::Lost), Just(QuoteCloseReason::Canceled)]
}

/// Any command on a started quote.
pub(super) fn quote_steps() -> impl Strategy<Value = Step> {
    let quote_id = QUOTE;
    prop_oneof![
        6 => pricing_steps(),
        6 => Just(step(&ActivateQuote { quote_id })),
        4 => Just(step(&ReviseQuote { quote_id })),
        1 => acceptances(),
        1 => close_reasons().prop_map(move |status_reason| {
            step(&CloseQuote { quote_id, status_reason })
        }),
        1 => Just(step(&DiscardQuoteDraft { quote_id })),
    ]
}

/// Any event of a quote, whether it makes sense or not.
pub(super) fn quote_events() -> impl Strategy<Value = QuoteEvent> {
    let revisions = || prop_oneof![0..5_u32, Just(u32::MAX)];
    let line = || (revisions(), lines());
    prop_oneof![
        2 => Just(quote_started().into()),
        2 => line().prop_map(|(revision, line)| QuoteLineAdded { revision, line }.into()),
        1 => line().prop_map(|(revision, line)| QuoteLineChanged { revision, line }.into()),
        1 => line().prop_map(|(revision, line)| {
            QuoteLineRemoved { revision, line_id: line.line_id }.into()
        }),
        1 => (revisions(), of(discounts())).prop_map(|(revision, discount)| {
            QuoteDiscountSet { revision, discount }.into()
        }),
        1 => (revisions(), of(amounts())).prop_map(|(revision, freight)| {
            QuoteFreightSet { revision, freight }.into()
        }),
        1 => (revisions(), of(percents())).prop_map(|(revision, tax)| {
            QuoteTaxSet { revision, tax }.into()
        }),
        1 => (revisions(), of(days())).prop_map(|(revision, valid_until)| {
            QuoteValiditySet { revision, valid_until }.into()
        }),
        1 => revisions().prop_map(|revision| QuoteActivated { revision, totals: totals() }.into()),
        1 => (revisions(), revisions()).prop_map(|(closed_revision, new_revision)| {
            QuoteRevised { closed_revision, new_revision }.into()
        }),
        1 => revisions().prop_map(|revision| QuoteAccepted { revision, ..acceptance() }.into()),
        1 => (revisions(), close_reasons()).prop_map(|(revision, status_reason)| {
            QuoteClosed { revision, status_reason }.into()
        }),
        1 => revisions().prop_map(|revision| QuoteDraftDiscarded { revision }.into()),
        1 => owners().prop_map(Into::into),
    ]
}

fn owners() -> impl Strategy<Value = OwnerAssigned> {
    Just(OwnerAssigned { from: ana(), to: Principal::User(BOB) })
}

fn lost_reasons() -> impl Strategy<Value = LostReason> {
    prop_oneof![Just(LostReason::Canceled), Just(LostReason::OutSold)]
}

/// Any command on an opportunity.
pub(super) fn opportunity_steps() -> impl Strategy<Value = Step> {
    let opportunity_id = DEAL;
    prop_oneof![
        "[a-c]".prop_map(move |stage| {
            step(&ChangeOpportunityStage { opportunity_id, stage: line(&stage) })
        }),
        of(percents()).prop_map(move |probability| {
            step(&ChangeOpportunityProbability { opportunity_id, probability })
        }),
        of(amounts()).prop_map(move |estimated_value| {
            step(&ChangeOpportunityEstimate { opportunity_id, estimated_value })
        }),
        of(days()).prop_map(move |estimated_close_date| {
            step(&MoveCloseDate { opportunity_id, estimated_close_date })
        }),
        of("[a-c]").prop_map(move |product| step(&ChangeOpportunityDetails {
            opportunity_id,
            topic: None,
            customer: Change::Keep,
            contact: Change::Clear,
            product: product.map_or(Change::Clear, |product| Change::Set(line(&product))),
            rating: Change::Keep,
            description: Change::Keep,
        })),
        (of(amounts()), of(days()), of(Just(QUOTE))).prop_map(
            move |(actual_value, close_date, via_quote)| {
                let quotes: Vec<QuoteId> = via_quote.into_iter().collect();
                step(&WinOpportunity {
                    opportunity_id,
                    actual_value,
                    close_date,
                    via_quote,
                    quotes,
                })
            }
        ),
        (lost_reasons(), of(days()), of(Just(QUOTE))).prop_map(
            move |(status_reason, close_date, quote)| {
                let quotes: Vec<QuoteId> = quote.into_iter().collect();
                step(&LoseOpportunity {
                    opportunity_id,
                    status_reason,
                    close_date,
                    competitor: None,
                    quotes,
                })
            }
        ),
        Just(step(&ReopenOpportunity { opportunity_id })),
    ]
}

/// Any event of an opportunity, whether it makes sense or not.
pub(super) fn opportunity_events() -> impl Strategy<Value = OpportunityEvent> {
    prop_oneof![
        2 => Just(deal_created().into()),
        1 => "[a-c]".prop_map(|stage| {
            StageChanged { from: line("Qualify"), to: line(&stage) }.into()
        }),
        1 => of(percents()).prop_map(|probability| ProbabilityChanged { probability }.into()),
        1 => of(amounts()).prop_map(|estimated_value| EstimateChanged { estimated_value }.into()),
        1 => of(days()).prop_map(|to| CloseDateMoved { from: None, to }.into()),
        1 => Just(OpportunityDetailsChanged { product: Change::Clear, ..Default::default() }.into()),
        1 => (amounts(), days()).prop_map(|(actual_value, close_date)| {
            OpportunityWon { actual_value, close_date, via_quote: None }.into()
        }),
        1 => (lost_reasons(), days()).prop_map(|(status_reason, close_date)| {
            OpportunityLost { status_reason, close_date, competitor: None }.into()
        }),
        1 => Just(OpportunityReopened {}.into()),
        1 => (0..3_u32).prop_map(|revision| {
            OpportunityQuoteOffered { quote: QUOTE, revision }.into()
        }),
        1 => Just(OpportunityQuoteWithdrawn { quote: QUOTE, revision: 0 }.into()),
        1 => owners().prop_map(Into::into),
    ]
}
