//! The moment a question is about: `as_of` and `sense`.

use events::{Instant, Position, values::Day};
use events_log::store::EventFeed;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::http::problem::Problem;

/// Which of the two times a moment is on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Sense {
    /// What we knew then.
    #[default]
    Recorded,
    /// What was true then, as far as we know today.
    Effective,
}

impl Sense {
    pub(crate) fn parse(text: Option<&str>) -> Result<Self, Problem> {
        match text {
            None | Some("recorded") => Ok(Self::Recorded),
            Some("effective") => Ok(Self::Effective),
            Some(_) => Err(Problem::parameter("sense", "is `recorded` or `effective`")),
        }
    }
}

/// What a caller wrote after `as_of=`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AsOf {
    /// Nothing: the present.
    Now,
    /// A position of the log.
    Position(Position),
    /// An instant.
    Instant(Instant),
    /// The end of a day in the organisation's zone.
    Day(Day),
}

impl AsOf {
    pub(crate) fn parse(text: Option<&str>) -> Result<Self, Problem> {
        let Some(text) = text else { return Ok(Self::Now) };
        if let Some(position) = position(text) {
            return Ok(Self::Position(position));
        }
        if let Ok(day) = Day::parse(text) {
            return Ok(Self::Day(day));
        }
        Instant::parse(text).map(Self::Instant).map_err(|_| {
            let detail = "`as_of` is a position, an instant of RFC 3339 or a day of the form \
                          YYYY-MM-DD, between 1900 and 2199";
            Problem::bad("as_of.invalid", detail)
        })
    }
}

/// A position as it was given out: decimal digits.
pub(crate) fn position(text: &str) -> Option<Position> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.then(|| text.parse::<u64>().ok()).flatten()?;
    // Beyond what SQL can hold no log ever comes.
    i64::try_from(number).is_ok().then_some(Position(number))
}

/// A moment on both times: which events count, and until when in business time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    /// The last event that counts; none where it is the last one the read models hold.
    pub(crate) position: Option<Position>,
    /// The instant that was asked for, never after now.
    pub(crate) instant: Instant,
}

fn future() -> Problem {
    Problem::refused("as_of.future", "`as_of` lies in the future")
}

fn log_begins() -> Problem {
    Problem::refused(
        "log_begins",
        "nothing was recorded at that time yet; `sense=effective` asks what was true then",
    )
}

/// When a day begins, and when the next one does.
pub(crate) fn day_bounds(day: Day, zone: &TimeZone) -> Result<(Instant, Instant), Problem> {
    let out_of_range = |_: jiff::Error| Problem::bad("as_of.invalid", "a day is out of range");
    let begin = |date: jiff::civil::Date| -> Result<Instant, Problem> {
        let midnight = date.to_zoned_datetime(zone.clone()).map_err(out_of_range)?;
        Ok(Instant::from(midnight.timestamp()))
    };
    Ok((begin(day.date())?, begin(day.date().tomorrow().map_err(out_of_range)?)?))
}

/// The last microsecond of a day.
fn end_of(day: Day, zone: &TimeZone) -> Result<Instant, Problem> {
    let (_, next) = day_bounds(day, zone)?;
    Ok(Instant::from_micros(next.micros() - 1))
}

/// Finds the moment. In the effective sense all events count that there are.
pub(crate) async fn resolve(
    as_of: AsOf,
    sense: Sense,
    now: Instant,
    zone: &TimeZone,
    feed: &dyn EventFeed,
) -> Result<Cut, Problem> {
    let instant = match as_of {
        AsOf::Now => return Ok(Cut { position: None, instant: now }),
        AsOf::Position(position) => return at_position(position, sense, feed).await,
        AsOf::Instant(instant) if instant > now => return Err(future()),
        AsOf::Instant(instant) => instant,
        AsOf::Day(day) if day > projection_service::projector::day_in(zone, now) => {
            return Err(future());
        }
        AsOf::Day(day) => end_of(day, zone)?.min(now),
    };
    let position = match sense {
        Sense::Effective => None,
        Sense::Recorded => match feed.position_at(instant).await? {
            Position::START => return Err(log_begins()),
            position => Some(position),
        },
    };
    Ok(Cut { position, instant })
}

async fn at_position(
    position: Position,
    sense: Sense,
    feed: &dyn EventFeed,
) -> Result<Cut, Problem> {
    if sense == Sense::Effective {
        let detail = "a position is no business time: `sense=effective` takes an instant or a day";
        return Err(Problem::bad("as_of.invalid", detail));
    }
    if position == Position::START {
        return Err(log_begins());
    }
    let found = feed.read(Position(position.0 - 1), 1).await?;
    let event = found.first().ok_or_else(future)?;
    Ok(Cut { position: Some(position), instant: event.recorded_at })
}

#[cfg(test)]
#[path = "as_of_tests.rs"]
mod tests;
