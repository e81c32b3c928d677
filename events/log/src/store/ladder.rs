//! The ladder of formats: how a log of an older build is carried over when it is opened.
//!
//! Each rung raises the format by one. The first transaction of a rung says the new format, so that an
//! older build refuses the log from then on, also a half-carried one; it also says in `meta` where the
//! carrying stands. Every further transaction does a bounded piece and moves that place. Whoever opens
//! the log after a crash goes on there.
//!
//! A log that is made now is made in the first format and climbs like any other: there is one way to
//! each format, and its tables have one shape.

use std::sync::Arc;

/// The format of a log that this build writes.
pub const FORMAT: u32 = 2;
/// The line of `meta` that is there while a log is being carried over: the place, as
/// [`Place::text`] writes it.
pub(crate) const CARRY: &str = "carry";
/// How many rows one transaction of the carrying changes.
pub(crate) const BATCH: u64 = if cfg!(test) { 8 } else { 4_096 };

/// How far the carrying of a log is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    /// The format it is carried to.
    pub to: u32,
    /// What is being done: `events`, `ledger`, `attempts`.
    pub what: &'static str,
    /// How many rows of those are done.
    pub done: u64,
    /// How many there are, as far as that is known.
    pub total: u64,
}

/// Hears how far the carrying is, after each of its transactions.
pub type Hear = Arc<dyn Fn(&Carried) + Send + Sync>;

/// One who does not listen.
#[must_use]
pub fn unheard() -> Hear {
    Arc::new(|_| {})
}

/// Where the first rung stands: it links each event to the one before it in its stream, and gives
/// lines of the ledger, attempts and checkpoints their checksums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Events up to this position are linked.
    Events(u64),
    /// So many lines of the ledger, up to the command of this id, have checksums.
    Ledger(u64, Option<uuid::Uuid>),
    /// Attempts up to this number have checksums.
    Attempts(u64),
}

impl Place {
    /// Where it begins.
    pub(crate) const START: Self = Self::Events(0);

    /// As `meta` keeps it.
    pub(crate) fn text(self) -> String {
        match self {
            Self::Events(done) => format!("events {done}"),
            Self::Ledger(done, None) => format!("ledger {done}"),
            Self::Ledger(done, Some(last)) => format!("ledger {done} {last}"),
            Self::Attempts(done) => format!("attempts {done}"),
        }
    }

    /// What [`Place::text`] wrote; none where it did not.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let (table, done) = (words.next()?, words.next()?.parse().ok()?);
        let last = words.next();
        if words.next().is_some() {
            return None;
        }
        match (table, last) {
            ("events", None) => Some(Self::Events(done)),
            ("ledger", None) => Some(Self::Ledger(done, None)),
            ("ledger", Some(last)) => Some(Self::Ledger(done, Some(last.parse().ok()?))),
            ("attempts", None) => Some(Self::Attempts(done)),
            _ => None,
        }
    }

    /// As it is told.
    pub(crate) const fn told(self, total: u64) -> Carried {
        let (what, done) = match self {
            Self::Events(done) => ("events", done),
            Self::Ledger(done, _) => ("ledger", done),
            Self::Attempts(done) => ("attempts", done),
        };
        Carried { to: FORMAT, what, done, total }
    }
}

#[cfg(test)]
#[path = "ladder_tests.rs"]
mod tests;
