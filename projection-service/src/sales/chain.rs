//! Sales chains: an opportunity, its quotes and its orders as one sale in different states.

use events::{
    codec::CrmEvent,
    ids::{Category, ContactId, CustomerRef, Principal, RecordRef},
    money::Money,
    sales::{OrderEvent, QuoteEvent},
    values::Line,
};
use uuid::Uuid;

use crate::{
    projector::{Change, Changes, Fact, ProjectError, Projector, Rows},
    record::serde_name,
    record::{cell, reference_values, step},
    sales::{ORDERS, OpportunityRecord, OrderRecord, QUOTES, QuoteRecord},
    table::{ColumnType, Keeping, Row, Table, Value, column, optional},
};

/// Every state of every chain.
pub static CHAINS: Table = Table {
    name: "chains",
    key: &[column("chain_id", ColumnType::Id)],
    columns: &[
        // How far it came: opportunity, quote or order.
        column("furthest", ColumnType::Text),
        optional("customer_type", ColumnType::Text),
        optional("customer_id", ColumnType::Id),
        optional("contact_id", ColumnType::Id),
        column("created_at", ColumnType::Int),
    ],
    keeping: Keeping::History,
    indexes: &[&["customer_id", "created_at"], &["contact_id", "created_at"]],
};

/// Every state of every document in a chain; each revision of a quote is a document.
pub static CHAIN_DOCUMENTS: Table = Table {
    name: "chain_documents",
    key: &[
        column("chain_id", ColumnType::Id),
        column("document_type", ColumnType::Text),
        column("document_id", ColumnType::Id),
        column("revision", ColumnType::Int),
    ],
    columns: &[
        optional("number", ColumnType::Text),
        optional("name", ColumnType::Text),
        column("state", ColumnType::Text),
        column("status_reason", ColumnType::Text),
        optional("stage", ColumnType::Text),
        optional("amount", ColumnType::Int),
        column("currency", ColumnType::Text),
        optional("customer_type", ColumnType::Text),
        optional("customer_id", ColumnType::Id),
        optional("contact_id", ColumnType::Id),
        column("owner_id", ColumnType::Id),
        column("created_at", ColumnType::Int),
    ],
    keeping: Keeping::History,
    indexes: &[&["customer_id"], &["contact_id"], &["document_id"]],
};

/// The chain an event belongs to: its opportunity, or the quote that began without one.
///
/// # Errors
/// See [`ProjectError`].
pub fn chain_of(fact: &Fact<'_>, rows: &dyn Rows) -> Result<Option<Uuid>, ProjectError> {
    let own = fact.recorded.stream.id;
    match fact.event() {
        CrmEvent::Opportunity(_) => Ok(Some(own)),
        CrmEvent::Quote(QuoteEvent::Started(started)) => {
            Ok(Some(started.opportunity.map_or(own, |opportunity| opportunity.0)))
        }
        CrmEvent::Quote(_) => chain_in(&QUOTES, own, "id", rows),
        CrmEvent::Order(OrderEvent::Placed(placed)) => {
            Ok(Some(placed.opportunity.map_or(placed.source.quote.0, |opportunity| opportunity.0)))
        }
        CrmEvent::Order(OrderEvent::OwnerAssigned(_)) => chain_in(&ORDERS, own, "quote_id", rows),
        CrmEvent::Account(_)
        | CrmEvent::Contact(_)
        | CrmEvent::ConnectionRole(_)
        | CrmEvent::Connection(_)
        | CrmEvent::Note(_)
        | CrmEvent::User(_)
        | CrmEvent::Token(_)
        | CrmEvent::Organization(_)
        | CrmEvent::Numbering(_)
        | CrmEvent::Administration(_) => Ok(None),
    }
}

fn chain_in(
    table: &'static Table,
    id: Uuid,
    otherwise: &str,
    rows: &dyn Rows,
) -> Result<Option<Uuid>, ProjectError> {
    let Some(row) = rows.get(table, &[id.into()])? else { return Ok(None) };
    let opportunity = cell(table, &row, "opportunity_id")?.id();
    Ok(opportunity.or(cell(table, &row, otherwise)?.id()))
}

/// What became, or had become, of a sale, from the opportunity to the order?
#[derive(Clone, Copy, Debug)]
pub struct Chains;

impl Projector for Chains {
    fn name(&self) -> &'static str {
        "chains"
    }

    fn tables(&self) -> &'static [&'static Table] {
        const TABLES: &[&Table] = &[&CHAINS, &CHAIN_DOCUMENTS];
        TABLES
    }

    fn project(&self, fact: &Fact<'_>, rows: &dyn Rows) -> Result<Changes, ProjectError> {
        let Some(chain) = chain_of(fact, rows)? else { return Ok(Changes::new()) };
        let (before, after) = match fact.recorded.stream.category {
            Category::Opportunity => {
                let (before, after) = step::<OpportunityRecord>(fact, rows)?;
                (
                    before.iter().map(of_opportunity).collect(),
                    after.iter().map(of_opportunity).collect(),
                )
            }
            Category::Quote => {
                let (before, after) = step::<QuoteRecord>(fact, rows)?;
                (
                    before.iter().flat_map(of_quote).collect(),
                    after.iter().flat_map(of_quote).collect(),
                )
            }
            Category::Order => {
                let (before, after) = step::<OrderRecord>(fact, rows)?;
                (before.iter().map(of_order).collect(), after.iter().map(of_order).collect())
            }
            Category::Account
            | Category::Contact
            | Category::ConnectionRole
            | Category::Connection
            | Category::Note
            | Category::User
            | Category::Token
            | Category::Organization
            | Category::Numbering
            | Category::Administration => (Vec::new(), Vec::new()),
        };
        let mut changes = Changes::new();
        for document in &after {
            let same = |old: &&Document| old.revision == document.revision;
            let old = before.iter().find(same);
            if old == Some(document) {
                continue;
            }
            let row = document.row(chain);
            changes.push(match old {
                None => Change::Insert(&CHAIN_DOCUMENTS, row),
                Some(_) => Change::Put(&CHAIN_DOCUMENTS, row),
            });
        }
        changes.extend(after.last().map(|d| header(fact, chain, d, rows)).transpose()?.flatten());
        Ok(changes)
    }
}

/// The chain itself, where the event changes it.
fn header(
    fact: &Fact<'_>,
    chain: Uuid,
    document: &Document,
    rows: &dyn Rows,
) -> Result<Option<Change>, ProjectError> {
    let known = rows.get(&CHAINS, &[chain.into()])?;
    let own = document.record.category;
    let [customer_type, customer_id] = reference_values(document.customer);
    let parties = [customer_type, customer_id, document.contact.map(|c| c.0).into()];
    let Some(old) = known else {
        let created_at = Value::from(fact.recorded.recorded_at.micros());
        let mut row = vec![chain.into(), own.name().into()];
        row.extend(parties);
        row.push(created_at);
        return Ok(Some(Change::Insert(&CHAINS, row.into())));
    };
    let mut row = old.to_vec();
    let reached = cell(&CHAINS, &old, "furthest")?.text().and_then(Category::from_name);
    // Categories are declared in the order in which a sale goes through them.
    if let (Some(place), true) = (row.get_mut(1), reached < Some(own)) {
        *place = own.name().into();
    }
    // The parties are the opportunity's, where there is one: the chain is named after it.
    if document.record.id == chain {
        row.splice(2..5, parties);
    }
    let row = Row::from(row);
    Ok((row != old).then_some(Change::Put(&CHAINS, row)))
}

/// One document of a chain as it is listed.
#[derive(Debug, PartialEq)]
struct Document {
    record: RecordRef,
    revision: u32,
    number: Option<String>,
    name: Option<String>,
    state: String,
    status_reason: String,
    stage: Option<String>,
    amount: Option<Money>,
    currency: &'static str,
    customer: Option<CustomerRef>,
    contact: Option<ContactId>,
    owner: Principal,
    created_at: i64,
}

impl Document {
    fn row(&self, chain: Uuid) -> Row {
        let [customer_type, customer_id] = reference_values(self.customer);
        let [_, owner_id] = reference_values(Some(self.owner));
        Row::from(vec![
            chain.into(),
            self.record.category.name().into(),
            self.record.id.into(),
            self.revision.into(),
            self.number.as_deref().into(),
            self.name.as_deref().into(),
            self.state.as_str().into(),
            self.status_reason.as_str().into(),
            self.stage.as_deref().into(),
            self.amount.map(Money::minor).into(),
            self.currency.into(),
            customer_type,
            customer_id,
            self.contact.map(|contact| contact.0).into(),
            owner_id,
            self.created_at.into(),
        ])
    }
}

fn of_opportunity(opportunity: &OpportunityRecord) -> Document {
    Document {
        record: opportunity.id.into(),
        revision: 0,
        number: None,
        name: opportunity.topic.as_ref().map(Line::to_string),
        state: serde_name(&opportunity.state),
        status_reason: serde_name(&opportunity.status_reason),
        stage: Some(opportunity.stage.to_string()),
        amount: opportunity.actual_value.or(opportunity.estimated_value),
        currency: opportunity.currency.code(),
        customer: opportunity.customer,
        contact: opportunity.contact,
        owner: opportunity.owner,
        created_at: opportunity.created_at.micros(),
    }
}

fn of_quote(quote: &QuoteRecord) -> Vec<Document> {
    let of_revision = |revision: &crate::sales::QuoteRevisionRecord| Document {
        record: quote.id.into(),
        revision: revision.revision,
        number: Some(quote.number.to_string()),
        name: quote.name.as_ref().map(Line::to_string),
        state: serde_name(&revision.state),
        status_reason: serde_name(&revision.status_reason),
        stage: None,
        amount: revision.totals.map(|totals| totals.total),
        currency: quote.currency.code(),
        customer: Some(quote.customer),
        contact: quote.contact,
        owner: quote.owner,
        created_at: quote.created_at.micros(),
    };
    quote.revisions.iter().map(of_revision).collect()
}

fn of_order(order: &OrderRecord) -> Document {
    Document {
        record: order.id.into(),
        revision: 0,
        number: Some(order.number.to_string()),
        name: order.name.as_ref().map(Line::to_string),
        state: serde_name(&order.state),
        status_reason: serde_name(&order.status_reason),
        stage: None,
        amount: Some(order.totals.total),
        currency: order.currency.code(),
        customer: Some(order.customer),
        contact: order.contact,
        owner: order.owner,
        created_at: order.created_at.micros(),
    }
}

#[cfg(test)]
#[path = "chain_tests.rs"]
mod tests;
