//! What holds whatever happens: laws, tried on random histories and random commands.

#[path = "laws_strategies_tests.rs"]
mod strategies;

use std::{collections::BTreeMap, sync::Arc};

use events::{
    Actor, ActorKind, CrmEvent, Instant, Version,
    customers::OwnerAssigned,
    ids::{Category, Principal, StreamName},
    sales::{OpportunityEvent, OrderEvent, QuoteEvent, Totals},
};
use proptest::prelude::*;
use serde_json::value::RawValue;
use strategies::{
    Step, opportunity_events, opportunity_steps, pricing_steps, quote_events, quote_steps, step,
};

use super::{
    AcceptQuote, ActivateQuote, CreateOpportunity, PlaceOrder, StartQuote, commands,
    fixtures::{BIA, BOB, CONTOSO, DEAL, QUOTE, ana, bia, contoso, deal, draft, line},
};
use crate::{
    access::Organization,
    aggregate::{AsRecord, Command, Facts, Loaded, Record, States},
    refusal::Refusal,
    sales::{Opportunity, OpportunityStatus, Quote, QuoteStatus},
    testing::{ANA, COMMAND, NEW_KEY, NUMBER, at},
};

const TODAY: &str = "2026-05-20T12:00:00Z";

fn loaded(events: impl IntoIterator<Item = CrmEvent>, category: Category) -> Loaded {
    let mut record = Record::unborn(category);
    let mut version = Version::NONE;
    for event in events {
        record.evolve(&event);
        version = version.plus(1);
    }
    Loaded { version, record: Arc::new(record) }
}

/// Contoso, Bia, the deal and the quote as it is now.
fn world(quote: &Record) -> States {
    let mut states = States::default();
    let mut add = |stream: StreamName, events: Vec<CrmEvent>| {
        states.insert(stream, loaded(events, stream.category));
    };
    add(CONTOSO.stream(), contoso().into_iter().map(Into::into).collect());
    add(BIA.stream(), bia().into_iter().map(Into::into).collect());
    add(DEAL.stream(), deal().into_iter().map(Into::into).collect());
    let quote = Loaded { version: Version(1), record: Arc::new(quote.clone()) };
    states.insert(QUOTE.stream(), quote);
    states
}

/// Judges twice, since the same question must have the same answer.
fn judge(
    command: &dyn Command,
    own: &Record,
    states: &States,
    now: Instant,
) -> Result<Vec<CrmEvent>, Refusal> {
    let organization = Organization::default();
    let facts = Facts {
        now,
        actor: Actor { kind: ActorKind::User, id: ANA.0 },
        authority: None,
        command_id: COMMAND,
        organization: &organization,
        states,
        new_key: Some(NEW_KEY),
        clock: None,
        number: Some(NUMBER),
    };
    let first = command.decide(own, &facts);
    assert_eq!(first, command.decide(own, &facts));
    first
}

/// The command as the register of commands reads it.
fn parsed((name, body): &Step) -> Box<dyn Command> {
    let entry = commands().into_iter().find(|entry| entry.name == *name).unwrap();
    let body = RawValue::from_string(body.clone()).unwrap();
    (entry.parse)(&body).unwrap()
}

/// Sends the command, and once more; answers with what happened.
fn send(command: &dyn Command, own: &mut Record, now: Instant) -> Vec<CrmEvent> {
    let Ok(events) = judge(command, own, &world(own), now) else { return Vec::new() };
    for event in &events {
        own.evolve(event);
    }
    let again = judge(command, own, &world(own), now);
    assert!(again.is_err() || again == Ok(Vec::new()), "a repeat did something: {again:?}");
    events
}

/// Counts the revisions that are open, by the events alone.
fn open_revisions(history: &[CrmEvent]) -> usize {
    let mut open = BTreeMap::new();
    for event in history {
        let CrmEvent::Quote(event) = event else { continue };
        match event {
            QuoteEvent::Started(_) => drop(open.insert(0, "Draft")),
            QuoteEvent::Activated(it) => drop(open.insert(it.revision, "Active")),
            QuoteEvent::Revised(it) => {
                open.remove(&it.closed_revision);
                open.insert(it.new_revision, "Draft");
            }
            QuoteEvent::Accepted(it) => drop(open.remove(&it.revision)),
            QuoteEvent::Closed(it) => drop(open.remove(&it.revision)),
            QuoteEvent::DraftDiscarded(it) => drop(open.remove(&it.revision)),
            _ => {}
        }
    }
    open.len()
}

fn started() -> Record {
    let mut record = Record::unborn(Category::Quote);
    for event in draft() {
        record.evolve(&event.into());
    }
    record
}

fn quote(record: &Record) -> &crate::sales::QuoteState {
    Quote::of(record).unwrap().started().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn at_most_one_revision_is_open_and_no_repeat_does_anything(
        steps in prop::collection::vec((quote_steps(), 0..40_i64), 0..40),
    ) {
        let mut own = started();
        let mut history: Vec<CrmEvent> = draft().into_iter().map(Into::into).collect();
        for (step, days) in steps {
            let now = Instant::from_micros(at(TODAY).micros() + days * 86_400_000_000);
            history.extend(send(&*parsed(&step), &mut own, now));
            prop_assert!(open_revisions(&history) <= 1);
            let is_open =
                matches!(quote(&own).status, QuoteStatus::Draft | QuoteStatus::Active(_));
            prop_assert_eq!(is_open, open_revisions(&history) == 1);
        }
    }

    #[test]
    fn an_order_adds_up_to_what_was_accepted(
        steps in prop::collection::vec(pricing_steps(), 1..30),
    ) {
        let mut own = started();
        let now = at(TODAY);
        for step in &steps {
            send(&*parsed(step), &mut own, now);
        }
        send(&ActivateQuote { quote_id: QUOTE }, &mut own, now);
        let QuoteStatus::Active(totals) = quote(&own).status else { return Ok(()) };
        let body = format!(r#"{{"quote_id": "{}", "accept_late": true}}"#, QUOTE.0);
        send(&serde_json::from_str::<AcceptQuote>(&body).unwrap(), &mut own, now);
        let order = Record::unborn(Category::Order);
        let place = PlaceOrder { quote: QUOTE, revision: 0 };
        let placed = judge(&place, &order, &world(&own), now).unwrap();
        let [CrmEvent::Order(OrderEvent::Placed(placed))] = placed.as_slice() else {
            panic!("no order was placed: {placed:?}");
        };
        prop_assert_eq!(placed.totals, totals);
        let offer = &quote(&own).offer;
        prop_assert_eq!(&placed.lines, &offer.lines);
        prop_assert_eq!(Totals::of(&placed.lines, offer.pricing, placed.currency), Ok(totals));
        prop_assert_eq!(totals.net.minor(), totals.subtotal.minor() - totals.discount.minor());
        let sum = totals.net.minor() + totals.freight.minor() + totals.tax.minor();
        prop_assert_eq!(totals.total.minor(), sum);
    }

    #[test]
    fn a_quote_takes_in_any_history_and_can_always_be_asked(
        history in prop::collection::vec(quote_events(), 0..30),
        steps in prop::collection::vec(quote_steps(), 0..10),
    ) {
        let mut own = Record::unborn(Category::Quote);
        for event in history {
            own.evolve(&event.into());
        }
        for step in steps {
            // The answer does not matter, only that there is one, and always the same.
            drop(judge(&*parsed(&step), &own, &world(&own), at(TODAY)));
        }
    }

    #[test]
    fn an_opportunity_takes_in_any_history_and_can_always_be_asked(
        history in prop::collection::vec(opportunity_events(), 0..30),
        steps in prop::collection::vec(opportunity_steps(), 0..10),
    ) {
        let mut own = Record::unborn(Category::Opportunity);
        for event in history {
            own.evolve(&event.into());
        }
        for step in steps {
            drop(judge(&*parsed(&step), &own, &world(&started()), at(TODAY)));
        }
    }

    #[test]
    fn a_decided_opportunity_only_reopens(
        steps in prop::collection::vec(opportunity_steps(), 0..40),
    ) {
        let mut own = Record::unborn(Category::Opportunity);
        for event in deal() {
            own.evolve(&event.into());
        }
        for step in steps {
            let before = Opportunity::of(&own).unwrap().created().unwrap().status.clone();
            let events = send(&*parsed(&step), &mut own, at(TODAY));
            if !matches!(before, OpportunityStatus::Open { .. }) {
                let reopened = |event: &CrmEvent| {
                    matches!(event, CrmEvent::Opportunity(OpportunityEvent::Reopened(_)))
                };
                prop_assert!(events.iter().all(reopened));
            }
        }
    }
}

#[test]
fn a_create_is_in_the_register_and_reads_what_it_writes() {
    let create = r#"{"topic":"A new kitchen"}"#;
    let start = format!(r#"{{"customer":{{"type":"account","id":"{}"}}}}"#, CONTOSO.0);
    let create: CreateOpportunity = serde_json::from_str(create).unwrap();
    assert_eq!(create.topic.0, line("A new kitchen"));
    let start: StartQuote = serde_json::from_str(&start).unwrap();
    for step in [step(&create), step(&start)] {
        assert_eq!(parsed(&step).canonical().unwrap(), step.1.as_bytes());
    }
}

#[test]
fn what_only_the_product_sends_is_not_in_the_register() {
    let names: Vec<_> = commands().into_iter().map(|entry| entry.name).collect();
    assert_eq!(names.len(), 22);
    for name in ["PlaceOrder", "NoteQuote", "AllocateNumber"] {
        assert!(!names.contains(&name));
    }
}

#[test]
fn the_documentation_says_which_fields_are_needed() {
    let mut generator = schemars::SchemaGenerator::default();
    let mut required = |name: &str| {
        let entry = commands().into_iter().find(|entry| entry.name == name).unwrap();
        (entry.schema)(&mut generator);
        let mut fields = generator.definitions()[name]["required"].as_array().unwrap().clone();
        fields.sort_by_key(ToString::to_string);
        serde_json::Value::from(fields)
    };
    assert_eq!(required("CreateOpportunity"), serde_json::json!(["topic"]));
    assert_eq!(required("ChangeQuoteLine"), serde_json::json!(["line_id", "quote_id"]));
    assert_eq!(required("SetQuoteDiscount"), serde_json::json!(["discount", "quote_id"]));
    assert_eq!(
        required("MoveCloseDate"),
        serde_json::json!(["estimated_close_date", "opportunity_id"])
    );
}

#[test]
fn a_new_owner_is_known_to_every_document() {
    let assigned = || OwnerAssigned { from: ana(), to: Principal::User(BOB) };
    let mut own = started();
    own.evolve(&CrmEvent::Quote(assigned().into()));
    assert_eq!(quote(&own).owner, Principal::User(BOB));
    let deal = deal().into_iter().chain([assigned().into()]).map(CrmEvent::Opportunity);
    let deal = loaded(deal, Category::Opportunity);
    let deal = Opportunity::of(&deal.record).and_then(|it| it.created()).unwrap().owner;
    assert_eq!(deal, Principal::User(BOB));
}
