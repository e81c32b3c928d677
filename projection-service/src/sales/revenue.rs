//! The revenue ledger: what each event added to, or took from, the revenue to expect.

use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::{
    chain::chain_of,
    chain_fact::{ChainFact, Moved},
    chain_known::Known,
    chain_worth::{Dimensions, Measures, Steps, corrections},
};
use crate::{
    projector::{Change, Changes, Fact, ProjectError, Projector, Rows},
    record::{cell, damaged, day_value, reference_values, written},
    table::{ColumnType, Keeping, Row, Table, Value, column, optional},
};

/// What is known of each chain after its last fact.
pub static REVENUE_CHAINS: Table = Table {
    name: "revenue_chains",
    key: &[column("chain_id", ColumnType::Id)],
    columns: &[column("known", ColumnType::Text)],
    keeping: Keeping::Current,
    indexes: &[],
};

/// Every fact of each chain, so that its worth can be computed anew when one comes late.
pub static REVENUE_FACTS: Table = Table {
    name: "revenue_facts",
    key: &[column("chain_id", ColumnType::Id), column("number", ColumnType::Int)],
    columns: &[column("fact", ColumnType::Text)],
    keeping: Keeping::Current,
    indexes: &[],
};

/// The ledger.
///
/// The revenue as it was known at a position S is the sum of the rows with
/// `position <= S` and `business_day <=` the day of S; as it was true on a day D, the sum of the
/// rows with `business_day <= D`. Amounts are minor units, and are never added across currencies.
pub static REVENUE_DELTAS: Table = Table {
    name: "revenue_deltas",
    key: &[
        column("position", ColumnType::Int),
        column("business_day", ColumnType::Int),
        column("ordinal", ColumnType::Int),
    ],
    columns: &[
        column("chain_id", ColumnType::Id),
        // The wire name of the event that caused it.
        column("cause", ColumnType::Text),
        optional("customer_type", ColumnType::Text),
        optional("customer_id", ColumnType::Id),
        optional("contact_id", ColumnType::Id),
        column("owner_id", ColumnType::Id),
        column("currency", ColumnType::Text),
        optional("stage", ColumnType::Text),
        // The first day of the month in which it closes, or closed.
        optional("period", ColumnType::Int),
        // open, won, lost or ordered.
        column("state", ColumnType::Text),
        optional("product", ColumnType::Text),
        column("open_count", ColumnType::Int),
        column("open_amount", ColumnType::Int),
        // Together with whole minor units, millionths of one: a sum of rounded amounts would be off
        // by up to half a unit a row.
        column("weighted_amount", ColumnType::Int),
        column("weighted_millionths", ColumnType::Int),
        column("booked_count", ColumnType::Int),
        column("booked_amount", ColumnType::Int),
        column("won_count", ColumnType::Int),
        column("won_amount", ColumnType::Int),
        column("lost_count", ColumnType::Int),
    ],
    keeping: Keeping::AppendOnly,
    indexes: &[
        &["customer_id", "position"],
        &["contact_id", "position"],
        &["chain_id", "position"],
    ],
};

/// What revenue is, or was, to be expected: open, weighted, booked, and beside it won and lost?
///
/// A chain (an opportunity with its quotes and orders, or a quote without opportunity) counts once,
/// at its furthest stage: an open opportunity with its estimate, weighted by its probability (by 0
/// where nobody gave one); its highest active quote in place of the estimate (by 50 % where nobody
/// gave a probability), until the order of an accepted one takes its place; its orders as booked.
/// What is lost or closed counts no more. For every event the step function of the chain over
/// business time is compared before and after it, so that what is recorded late or out of order
/// corrects every day it concerns, and no other. What comes in the order of business time changes
/// its own day only: then the chain is not gone through from its beginning.
#[derive(Clone, Copy, Debug)]
pub struct Revenue;

impl Projector for Revenue {
    fn name(&self) -> &'static str {
        "revenue"
    }

    fn tables(&self) -> &'static [&'static Table] {
        const TABLES: &[&Table] = &[&REVENUE_CHAINS, &REVENUE_FACTS, &REVENUE_DELTAS];
        TABLES
    }

    fn project(&self, fact: &Fact<'_>, rows: &dyn Rows) -> Result<Changes, ProjectError> {
        let Some(moved) = ChainFact::of(fact) else { return Ok(Changes::new()) };
        let Some(chain) = chain_of(fact, rows)? else { return Ok(Changes::new()) };
        let row = rows.get(&REVENUE_CHAINS, &[chain.into()])?;
        let known = row.map(|row| read(&REVENUE_CHAINS, &row, "known")).transpose()?;
        let known: Known = known.unwrap_or_default();
        if known.is_continued_by(&moved) && moved.moved == Moved::Touched {
            return Ok(Changes::new());
        }

        let number = known.facts;
        let fact_row = vec![chain.into(), number.into(), written(&REVENUE_FACTS, &moved)?];
        let (corrections, known) = corrected(known, moved, chain, rows)?;
        let row = Row::from(vec![chain.into(), written(&REVENUE_CHAINS, &known)?]);
        let mut changes = vec![
            if number == 0 {
                Change::Insert(&REVENUE_CHAINS, row)
            } else {
                Change::Put(&REVENUE_CHAINS, row)
            },
            Change::Insert(&REVENUE_FACTS, fact_row.into()),
        ];
        for (day, worth) in corrections {
            for (ordinal, (dimensions, measures)) in (0_u32..).zip(worth) {
                let row = delta(fact, chain, (day, ordinal), &dimensions, measures);
                changes.push(Change::Insert(&REVENUE_DELTAS, row));
            }
        }
        Ok(changes)
    }
}

/// What that fact changes on which day, and what is known after it.
fn corrected(
    mut known: Known,
    moved: ChainFact,
    chain: Uuid,
    rows: &dyn Rows,
) -> Result<(Steps, Known), ProjectError> {
    if known.is_continued_by(&moved) {
        let steps = known.take(&moved);
        return Ok((steps, known));
    }
    let mut facts = facts(chain, known.facts, rows)?;
    let (before, _) = Known::of(&facts);
    facts.push(moved);
    let (after, known) = Known::of(&facts);
    Ok((corrections(&before, &after), known))
}

fn facts(chain: Uuid, count: u32, rows: &dyn Rows) -> Result<Vec<ChainFact>, ProjectError> {
    // All are asked for before the first that is missing ends it: they are loaded in one go.
    let asked = (0..count).map(|number| rows.get(&REVENUE_FACTS, &[chain.into(), number.into()]));
    let asked: Vec<_> = asked.collect();
    let fact = |row: Result<Option<Row>, ProjectError>| {
        let row = row?.ok_or_else(|| damaged(&REVENUE_FACTS, "a fact is missing"))?;
        read(&REVENUE_FACTS, &row, "fact")
    };
    asked.into_iter().map(fact).collect()
}

fn read<T: DeserializeOwned>(
    table: &'static Table,
    row: &Row,
    column: &str,
) -> Result<T, ProjectError> {
    let text = cell(table, row, column)?.text().unwrap_or_default();
    serde_json::from_str(text).map_err(|_| damaged(table, "what is known is unreadable"))
}

fn delta(
    fact: &Fact<'_>,
    chain: Uuid,
    (day, ordinal): (i64, u32),
    dimensions: &Dimensions,
    measures: Measures,
) -> Row {
    let [customer_type, customer_id] = reference_values(dimensions.customer);
    let [_, owner_id] = reference_values(Some(dimensions.owner));
    let mut row: Vec<Value> = vec![
        fact.position().sql().into(),
        day.into(),
        ordinal.into(),
        chain.into(),
        fact.recorded.event.event_type.name.as_ref().into(),
        customer_type,
        customer_id,
        dimensions.contact.map(|contact| contact.0).into(),
        owner_id,
        dimensions.currency.code().into(),
        dimensions.stage.as_deref().into(),
        day_value(dimensions.period),
        dimensions.standing.name().into(),
        dimensions.product.as_deref().into(),
    ];
    row.extend(measures.all().map(Value::from));
    row.into()
}

#[cfg(test)]
#[path = "revenue_tests.rs"]
mod tests;
#[cfg(test)]
#[path = "revenue_law_tests.rs"]
mod law_tests;
