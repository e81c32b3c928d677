//! What an answer says of itself: at which position of which log it holds, and how it goes on.

use events::{Instant, Position, ids::LogId, values::Day};
use jiff::tz::TimeZone;
use projection_service::{projector::day_in, table::Value};

use super::problem::Problem;
use crate::{
    as_of::Sense,
    cursor::{self, Place, Question},
};

/// What an answer says of itself.
pub(crate) struct Frame {
    /// The last event that counts.
    pub(crate) position: Position,
    /// Where the log ended when the question came in; none where it could not be asked.
    pub(crate) head: Option<Position>,
    /// Until when, in business time.
    pub(crate) instant: Instant,
    /// Which time the question is on.
    pub(crate) sense: Sense,
    /// Whether the caller asked for the present.
    pub(crate) is_present: bool,
    /// The zone in which the organisation's days begin and end.
    pub(crate) zone: TimeZone,
    pub(crate) log: LogId,
    pub(super) question: Question,
    /// Where the page begins; none on the first page.
    pub(super) after: Option<Vec<Value>>,
}

impl Frame {
    /// The day of the instant the question is about.
    pub(crate) fn day(&self) -> Day {
        day_in(&self.zone, self.instant)
    }

    /// The key that the page begins after, if it is not the first. How a cursor is made is no secret:
    /// a key that `fits` does not know was made up.
    pub(crate) fn begins_after(
        &mut self,
        fits: impl FnOnce(&[Value]) -> bool,
    ) -> Result<Option<Vec<Value>>, Problem> {
        let after = self.after.take();
        if after.as_deref().is_none_or(fits) { Ok(after) } else { Err(cursor::invalid()) }
    }

    /// The cursor of the page that begins after `key`.
    pub(crate) fn cursor(&self, key: Vec<Value>) -> Result<String, Problem> {
        let place = Place { position: self.position, instant: self.instant, key };
        self.question.cursor(&place)
    }
}
