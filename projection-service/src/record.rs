//! What all record states have in common: one stream folded into one document and its columns.

use events::{
    CrmEvent, Instant,
    access::UserEvent,
    customers::{AccountEvent, ConnectionEvent, ContactEvent},
    ids::Category,
    sales::{OpportunityEvent, QuoteEvent},
    values::Day,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::{
    projector::{Change, Changes, Fact, ProjectError, Rows},
    table::{Row, Table, Value},
};

pub use crate::erased::Erased;

/// The published name of a variant without content: the same in columns, documents and events.
pub(crate) fn serde_name<T: Serialize>(variant: &T) -> String {
    match serde_json::to_value(variant) {
        Ok(serde_json::Value::String(name)) => name,
        Ok(_) | Err(_) => String::new(),
    }
}

/// Whether a record is in use: Dynamics's `statecode` of accounts, contacts and users.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RecordState {
    /// In use.
    #[default]
    Active,
    /// Out of use, readable.
    Inactive,
}

impl RecordState {
    /// The name as it is shown and stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "Active",
            Self::Inactive => "Inactive",
        }
    }
}

/// Declares the document of a record: its own fields, and what every record shows.
macro_rules! record {
    ($(#[$meta:meta])* $name:ident($id:ty) {
        $($(#[$field_meta:meta])* $field:ident: $type:ty,)*
    }) => {
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        $(#[$meta])*
        pub struct $name {
            /// Its id.
            pub id: $id,
            $($(#[$field_meta])* pub $field: $type,)*
            /// How many events made it what it is.
            pub version: events::Version,
            /// When its first event was recorded.
            pub created_at: events::Instant,
            /// Who made it.
            pub created_by: events::Actor,
            /// When its last event was recorded.
            pub changed_at: events::Instant,
            /// Who changed it last.
            pub changed_by: events::Actor,
            /// The personal fields whose values cannot be read.
            #[serde(flatten)]
            pub erased: crate::record::Erased,
        }

        impl $name {
            fn stamped(mut self, fact: &crate::projector::Fact<'_>) -> Self {
                self.version = fact.recorded.version;
                self.changed_at = fact.recorded.recorded_at;
                self.changed_by = fact.recorded.event.cause.actor;
                self
            }
        }
    };
}
pub(crate) use record;

/// A record whose whole state follows from its own stream.
pub trait Record: Serialize + DeserializeOwned + Sized {
    /// The category of its streams.
    const CATEGORY: Category;
    /// The table of its states: key `id`, last column `document`.
    const TABLE: &'static Table;
    /// Whether what an answer shows of it goes by the day of the question (see [`Self::shown_on`]).
    const GOES_BY_THE_DAY: bool = false;

    /// The record after an event of its stream. Pure; events before the first one say nothing.
    fn fold(before: Option<Self>, fact: &Fact<'_>) -> Option<Self>;

    /// The columns between the key and the document, in described order.
    fn columns(&self) -> Vec<Value>;

    /// The record as it was true at a moment, by all the events of its stream. None before it began.
    #[must_use]
    fn as_effective(facts: &[Fact<'_>], moment: Instant) -> Option<Self> {
        happened_by(facts, moment).iter().fold(None, Self::fold)
    }

    /// The JSON in which an answer shows it on a day, where what is shown goes by the day; none where
    /// it is the document as it is kept.
    fn shown_on(&self, _: Day) -> Option<Result<String, serde_json::Error>> {
        None
    }
}

/// The events of one stream, each with the instant from which it counts, in the order in which they
/// hold in business time.
///
/// A record begins no later than the first thing that happened to it: its first event counts from
/// the earliest time of them all, every other from its own. Later records win on the same instant.
/// Beginnings and ends (won, lost, opened again, ..) stay in the order in which they were recorded:
/// each was decided on the state that the one before it had made, so a deal that is opened again and
/// won anew stays won, whatever day is given for it.
#[must_use]
pub fn business_order<'a>(facts: &[Fact<'a>]) -> Vec<(Instant, Fact<'a>)> {
    let first = facts.iter().map(Fact::position).min();
    let begin = facts.iter().map(Fact::effective_at).min();
    let counts_from = |fact: &Fact<'_>| match begin {
        Some(begin) if Some(fact.position()) == first => begin,
        _ => fact.effective_at(),
    };
    let mut ordered: Vec<_> = facts.iter().map(|fact| (counts_from(fact), *fact)).collect();
    ordered.sort_by_key(|(from, fact)| (*from, fact.position()));
    let turns: Vec<_> = (0_usize..)
        .zip(&ordered)
        .filter(|(_, (_, fact))| is_turn(fact.event()))
        .map(|(place, _)| place)
        .collect();
    let mut as_recorded: Vec<_> = turns.iter().filter_map(|i| ordered.get(*i).copied()).collect();
    as_recorded.sort_by_key(|(_, fact)| fact.position());
    for (index, fact) in turns.into_iter().zip(as_recorded) {
        if let Some(place) = ordered.get_mut(index) {
            *place = fact;
        }
    }
    ordered
}

/// Those events of one stream that had happened by a moment of business time, in the order in which
/// they hold (see [`business_order`]). Folded, they give the record in the effective sense.
#[must_use]
pub fn happened_by<'a>(facts: &[Fact<'a>], moment: Instant) -> Vec<Fact<'a>> {
    let ordered = business_order(facts).into_iter();
    ordered.filter(|(from, _)| *from <= moment).map(|(_, fact)| fact).collect()
}

/// Whether an event can only follow what was recorded just before it in its stream.
const fn is_turn(event: &CrmEvent) -> bool {
    match event {
        CrmEvent::Account(event) => matches!(
            event,
            AccountEvent::Deactivated(_)
                | AccountEvent::Reactivated(_)
                | AccountEvent::PrimaryContactSet(_)
                | AccountEvent::PrimaryContactReplaced(_)
                | AccountEvent::PrimaryContactCleared(_)
        ),
        CrmEvent::Contact(event) => {
            matches!(event, ContactEvent::Deactivated(_) | ContactEvent::Reactivated(_))
        }
        CrmEvent::Connection(event) => {
            matches!(event, ConnectionEvent::Ended(_) | ConnectionEvent::Reinstated(_))
        }
        CrmEvent::Opportunity(event) => matches!(
            event,
            OpportunityEvent::Won(_) | OpportunityEvent::Lost(_) | OpportunityEvent::Reopened(_)
        ),
        CrmEvent::User(event) => matches!(event, UserEvent::Disabled(_) | UserEvent::Enabled(_)),
        // Lines, prices and revisions build on each other.
        CrmEvent::Quote(event) => {
            !matches!(event, QuoteEvent::Started(_) | QuoteEvent::OwnerAssigned(_))
        }
        CrmEvent::ConnectionRole(_)
        | CrmEvent::Order(_)
        | CrmEvent::Note(_)
        | CrmEvent::Token(_)
        | CrmEvent::Organization(_)
        | CrmEvent::Numbering(_)
        | CrmEvent::Administration(_) => false,
    }
}

/// What cannot be: a row that a projector wrote and cannot read.
#[must_use]
pub fn damaged(table: &'static Table, what: impl Into<String>) -> ProjectError {
    ProjectError::Damaged { table: table.name, what: what.into() }
}

/// The value of a column.
///
/// # Errors
/// When the table has no such column.
pub fn cell<'r>(
    table: &'static Table,
    row: &'r Row,
    column: &str,
) -> Result<&'r Value, ProjectError> {
    table
        .index_of(column)
        .and_then(|index| row.get(index))
        .ok_or_else(|| damaged(table, format!("no column `{column}`")))
}

/// Reads the JSON document of a row.
///
/// # Errors
/// When the row holds none, or one of another shape. The message never repeats a value.
pub fn document<T: DeserializeOwned>(table: &'static Table, row: &Row) -> Result<T, ProjectError> {
    let text = cell(table, row, "document")?.text();
    let text = text.ok_or_else(|| damaged(table, "the document is no text"))?;
    serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        damaged(table, format!("the document is unreadable at {line}:{column}"))
    })
}

/// Writes a JSON document.
///
/// # Errors
/// When a map has keys that JSON does not know; no document has.
pub fn written<T: Serialize>(table: &'static Table, document: &T) -> Result<Value, ProjectError> {
    serde_json::to_string(document)
        .map(Value::from)
        .map_err(|_| damaged(table, "the document cannot be written"))
}

/// The record as it was just before the event.
///
/// # Errors
/// See [`ProjectError`].
pub fn load<R: Record>(rows: &dyn Rows, id: Uuid) -> Result<Option<R>, ProjectError> {
    let row = rows.get(R::TABLE, &[id.into()])?;
    row.as_ref().map(|row| document(R::TABLE, row)).transpose()
}

/// The record just before and just after an event of its stream.
///
/// # Errors
/// See [`ProjectError`].
pub fn step<R: Record + Clone>(
    fact: &Fact<'_>,
    rows: &dyn Rows,
) -> Result<(Option<R>, Option<R>), ProjectError> {
    let before = load::<R>(rows, fact.recorded.stream.id)?;
    let after = R::fold(before.clone(), fact);
    Ok((before, after))
}

/// What an event changes in the table of a record's states: one row, or nothing.
///
/// # Errors
/// See [`ProjectError`].
pub fn project_record<R: Record>(
    fact: &Fact<'_>,
    rows: &dyn Rows,
) -> Result<Changes, ProjectError> {
    if fact.event().category() != R::CATEGORY {
        return Ok(Changes::new());
    }
    let id = fact.recorded.stream.id;
    let before = load::<R>(rows, id)?;
    let is_first = before.is_none();
    let Some(after) = R::fold(before, fact) else { return Ok(Changes::new()) };
    let mut row = vec![Value::from(id)];
    row.extend(after.columns());
    row.push(written(R::TABLE, &after)?);
    let row = Row::from(row);
    let change = if is_first { Change::Insert(R::TABLE, row) } else { Change::Put(R::TABLE, row) };
    Ok(vec![change])
}

/// A name as it is searched for: lower case.
#[must_use]
pub fn folded(text: &str) -> String {
    text.to_lowercase()
}

/// The column of a day: its number.
#[must_use]
pub fn day_value(day: Option<Day>) -> Value {
    day.map(Day::number).into()
}

/// The two columns that name a record of a few kinds: its type and its id.
#[must_use]
pub fn reference_values<R: Into<events::ids::RecordRef>>(reference: Option<R>) -> [Value; 2] {
    let reference = reference.map(Into::into);
    [reference.map(|r| r.category.name()).into(), reference.map(|r| r.id).into()]
}

/// Declares the projector of a record's states.
macro_rules! record_projector {
    ($(#[$meta:meta])* $projector:ident, $record:ty, $name:literal) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug)]
        pub struct $projector;

        impl crate::projector::Projector for $projector {
            fn name(&self) -> &'static str {
                $name
            }

            fn tables(&self) -> &'static [&'static crate::table::Table] {
                const TABLES: &[&crate::table::Table] =
                    &[<$record as crate::record::Record>::TABLE];
                TABLES
            }

            fn project(
                &self,
                fact: &crate::projector::Fact<'_>,
                rows: &dyn crate::projector::Rows,
            ) -> Result<crate::projector::Changes, crate::projector::ProjectError> {
                crate::record::project_record::<$record>(fact, rows)
            }
        }
    };
}
pub(crate) use record_projector;

/// The column of a version. Versions never come near the limit of an `i64`.
#[must_use]
pub fn version_value(version: events::Version) -> Value {
    Value::Int(i64::try_from(version.0).unwrap_or(i64::MAX))
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
