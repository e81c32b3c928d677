//! What every read model is: a pure fold from events to row changes against described tables.

use events::{CrmEvent, Instant, Payload, Position, Recorded, ids::KeyId, values::Day};
use jiff::tz::TimeZone;

use crate::table::{Key, Row, Table, Value};

/// One event as projectors see it: decoded, its personal values opened, erased, or unreadable.
#[derive(Clone, Copy, Debug)]
pub struct Fact<'a> {
    /// The envelope.
    pub recorded: &'a Recorded,
    /// What it says.
    pub payload: &'a Payload,
    /// The organisation's zone, in which its days begin and end.
    pub zone: &'a TimeZone,
    /// The keys of those personal values that cannot be read now; nearly always none.
    pub unreadable: &'a [KeyId],
}

impl Fact<'_> {
    /// What happened.
    #[must_use]
    pub const fn event(&self) -> &CrmEvent {
        &self.payload.event
    }

    /// Where in the log.
    #[must_use]
    pub const fn position(&self) -> Position {
        self.recorded.position
    }

    /// Business time.
    #[must_use]
    pub fn effective_at(&self) -> Instant {
        self.recorded.effective_at()
    }

    /// The business day, in the organisation's zone.
    #[must_use]
    pub fn effective_day(&self) -> Day {
        day_in(self.zone, self.effective_at())
    }
}

/// The day of an instant in a zone; days beyond the range of [`Day`] count as its nearest end.
#[must_use]
pub fn day_in(zone: &TimeZone, instant: Instant) -> Day {
    let date = zone.to_datetime(instant.timestamp()).date();
    let nearest = if date.year() < 1900 {
        jiff::civil::Date::constant(1900, 1, 1)
    } else {
        jiff::civil::Date::constant(2199, 12, 31)
    };
    Day::new(date)
        .or_else(|_| Day::new(nearest))
        .unwrap_or_else(|_| unreachable!("both ends are within the range of days"))
}

/// Rows that a projector asked for and that are not loaded yet: the loop loads them and asks again.
#[derive(Debug, Default)]
pub struct Missing(pub Vec<(&'static Table, Key)>);

/// Why an event could not be projected.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// Rows have to be loaded first. Not a failure.
    #[error("rows have to be loaded first")]
    Missing(Missing),
    /// A row does not hold what this projector once wrote. The read side stops here, loudly.
    #[error("a row of `{table}` does not hold what was written: {what}")]
    Damaged {
        /// The table.
        table: &'static str,
        /// What is wrong with it; never a personal value.
        what: String,
    },
}

/// The rows a projector may look at: the state of the read model just before the event.
pub trait Rows {
    /// The row with that key, if there is one. For history tables the open one.
    ///
    /// # Errors
    /// [`ProjectError::Missing`] when it has not been loaded yet.
    fn get(&self, table: &'static Table, key: &[Value]) -> Result<Option<Row>, ProjectError>;
}

/// One change of one row.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// The first row of its key: nothing has to be closed or replaced.
    Insert(&'static Table, Row),
    /// The row is like this from this event on, whether or not there was one.
    Put(&'static Table, Row),
    /// There is no such row from this event on.
    Remove(&'static Table, Key),
}

/// What one event changes, in order.
pub type Changes = Vec<Change>;

/// A read model.
pub trait Projector: Send + Sync {
    /// Its name, for logs and comparisons.
    fn name(&self) -> &'static str;

    /// Its tables.
    fn tables(&self) -> &'static [&'static Table];

    /// Says what an event changes, and changes nothing: the loop does, with the checkpoint, in one
    /// transaction. Pure. It may look at any table, its own or another's, and sees every table as
    /// it was just before this event.
    ///
    /// # Errors
    /// See [`ProjectError`].
    fn project(&self, fact: &Fact<'_>, rows: &dyn Rows) -> Result<Changes, ProjectError>;
}
