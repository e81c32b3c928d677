//! The statements that add up the revenue ledger, and what narrows it down.

use projection_service::table::Value;
use uuid::Uuid;

use super::checkpoints::Measures;
use crate::{
    database::{DatabaseError, Row},
    list::Statement,
};

/// By what sums are split, besides the currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// Not at all.
    Nothing,
    Account,
    Contact,
    Owner,
    Manager,
    Office,
    Period,
    Stage,
    State,
    Product,
}

impl By {
    /// Every way to split, in the order of the documentation.
    pub(crate) const ALL: [(Self, &'static str); 12] = [
        (Self::Nothing, "none"),
        (Self::Nothing, "currency"),
        (Self::Account, "account"),
        (Self::Contact, "contact"),
        (Self::Owner, "owner"),
        (Self::Manager, "manager"),
        (Self::Office, "office"),
        (Self::Period, "period"),
        (Self::Period, "month"),
        (Self::Stage, "stage"),
        (Self::State, "state"),
        (Self::Product, "product"),
    ];

    /// What a sum is grouped by.
    const fn key(self) -> &'static str {
        match self {
            Self::Nothing => "null",
            Self::Account => "case when d.customer_type = 'account' then d.customer_id end",
            Self::Contact => {
                "coalesce(d.contact_id, \
                 case when d.customer_type = 'contact' then d.customer_id end)"
            }
            Self::Owner => "d.owner_id",
            Self::Manager => "u.manager_id",
            Self::Office => "u.office",
            Self::Period => "d.period",
            Self::Stage => "d.stage",
            Self::State => "d.state",
            Self::Product => "d.product",
        }
    }

    /// The ways to split whose sums are kept in memory: there are few groups, and they follow from
    /// the ledger alone.
    pub(crate) const KEPT: [Self; 6] =
        [Self::Nothing, Self::Owner, Self::Period, Self::Stage, Self::State, Self::Product];

    /// The column of the ledger that is the key, where one column is.
    pub(crate) const fn column(self) -> Option<&'static str> {
        match self {
            Self::Owner => Some("owner_id"),
            Self::Period => Some("period"),
            Self::Stage => Some("stage"),
            Self::State => Some("state"),
            Self::Product => Some("product"),
            Self::Nothing | Self::Account | Self::Contact | Self::Manager | Self::Office => None,
        }
    }

    /// The table in which the names of the keys are, where the keys are ids.
    pub(crate) const fn names(self) -> Option<&'static str> {
        match self {
            Self::Account => Some("accounts"),
            Self::Contact => Some("contacts"),
            Self::Owner | Self::Manager => Some("users"),
            Self::Nothing
            | Self::Office
            | Self::Period
            | Self::Stage
            | Self::State
            | Self::Product => None,
        }
    }
}

/// Whose revenue is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Party {
    /// An account, as the customer.
    Account(Uuid),
    /// An account with all that belong to it, directly or not.
    Subtree(Uuid),
    /// A contact, as the customer or as the person to talk to.
    Contact(Uuid),
}

/// What the ledger is narrowed down to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Narrowed {
    pub(crate) party: Option<Party>,
    /// Plain comparisons: a condition with one `?`, and its value.
    pub(crate) conditions: Vec<(&'static str, Value)>,
}

/// The measures, in the order in which they are selected.
pub(crate) const MEASURES: [&str; 9] = [
    "open_count",
    "open_amount",
    "weighted_amount",
    "weighted_millionths",
    "booked_count",
    "booked_amount",
    "won_count",
    "won_amount",
    "lost_count",
];

/// How many bits the lower half of a sum has: two thousand million lines fit into each half.
const HALF: u32 = 32;

/// The lines of the ledger between two positions.
pub(crate) fn block(after: i64, until: i64) -> Statement {
    let mut columns = vec!["business_day", "currency"];
    columns.extend(By::KEPT.iter().filter_map(|by| by.column()));
    columns.extend(MEASURES);
    let columns = columns.join(", ");
    let mut statement = Statement::new(&format!("select {columns} from revenue_deltas where "));
    statement.push("position > ? and position <= ?", [after, until]);
    statement
}

/// The sums of the measures, each in two halves: sums of many large amounts do not fit into one
/// `bigint`. The lower half of a line is its lowest [`HALF`] bits, the upper one is the rest.
fn measures() -> String {
    let lowest = (1_i64 << HALF) - 1;
    let halves = |name| {
        format!(
            "cast(sum(d.{name} >> {HALF}) as bigint) as {name}_upper, \
             cast(sum(d.{name} & {lowest}) as bigint) as {name}_lower"
        )
    };
    MEASURES.map(halves).join(", ")
}

/// The sums of a row that [`sums`] gave.
pub(crate) fn summed(row: &Row) -> Result<Measures, DatabaseError> {
    let mut measures: Measures = [0; MEASURES.len()];
    for (place, name) in measures.iter_mut().zip(MEASURES) {
        let half = |which: &str| row.int(&format!("{name}_{which}")).map(i128::from);
        *place = (half("upper")? << HALF) + half("lower")?;
    }
    Ok(measures)
}

/// The sums of the ledger up to a position and a business day, by key and currency.
///
/// Only lines after the position `after` count: those before are known already.
pub(crate) fn sums(by: By, after: i64, position: i64, day: i64, narrowed: &Narrowed) -> Statement {
    let mut statement = Statement::default();
    if let Some(Party::Subtree(root)) = narrowed.party {
        // `union` ends also where two crossing changes have made a loop.
        statement.text.push_str("with recursive subtree (id) as (");
        statement.push("select a.id from accounts a where a.id = ?", [root]);
        statement.push(" and a.from_position <= ? and a.to_position > ?", [position; 2]);
        statement.text.push_str(
            " union select a.id from accounts a join subtree s on a.parent_id = s.id where ",
        );
        statement.push("a.from_position <= ? and a.to_position > ?) ", [position; 2]);
    }
    let key = by.key();
    statement.text.push_str(&format!(
        "select {key} as key, d.currency, {} from revenue_deltas d",
        measures()
    ));
    let needs_user = matches!(by, By::Manager | By::Office)
        || narrowed.conditions.iter().any(|(condition, _)| condition.starts_with("u."));
    if needs_user {
        statement.push(
            " left join users u on u.id = d.owner_id and u.from_position <= ? \
             and u.to_position > ?",
            [position; 2],
        );
    }
    statement.push(" where d.position <= ? and d.business_day <= ?", [position, day]);
    if after > 0 {
        statement.push(" and d.position > ?", [after]);
    }
    match narrowed.party {
        None => {}
        Some(Party::Account(id)) => statement.push(" and d.customer_id = ?", [id]),
        Some(Party::Subtree(_)) => {
            statement.text.push_str(" and d.customer_id in (select id from subtree)");
        }
        Some(Party::Contact(id)) => {
            statement.push(" and (d.customer_id = ? or d.contact_id = ?)", [id; 2]);
        }
    }
    for (condition, value) in &narrowed.conditions {
        statement.push(&format!(" and {condition}"), [value.clone()]);
    }
    let group = if by == By::Nothing { String::new() } else { format!("{key}, ") };
    statement.text.push_str(&format!(" group by {group}d.currency"));
    statement
}

/// The names that ids had at a position.
pub(crate) fn names(table: &str, ids: &[Uuid], position: i64) -> Statement {
    let mut statement = Statement::new(&format!("select id, name from {table} where "));
    statement.push("from_position <= ? and to_position > ?", [position; 2]);
    let marks = vec!["?"; ids.len()].join(", ");
    statement.push(&format!(" and id in ({marks})"), ids.iter().copied());
    statement
}
