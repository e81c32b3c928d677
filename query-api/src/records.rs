//! What all records are asked: a page of the list, one record, every event of its stream.

use axum::extract::{Path, State};
use events::{Payload, Position, Recorded, Version, ids::StreamName, values::Day};
use projection_service::{
    projector::Fact,
    record::Record,
    table::{Table, Value},
};
use serde_json::value::RawValue;
use std::sync::Arc;
use uuid::Uuid;

use crate::{
    as_of::Sense,
    http::{
        App,
        answer::{self, Answered, Page},
        frame::Frame,
        moment::{Ask, Moment, Senses},
        problem::Problem,
    },
    list::{List, Wish},
};

/// How many events of a stream are read at once.
const BATCH: usize = 500;

/// A page of a list.
pub(crate) async fn page(app: &App, ask: &Ask, list: &'static List) -> Answered {
    let (moment, params) = app.open(ask, Senses::Recorded).await?;
    let wish = list.wish(params)?;
    answer_page(moment, list, &wish, |document| Ok(RawValue::from_string(document.to_owned())?))
        .await
}

/// Answers with the page of a list that is wished for, each document as `show` shows it.
pub(crate) async fn answer_page(
    mut moment: Moment,
    list: &'static List,
    wish: &Wish,
    show: impl Fn(&str) -> Result<Box<RawValue>, Problem>,
) -> Answered {
    let after = moment.begins_after(|key| list.fits(wish, key))?;
    let mut items: Vec<Box<RawValue>> = Vec::new();
    let mut last = None;
    let mut has_more = false;
    for part in list.parts(wish, after.as_deref()) {
        let room = wish.limit - items.len();
        let statement =
            list.statement(wish, *part, moment.position.sql(), after.as_deref(), room + 1);
        let rows = moment.rows(&statement.text, &statement.binds).await?;
        has_more = rows.len() > room;
        for row in rows.iter().take(room) {
            items.push(show(row.text("document")?)?);
        }
        if let Some(row) = rows.iter().take(room).next_back() {
            last = Some(vec![row.value("sorted_by")?, Value::Id(row.id("id")?)]);
        }
        if has_more {
            break;
        }
    }
    let next = last.filter(|_| has_more).map(|key| moment.cursor(key)).transpose()?;
    let page = Page { items, next, position: moment.position.to_string() };
    answer::json(&moment, &page)
}

/// The statement that reads one record as of a position.
pub(crate) fn one(table: &Table) -> String {
    format!(
        "select document, version from {} where id = $1 and from_position <= $2 and to_position > $2",
        table.name
    )
}

/// One record, in either sense.
pub(crate) async fn record<R: Record>(
    State(app): State<App>,
    Path(id): Path<String>,
    ask: Ask,
) -> Answered {
    let (mut moment, params) = app.open(&ask, Senses::Both).await?;
    params.finish()?;
    let id = known_id(&id)?;
    if moment.sense == Sense::Effective {
        let stream = StreamName { category: R::CATEGORY, id };
        // It is read from the log.
        let frame = moment.release();
        let record: R = as_effective(&app, &frame, stream).await?.ok_or_else(Problem::not_found)?;
        let shown = shown_on(&record, frame.day())?;
        let document = shown.map_or_else(|| serde_json::to_string(&record), Ok)?;
        require_readable(stream, &document)?;
        return answer::document(&frame, &document, None);
    }
    let binds = [Value::Id(id), Value::Int(moment.position.sql())];
    let row = moment.row(&one(R::TABLE), &binds).await?.ok_or_else(Problem::not_found)?;
    let version = u64::try_from(row.int("version")?).ok().map(Version);
    let version = version.filter(|_| moment.is_present);
    let document = row.text("document")?;
    require_readable(StreamName { category: R::CATEGORY, id }, document)?;
    if !R::GOES_BY_THE_DAY {
        return answer::document(&moment, document, version);
    }
    let shown = shown_on(&serde_json::from_str::<R>(document)?, moment.day())?;
    answer::document(&moment, shown.as_deref().unwrap_or(document), version)
}

fn shown_on<R: Record>(record: &R, day: Day) -> Result<Option<String>, Problem> {
    Ok(record.shown_on(day).transpose()?)
}

/// Refuses a record of which something cannot be read now: half of it would be taken for all. Lists
/// show it, and name the fields.
fn require_readable(record: StreamName, document: &str) -> Result<(), Problem> {
    // Within a text of the document the quotation marks are escaped.
    let is_readable = !document.contains("\"unreadable\":[");
    if is_readable { Ok(()) } else { Err(Problem::unreadable(record)) }
}

/// An id of a path. One that is none names no record.
pub(crate) fn known_id(text: &str) -> Result<Uuid, Problem> {
    Uuid::try_parse(text).ok().filter(|_| text.len() == 36).ok_or_else(Problem::not_found)
}

/// The whole stream up to a position.
pub(crate) async fn stream_until(
    app: &App,
    stream: StreamName,
    until: Position,
) -> Result<Vec<Arc<Recorded>>, Problem> {
    let mut all: Vec<Arc<Recorded>> = Vec::new();
    loop {
        let after = all.last().map_or(Version::NONE, |event| event.version);
        let batch = app.streams.read_stream(stream, after, BATCH).await?;
        let is_last = batch.len() < BATCH;
        all.extend(batch.into_iter().filter(|event| event.position <= until));
        if is_last || all.last().is_none_or(|event| event.version.0 < after.0 + 1) {
            return Ok(all);
        }
    }
}

/// Decodes events and opens their personal values.
pub(crate) async fn opened(app: &App, events: &[Arc<Recorded>]) -> Result<Vec<Payload>, Problem> {
    let payloads = events.iter().map(|recorded| Payload::decode(&recorded.event));
    let mut payloads = payloads.collect::<Result<Vec<_>, _>>()?;
    app.unsealer.unseal(&mut payloads).await?;
    Ok(payloads)
}

/// The record as its events say it was, in the order of business time.
async fn as_effective<R: Record>(
    app: &App,
    frame: &Frame,
    stream: StreamName,
) -> Result<Option<R>, Problem> {
    let events = stream_until(app, stream, frame.position).await?;
    let payloads = opened(app, &events).await?;
    let facts: Vec<_> = events
        .iter()
        .zip(&payloads)
        .map(|(recorded, payload)| Fact { recorded, payload, zone: &frame.zone, unreadable: &[] })
        .collect();
    Ok(R::as_effective(&facts, frame.instant))
}
