//! What the events of opportunities, quotes and orders say on a timeline.

use events::{
    money::{Money, Percent},
    sales::{OpportunityDetailsChanged, OpportunityEvent, OrderEvent, QuoteEvent},
};
use serde_json::{Value, json};

use super::timeline_entry::{Entry, changed, names, owner_assigned};

fn money(amount: Option<Money>) -> String {
    amount.map_or_else(|| "nothing".to_owned(), |m| format!("{} {}", m.amount(), m.currency()))
}

pub(super) fn opportunity(event: &OpportunityEvent) -> Entry {
    match event {
        OpportunityEvent::Created(created) => Entry::of("Opportunity created")
            .amount(created.estimated_value)
            .with("stage", created.stage.as_str())
            .with("probability", created.probability.map(|p| json!(p)))
            .with("estimated_close_date", created.estimated_close_date.map(|day| json!(day))),
        OpportunityEvent::DetailsChanged(change) => {
            Entry::of("Opportunity details changed").with("changed", details(change))
        }
        OpportunityEvent::StageChanged(change) => {
            Entry::of(format!("Stage changed from {} to {}", change.from, change.to))
                .with("from", change.from.as_str())
                .with("to", change.to.as_str())
        }
        OpportunityEvent::ProbabilityChanged(change) => {
            Entry::of(probability_title(change.probability))
                .with("probability", change.probability.map(|p| json!(p)))
        }
        OpportunityEvent::EstimateChanged(change) => {
            Entry::of(format!("Estimated value changed to {}", money(change.estimated_value)))
                .amount(change.estimated_value)
        }
        OpportunityEvent::CloseDateMoved(moved) => Entry::of("Estimated close date moved")
            .with("from", moved.from.map(|day| json!(day)))
            .with("to", moved.to.map(|day| json!(day))),
        OpportunityEvent::Won(won) => {
            Entry::of(format!("Opportunity won with {}", money(Some(won.actual_value))))
                .amount(won.actual_value)
                .with("close_date", json!(won.close_date))
                .with("via_quote", won.via_quote.map(|quote| json!(quote)))
        }
        OpportunityEvent::Lost(lost) => Entry::of("Opportunity lost")
            .with("status_reason", json!(lost.status_reason))
            .with("close_date", json!(lost.close_date))
            .with("competitor", lost.competitor.as_ref().map(|competitor| json!(competitor))),
        OpportunityEvent::Reopened(_) => Entry::of("Opportunity reopened"),
        OpportunityEvent::OwnerAssigned(assigned) => {
            owner_assigned("Opportunity", assigned.from, assigned.to)
        }
        // On nobody's timeline: the quote's own events are there.
        OpportunityEvent::QuoteOffered(_) | OpportunityEvent::QuoteWithdrawn(_) => Entry::default(),
    }
}

fn probability_title(probability: Option<Percent>) -> String {
    probability.map_or_else(
        || "Probability cleared".to_owned(),
        |percent| {
            let text = percent.to_string();
            let short = text.trim_end_matches('0').trim_end_matches('.');
            format!("Probability changed to {short} %")
        },
    )
}

fn details(change: &OpportunityDetailsChanged) -> Value {
    names(&[
        ("topic", change.topic.is_some()),
        ("customer", changed(&change.customer)),
        ("contact", changed(&change.contact)),
        ("product", changed(&change.product)),
        ("rating", changed(&change.rating)),
        ("description", changed(&change.description)),
    ])
}

pub(super) fn quote(event: &QuoteEvent, number: &str) -> Entry {
    let draft = |revision: u32, what: &str| {
        Entry::of(format!("Quote {number}: {what}")).with("revision", revision)
    };
    let entry = match event {
        QuoteEvent::Started(started) => Entry::of(format!("Quote {number} started"))
            .with("revision", 0)
            .with("opportunity", started.opportunity.map(|id| json!(id)))
            .with("prefill", json!(started.prefill)),
        QuoteEvent::LineAdded(added) => {
            draft(added.revision, "line added").with("line", json!(added.line))
        }
        QuoteEvent::LineChanged(change) => {
            draft(change.revision, "line changed").with("line", json!(change.line))
        }
        QuoteEvent::LineRemoved(removed) => {
            draft(removed.revision, "line removed").with("line_id", json!(removed.line_id))
        }
        QuoteEvent::DiscountSet(set) => {
            draft(set.revision, "discount set").with("discount", json!(set.discount))
        }
        QuoteEvent::FreightSet(set) => draft(set.revision, "freight set").amount(set.freight),
        QuoteEvent::TaxSet(set) => draft(set.revision, "tax set").with("tax", json!(set.tax)),
        QuoteEvent::ValiditySet(set) => {
            draft(set.revision, "validity set").with("valid_until", json!(set.valid_until))
        }
        QuoteEvent::Activated(activated) => Entry::of(format!(
            "Quote {number} revision {} activated at {}",
            activated.revision,
            money(Some(activated.totals.total))
        ))
        .amount(activated.totals.total)
        .with("revision", activated.revision),
        QuoteEvent::Revised(revised) => {
            Entry::of(format!("Quote {number} revised: revision {}", revised.new_revision))
                .with("closed_revision", revised.closed_revision)
                .with("revision", revised.new_revision)
        }
        QuoteEvent::Accepted(accepted) => Entry::of(format!(
            "Quote {number} revision {} accepted at {}",
            accepted.revision,
            money(Some(accepted.totals.total))
        ))
        .amount(accepted.totals.total)
        .with("revision", accepted.revision)
        .with("order", json!(accepted.order))
        .with("accepted_on", json!(accepted.accepted_on)),
        QuoteEvent::Closed(closed) => {
            Entry::of(format!("Quote {number} revision {} closed", closed.revision))
                .with("revision", closed.revision)
                .with("status_reason", json!(closed.status_reason))
        }
        QuoteEvent::DraftDiscarded(discarded) => {
            Entry::of(format!("Quote {number} draft {} discarded", discarded.revision))
                .with("revision", discarded.revision)
        }
        QuoteEvent::OwnerAssigned(assigned) => {
            owner_assigned(&format!("Quote {number}"), assigned.from, assigned.to)
        }
    };
    entry.with("number", number)
}

pub(super) fn order(event: &OrderEvent, number: &str) -> Entry {
    let entry = match event {
        OrderEvent::Placed(placed) => {
            Entry::of(format!("Order {number} placed at {}", money(Some(placed.totals.total))))
                .amount(placed.totals.total)
                .with("quote", json!(placed.source.quote))
                .with("revision", placed.source.revision)
                .with("ordered_on", json!(placed.ordered_on))
        }
        OrderEvent::OwnerAssigned(assigned) => {
            owner_assigned(&format!("Order {number}"), assigned.from, assigned.to)
        }
    };
    entry.with("number", number)
}
