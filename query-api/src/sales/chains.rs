//! Sales chains of a customer: each sale with its documents, and how far it came.

use axum::extract::{Path, State};
use events::{
    Instant,
    ids::Category,
    money::{Currency, Money},
};
use projection_service::{record::Record, table::Value};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use crate::{
    customers::timeline::require_known,
    database::Row,
    http::{
        App,
        answer::{self, Answered, Page},
        moment::{Ask, Moment, Senses},
        problem::Problem,
    },
    list::Statement,
    records::known_id,
};

/// One document of a sale; each revision of a quote is one.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Document {
    /// `opportunity`, `quote` or `order`.
    #[serde(rename = "type")]
    category: String,
    id: Uuid,
    /// Of a quote: which revision, from 0.
    revision: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<String>,
    name: Option<String>,
    state: String,
    status_reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<String>,
    amount: Option<Money>,
    owner: Uuid,
    created_at: Instant,
}

/// One sale in all its states.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Sale {
    /// The opportunity, or the quote that began without one.
    chain: Uuid,
    /// How far it came: `opportunity`, `quote` or `order`.
    furthest: String,
    created_at: Instant,
    documents: Vec<Document>,
}

/// The statement of a page of a customer's sales, newest first.
pub(crate) fn chains(
    party: (Category, Uuid),
    position: i64,
    chain: Option<Uuid>,
    after: Option<&[Value]>,
    limit: usize,
) -> Statement {
    let mut statement = Statement::new("select chain_id, furthest, created_at from chains where ");
    let (category, id) = party;
    if category == Category::Contact {
        statement.push("(customer_id = ? or contact_id = ?)", [id; 2]);
    } else {
        statement.push("customer_id = ?", [id]);
    }
    statement.push(" and from_position <= ? and to_position > ?", [position; 2]);
    if let Some(chain) = chain {
        statement.push(" and chain_id = ?", [chain]);
    }
    if let Some(key) = after {
        statement.push(" and (created_at, chain_id) < (?, ?)", key.to_vec());
    }
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    statement.push(" order by created_at desc, chain_id desc limit ?", [limit]);
    statement
}

/// The statement of all documents of some sales.
pub(crate) fn documents(chains: &[Uuid], position: i64) -> Statement {
    let mut statement = Statement::new(
        "select chain_id, document_type, document_id, revision, number, name, state, \
         status_reason, stage, amount, currency, owner_id, created_at from chain_documents where ",
    );
    let marks = vec!["?"; chains.len()].join(", ");
    statement.push(&format!("chain_id in ({marks})"), chains.iter().copied());
    statement.push(" and from_position <= ? and to_position > ?", [position; 2]);
    // What was recorded at one instant still goes from the deal to the order.
    statement.text.push_str(
        " order by chain_id, created_at, case document_type when 'opportunity' then 0 \
         when 'quote' then 1 else 2 end, document_id, revision",
    );
    statement
}

/// `GET /{customers}/{id}/sales`.
pub(crate) async fn sales<R: Record>(
    State(app): State<App>,
    Path(id): Path<String>,
    ask: Ask,
) -> Answered {
    let (mut moment, mut params) = app.open(&ask, Senses::Recorded).await?;
    let limit = params.limit()?;
    let chain = params.id("chain")?;
    params.finish()?;
    let id = known_id(&id)?;
    let after = moment.begins_after(|key| matches!(key, [Value::Int(_), Value::Id(_)]))?;
    let position = moment.position.sql();
    let statement = chains((R::CATEGORY, id), position, chain, after.as_deref(), limit + 1);
    let rows = moment.rows(&statement.text, &statement.binds).await?;
    if rows.is_empty() {
        require_known::<R>(&mut moment, id).await?;
    }
    let has_more = rows.len() > limit;
    let mut items = rows.iter().take(limit).map(sale).collect::<Result<Vec<_>, _>>()?;
    with_documents(&mut moment, &mut items).await?;
    let last = items.last().filter(|_| has_more);
    let next =
        last.map(|last| moment.cursor(vec![last.created_at.micros().into(), last.chain.into()]));
    let next = next.transpose()?;
    let page = Page { items, next, position: moment.position.to_string() };
    answer::json(&moment, &page)
}

fn sale(row: &Row) -> Result<Sale, Problem> {
    Ok(Sale {
        chain: row.id("chain_id")?,
        furthest: row.text("furthest")?.to_owned(),
        created_at: Instant::from_micros(row.int("created_at")?),
        documents: Vec::new(),
    })
}

async fn with_documents(moment: &mut Moment, sales: &mut [Sale]) -> Result<(), Problem> {
    let ids: Vec<_> = sales.iter().map(|sale| sale.chain).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let statement = documents(&ids, moment.position.sql());
    for row in moment.rows(&statement.text, &statement.binds).await? {
        let chain = row.id("chain_id")?;
        if let Some(sale) = sales.iter_mut().find(|sale| sale.chain == chain) {
            sale.documents.push(document(&row)?);
        }
    }
    Ok(())
}

fn document(row: &Row) -> Result<Document, Problem> {
    let text = |column| row.text_or_none(column).map(|text| text.map(ToOwned::to_owned));
    let currency = Currency::new(row.text("currency")?).map_err(Problem::damaged)?;
    let amount = row.int_or_none("amount")?;
    let amount = amount.map(|minor| Money::new(minor.into(), currency)).transpose();
    Ok(Document {
        category: row.text("document_type")?.to_owned(),
        id: row.id("document_id")?,
        revision: row.int("revision")?,
        number: text("number")?,
        name: text("name")?,
        state: row.text("state")?.to_owned(),
        status_reason: row.text("status_reason")?.to_owned(),
        stage: text("stage")?,
        amount: amount.map_err(Problem::damaged)?,
        owner: row.id("owner_id")?,
        created_at: Instant::from_micros(row.int("created_at")?),
    })
}
