//! Connections: how a record is related to others, seen from its side.

use axum::extract::{Path, State};
use events::{customers::Period, ids::Category, values::Day};
use projection_service::{
    record::{Record, RecordState},
    table::Value,
};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::timeline::require_known;
use crate::{
    as_of::Sense,
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

/// A role on one side of a connection.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Role {
    id: Uuid,
    /// Its name as of the answer's position.
    name: Option<String>,
}

/// The record on the other side.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct OtherSide {
    /// The kind of record.
    #[serde(rename = "type")]
    category: String,
    id: Uuid,
    /// Its name as of the answer's position; none where it was erased.
    name: Option<String>,
    /// Its role towards this record.
    role: Option<Role>,
    description: Option<String>,
}

/// One connection, seen from the record that was asked about.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Connection {
    id: Uuid,
    /// The role of this record.
    role: Option<Role>,
    description: Option<String>,
    other: OtherSide,
    /// First day of the period that holds, or else of the one before that day.
    start: Option<Day>,
    /// Last day of that period.
    end: Option<Day>,
    /// Active on the days of its periods, Inactive on all others.
    state: RecordState,
    /// Whether its last day has passed.
    ended: bool,
}

/// Whether a period contains a day, and whether the connection is over on it: in SQL what
/// [`events::customers::Periods::standing_on`] says.
const HOLDS: &str =
    "((s.start_day is null or s.start_day <= ?) and (s.end_day is null or s.end_day >= ?))";
const IS_OVER: &str = "(s.is_last = 1 and s.end_day is not null and s.end_day < ?)";

/// The statement of a page of one record's connections, each with the period that is shown on a day.
///
/// In the effective sense a connection is there on the days on which it holds.
pub(crate) fn statement(
    record: (Category, Uuid),
    position: i64,
    (day, sense): (i64, Sense),
    narrowed: &Narrowed,
    after: Option<Uuid>,
    limit: usize,
) -> Statement {
    const JOINS: [&str; 5] = [
        "accounts a on s.other_type = 'account' and a.id = s.other_id",
        "contacts c on s.other_type = 'contact' and c.id = s.other_id",
        "opportunities o on s.other_type = 'opportunity' and o.id = s.other_id",
        "connection_roles r on r.id = s.role_id",
        "connection_roles q on q.id = s.other_role_id",
    ];
    let mut statement = Statement::new(
        "select s.connection_id, s.role_id, s.description, s.other_type, s.other_id, \
         s.other_role_id, s.other_description, s.start_day, s.end_day, s.is_last, \
         coalesce(a.name, c.name, o.name) as other_name, r.name as role_name, \
         q.name as other_role_name from connection_sides s",
    );
    for (join, alias) in JOINS.iter().zip(["a", "c", "o", "r", "q"]) {
        statement.push(
            &format!(
                " left join {join} and {alias}.from_position <= ? and {alias}.to_position > ?"
            ),
            [position; 2],
        );
    }
    let (category, id) = record;
    statement.push(
        " where s.record_id = ? and s.record_type = ?",
        [Value::from(id), category.name().into()],
    );
    statement.push(" and s.from_position <= ? and s.to_position > ?", [position; 2]);
    statement.push(" and s.shown_from <= ? and s.shown_to >= ?", [day; 2]);
    if sense == Sense::Effective {
        statement.push(&format!(" and {HOLDS}"), [day; 2]);
    }
    if let Some(role) = narrowed.other_role {
        statement.push(" and s.other_role_id = ?", [role]);
    }
    if let Some(other_type) = narrowed.other_type {
        statement.push(" and s.other_type = ?", [other_type]);
    }
    match narrowed.ended {
        Some(true) => statement.push(&format!(" and {IS_OVER}"), [day]),
        Some(false) => statement.push(&format!(" and not {IS_OVER}"), [day]),
        None => {}
    }
    if let Some(after) = after {
        statement.push(" and s.connection_id > ?", [after]);
    }
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    statement.push(" order by s.connection_id limit ?", [limit]);
    statement
}

/// What connections are narrowed down to.
#[derive(Debug, Default)]
pub(crate) struct Narrowed {
    pub(crate) other_role: Option<Uuid>,
    pub(crate) other_type: Option<&'static str>,
    pub(crate) ended: Option<bool>,
}

/// `GET /{records}/{id}/connections`.
pub(crate) async fn connections<R: Record>(
    State(app): State<App>,
    Path(id): Path<String>,
    ask: Ask,
) -> Answered {
    let (mut moment, mut params) = app.open(&ask, Senses::Both).await?;
    let limit = params.limit()?;
    let narrowed = Narrowed {
        other_role: params.id("role")?,
        other_type: params.parsed("with", |text| {
            let category = Category::from_name(text).map(Category::name);
            category.ok_or_else(|| Problem::parameter("with", "is no kind of record"))
        })?,
        ended: params.flag("ended")?,
    };
    params.finish()?;
    let id = known_id(&id)?;
    let after = moment
        .begins_after(|key| matches!(key, [Value::Id(_)]))?
        .and_then(|key| key.first().and_then(|value| value.id()));
    let record = (R::CATEGORY, id);
    let (position, on) = (moment.position.sql(), (moment.day().number(), moment.sense));
    let statement = statement(record, position, on, &narrowed, after, limit + 1);
    let rows = moment.rows(&statement.text, &statement.binds).await?;
    if rows.is_empty() {
        require_known::<R>(&mut moment, id).await?;
    }
    page(&moment, &rows, limit)
}

fn page(moment: &Moment, rows: &[Row], limit: usize) -> Answered {
    let today = moment.day();
    let items = rows.iter().take(limit).map(|row| connection(row, today));
    let items = items.collect::<Result<Vec<_>, _>>()?;
    let last = items.last().filter(|_| rows.len() > limit);
    let next = last.map(|last| moment.cursor(vec![last.id.into()])).transpose()?;
    let page = Page { items, next, position: moment.position.to_string() };
    answer::json(moment, &page)
}

fn connection(row: &Row, today: Day) -> Result<Connection, Problem> {
    let text = |column| row.text_or_none(column).map(|text| text.map(ToOwned::to_owned));
    let role = |id, name| -> Result<Option<Role>, Problem> {
        let Some(id) = row.id_or_none(id)? else { return Ok(None) };
        Ok(Some(Role { id, name: text(name)? }))
    };
    let day = |column| row.int_or_none(column).map(|day| day.and_then(Day::from_number));
    let (start, end) = (day("start_day")?, day("end_day")?);
    let holds = Period { start, end, role_a: None, role_b: None }.holds_on(today);
    let is_past = end.is_some_and(|end| end < today);
    Ok(Connection {
        id: row.id("connection_id")?,
        role: role("role_id", "role_name")?,
        description: text("description")?,
        other: OtherSide {
            category: row.text("other_type")?.to_owned(),
            id: row.id("other_id")?,
            name: text("other_name")?,
            role: role("other_role_id", "other_role_name")?,
            description: text("other_description")?,
        },
        start,
        end,
        state: if holds { RecordState::Active } else { RecordState::Inactive },
        ended: is_past && row.int("is_last")? != 0,
    })
}

#[cfg(test)]
#[path = "connections_tests.rs"]
mod tests;
