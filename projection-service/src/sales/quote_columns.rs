//! The table of quotes: the columns that lists filter and sort by.

use events::{
    ids::{Category, RecordRef},
    values::Line,
};

use crate::{
    projector::Fact,
    record::serde_name,
    record::{Record, day_value, folded, reference_values, version_value},
    sales::{QuoteRecord, fold_quote},
    table::{ColumnType, Keeping, Table, Value, column, optional},
};

/// Every state of every quote. State, total and validity are those of the latest revision.
pub static QUOTES: Table = Table {
    name: "quotes",
    key: &[column("id", ColumnType::Id)],
    columns: &[
        column("number", ColumnType::Text),
        optional("name", ColumnType::Text),
        optional("name_folded", ColumnType::Text),
        column("state", ColumnType::Text),
        column("status_reason", ColumnType::Text),
        column("revision", ColumnType::Int),
        column("customer_type", ColumnType::Text),
        column("customer_id", ColumnType::Id),
        optional("contact_id", ColumnType::Id),
        optional("opportunity_id", ColumnType::Id),
        optional("order_id", ColumnType::Id),
        column("currency", ColumnType::Text),
        optional("total", ColumnType::Int),
        optional("valid_until_day", ColumnType::Int),
        column("owner_id", ColumnType::Id),
        column("created_at", ColumnType::Int),
        column("changed_at", ColumnType::Int),
        column("version", ColumnType::Int),
        column("document", ColumnType::Text),
    ],
    keeping: Keeping::History,
    indexes: &[
        &["number"],
        &["customer_id"],
        &["opportunity_id"],
        &["owner_id"],
        &["state", "valid_until_day", "id"],
    ],
};

impl Record for QuoteRecord {
    const CATEGORY: Category = Category::Quote;
    const TABLE: &'static Table = &QUOTES;

    fn fold(before: Option<Self>, fact: &Fact<'_>) -> Option<Self> {
        fold_quote(before, fact)
    }

    fn columns(&self) -> Vec<Value> {
        let [customer_type, customer_id] = reference_values(Some(self.customer));
        vec![
            self.number.as_str().into(),
            self.name.as_ref().map(Line::as_str).into(),
            self.name.as_ref().map(|name| folded(name.as_str())).into(),
            serde_name(&self.state).into(),
            serde_name(&self.status_reason).into(),
            self.revision.into(),
            customer_type,
            customer_id,
            self.contact.map(|contact| contact.0).into(),
            self.opportunity.map(|opportunity| opportunity.0).into(),
            self.order.map(|order| order.0).into(),
            self.currency.code().into(),
            self.totals.map(|totals| totals.total.minor()).into(),
            day_value(self.valid_until),
            RecordRef::from(self.owner).id.into(),
            self.created_at.micros().into(),
            self.changed_at.micros().into(),
            version_value(self.version),
        ]
    }
}
