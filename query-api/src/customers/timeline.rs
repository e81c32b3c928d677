//! Timelines: what happened around an account, a contact or an opportunity, newest first.

use axum::extract::{Path, State};
use events::{
    ActorKind, Channel, Instant,
    ids::Category,
    money::{Currency, Money},
};
use projection_service::{record::Record, table::Value};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::{
    as_of::{Sense, day_bounds},
    database::Row,
    http::{
        App,
        answer::{self, Answered, Page},
        moment::{Ask, Moment, Senses},
        params::Params,
        problem::Problem,
    },
    list::Statement,
    records::{known_id, one},
};

/// Who did it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Doer {
    kind: String,
    id: Uuid,
    /// The name of the user as of the answer's position; none for a process, or once erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

/// A record an entry is about.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct About {
    /// The kind of record.
    #[serde(rename = "type")]
    category: String,
    id: Uuid,
}

/// One entry of a timeline.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Entry {
    /// The position of the event.
    position: String,
    /// The type of the event: `opportunity.won`.
    kind: String,
    /// A short sentence.
    title: String,
    /// The record it happened to.
    record: About,
    actor: Doer,
    /// By which way: `api`, `import`, `process` or `system`.
    channel: String,
    recorded_at: Instant,
    effective_at: Instant,
    /// What it was about, where it was about money.
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<Money>,
    /// What else is worth seeing.
    #[schemars(with = "serde_json::Value")]
    details: Box<RawValue>,
}

/// What a timeline is narrowed down to.
#[derive(Debug, Default)]
pub(crate) struct Narrowed {
    pub(crate) kind: Option<String>,
    pub(crate) record_type: Option<&'static str>,
    pub(crate) channel: Option<&'static str>,
    pub(crate) actor: Option<Uuid>,
    /// From this microsecond on.
    pub(crate) from: Option<i64>,
    /// Before this microsecond.
    pub(crate) before: Option<i64>,
}

impl Narrowed {
    fn take(params: &mut Params, moment: &Moment) -> Result<Self, Problem> {
        let record_type = params.parsed("record_type", |text| {
            let category = Category::from_name(text).map(Category::name);
            category.ok_or_else(|| Problem::parameter("record_type", "is no kind of record"))
        })?;
        let channel = params.parsed("channel", |text| {
            [Channel::Api, Channel::Import, Channel::Process, Channel::System]
                .into_iter()
                .map(Channel::name)
                .find(|name| *name == text)
                .ok_or_else(|| Problem::parameter("channel", "is no way commands come in"))
        })?;
        let (from, to) = (params.day("from")?, params.day("to")?);
        Ok(Self {
            kind: params.text("kind")?,
            record_type,
            channel,
            actor: params.id("actor")?,
            from: from
                .map(|day| day_bounds(day, &moment.zone))
                .transpose()?
                .map(|day| day.0.micros()),
            before: to
                .map(|day| day_bounds(day, &moment.zone))
                .transpose()?
                .map(|day| day.1.micros()),
        })
    }
}

/// The statement of a page of one subject's timeline.
pub(crate) fn statement(
    subject: (Category, Uuid),
    sense: Sense,
    until: (i64, i64),
    narrowed: &Narrowed,
    after: Option<&[Value]>,
    limit: usize,
) -> Statement {
    let (position, instant) = until;
    let mut statement = Statement::new(
        "select e.position, e.kind, e.title, e.record_type, e.record_id, e.actor_kind, e.actor_id, \
         u.name as actor_name, e.channel, e.recorded_at, e.effective_at, e.amount, e.currency, \
         e.details from timeline_entries e left join users u on u.id = e.actor_id ",
    );
    statement.push("and u.from_position <= ? and u.to_position > ?", [position; 2]);
    let (category, id) = subject;
    statement.push(
        " where e.subject_id = ? and e.subject_type = ?",
        [Value::from(id), category.name().into()],
    );
    statement.push(" and e.position <= ?", [position]);
    let time = match sense {
        Sense::Recorded => "e.recorded_at",
        Sense::Effective => {
            statement.push(" and e.effective_at <= ?", [instant]);
            "e.effective_at"
        }
    };
    let conditions = [
        ("e.kind = ?".to_owned(), narrowed.kind.clone().map(Value::from)),
        ("e.record_type = ?".to_owned(), narrowed.record_type.map(Value::from)),
        ("e.channel = ?".to_owned(), narrowed.channel.map(Value::from)),
        ("e.actor_id = ?".to_owned(), narrowed.actor.map(Value::from)),
        (format!("{time} >= ?"), narrowed.from.map(Value::from)),
        (format!("{time} < ?"), narrowed.before.map(Value::from)),
    ];
    for (condition, value) in conditions {
        if let Some(value) = value {
            statement.push(&format!(" and {condition}"), [value]);
        }
    }
    let key = after.unwrap_or_default().to_vec();
    let order = match sense {
        Sense::Recorded => "e.position desc",
        Sense::Effective => "e.effective_at desc, e.position desc",
    };
    match (sense, after.is_some()) {
        (_, false) => {}
        (Sense::Recorded, true) => statement.push(" and e.position < ?", key),
        (Sense::Effective, true) => {
            statement.push(" and (e.effective_at, e.position) < (?, ?)", key);
        }
    }
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    statement.push(&format!(" order by {order} limit ?"), [limit]);
    statement
}

/// `GET /{records}/{id}/timeline`.
pub(crate) async fn timeline<R: Record>(
    State(app): State<App>,
    Path(id): Path<String>,
    ask: Ask,
) -> Answered {
    let (mut moment, mut params) = app.open(&ask, Senses::Both).await?;
    let limit = params.limit()?;
    let narrowed = Narrowed::take(&mut params, &moment)?;
    params.finish()?;
    let id = known_id(&id)?;
    let sense = moment.sense;
    let after = moment.begins_after(|key| match sense {
        Sense::Recorded => matches!(key, [Value::Int(_)]),
        Sense::Effective => matches!(key, [Value::Int(_), Value::Int(_)]),
    })?;
    let until = (moment.position.sql(), moment.instant.micros());
    let subject = (R::CATEGORY, id);
    let statement = statement(subject, moment.sense, until, &narrowed, after.as_deref(), limit + 1);
    let rows = moment.rows(&statement.text, &statement.binds).await?;
    if rows.is_empty() {
        require_known::<R>(&mut moment, id).await?;
    }
    let items = rows.iter().take(limit).map(entry).collect::<Result<Vec<_>, _>>()?;
    let last = rows.get(limit - 1).filter(|_| rows.len() > limit);
    let next = last.map(|row| next_key(row, moment.sense)).transpose()?;
    let next = next.map(|key| moment.cursor(key)).transpose()?;
    let page = Page { items, next, position: moment.position.to_string() };
    answer::json(&moment, &page)
}

/// Refuses a record that was never there.
pub(crate) async fn require_known<R: Record>(moment: &mut Moment, id: Uuid) -> Result<(), Problem> {
    // In the effective sense a record may have been before it was recorded: any state will do.
    let position = moment.position.sql();
    let found = moment.row(&one(R::TABLE), &[id.into(), position.into()]).await?;
    found.map(drop).ok_or_else(Problem::not_found)
}

fn next_key(row: &Row, sense: Sense) -> Result<Vec<Value>, Problem> {
    let position = Value::Int(row.int("position")?);
    Ok(match sense {
        Sense::Recorded => vec![position],
        Sense::Effective => vec![Value::Int(row.int("effective_at")?), position],
    })
}

fn entry(row: &Row) -> Result<Entry, Problem> {
    let currency = row.text_or_none("currency")?.map(Currency::new).transpose();
    let currency = currency.map_err(Problem::damaged)?;
    let amount = row.int_or_none("amount")?.zip(currency);
    let amount = amount.map(|(minor, currency)| Money::new(minor.into(), currency)).transpose();
    let actor_kind = row.text("actor_kind")?;
    let name = row.text_or_none("actor_name")?.filter(|_| actor_kind == ActorKind::User.name());
    Ok(Entry {
        position: row.int("position")?.to_string(),
        kind: row.text("kind")?.to_owned(),
        title: row.text("title")?.to_owned(),
        record: About { category: row.text("record_type")?.to_owned(), id: row.id("record_id")? },
        actor: Doer {
            kind: actor_kind.to_owned(),
            id: row.id("actor_id")?,
            name: name.map(ToOwned::to_owned),
        },
        channel: row.text("channel")?.to_owned(),
        recorded_at: Instant::from_micros(row.int("recorded_at")?),
        effective_at: Instant::from_micros(row.int("effective_at")?),
        amount: amount.map_err(Problem::damaged)?,
        details: RawValue::from_string(row.text("details")?.to_owned())?,
    })
}
