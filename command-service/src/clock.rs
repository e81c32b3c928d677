//! Whether the clock can be believed: a time that is written once cannot be taken back.
//!
//! An event is never recorded before the one in front of it. A single one that is dated years ahead
//! dates all that follow, and questions as of today miss them.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use events::{Instant, access::ClockConfirmed};

use crate::handle::Clock;

/// How far the clock may move against the time that has passed, or lie before the last event.
pub const TOLERANCE: Duration = Duration::from_mins(5);
/// How far beyond the last event the clock may be at a start.
pub const SILENCE: Duration = Duration::from_hours(366 * 24);
/// From how long a silence on a start says so.
const LONG: Duration = Duration::from_hours(24);

/// How long the machine has been running, also while it slept: what nobody can set.
pub type RunningTime = Arc<dyn Fn() -> Duration + Send + Sync>;

/// The two clocks of a machine.
#[derive(Clone)]
pub struct Clocks {
    /// The time of day.
    pub wall: Clock,
    /// How long the machine has been running.
    pub running: RunningTime,
}

impl Clocks {
    /// What both show.
    #[must_use]
    pub fn read(&self) -> Reading {
        Reading { wall: (self.wall)(), running: (self.running)() }
    }
}

/// Two clocks, read together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// What the wall clock shows, which people and programs set.
    pub wall: Instant,
    /// How long the machine has been running, which nobody sets. It goes on while the machine sleeps.
    pub running: Duration,
}

impl Reading {
    /// What the wall clock should show when the machine has been running that long.
    fn wall_after(self, running: Duration) -> Instant {
        plus(self.wall, micros(running) - micros(self.running))
    }
}

/// Why the clock is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// How it was noticed.
    pub reason: Reason,
    /// What it should show.
    pub expected: Instant,
    /// What it shows.
    pub shown: Instant,
}

/// How it is noticed that a clock is not to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It moved against the time that has passed.
    Jumped,
    /// It lies before the last event.
    Behind,
    /// At the start it lay more than a year beyond the last event.
    Beyond,
}

impl Reason {
    /// The name for operators.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Jumped => "moved against the time that has passed",
            Self::Behind => "lies before the last event",
            Self::Beyond => "lies more than 366 days beyond the last event",
        }
    }
}

/// Since when the clock is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trust {
    /// Since this reading.
    Since(Reading),
    /// Not yet: at the start it lay too far beyond the last event.
    NotYet,
}

/// What is known of the clock of one process.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    trust: Trust,
    /// The last event that was heard of.
    last: Option<Instant>,
    /// The last confirmation that was heard of: what it was taken for, and what the clock showed.
    confirmed: Option<(Instant, Instant)>,
}

impl Watch {
    /// Begins with what the clocks show at a start. `last` is when the last event was recorded; none
    /// for a log without events, which says nothing about any clock.
    #[must_use]
    pub fn begin(now: Reading, last: Option<Instant>, confirmed: Option<&ClockConfirmed>) -> Self {
        let confirmed = confirmed.map(|confirmed| (confirmed.from, confirmed.to));
        let mut watch = Self { trust: Trust::Since(now), last, confirmed };
        if watch.is_beyond(now.wall) {
            watch.trust = Trust::NotYet;
        }
        watch
    }

    /// How long the log was silent at the start, where that is worth a word.
    #[must_use]
    pub fn silence(&self) -> Option<Duration> {
        let Trust::Since(begin) = self.trust else { return None };
        let silent = begin.wall.micros().checked_sub(self.reference()?.micros())?;
        let silent = Duration::from_micros(u64::try_from(silent).ok()?);
        (silent >= LONG).then_some(silent)
    }

    /// Hears when the last event was recorded, by whomever.
    pub fn hear(&mut self, last: Instant) {
        self.last = Some(self.last.map_or(last, |known| known.max(last)));
    }

    /// Hears the last confirmation of the log; one that is new is taken as the time it is now.
    pub fn hear_confirmed(&mut self, confirmed: &ClockConfirmed, running: Duration) {
        let confirmed = (confirmed.from, confirmed.to);
        if self.confirmed != Some(confirmed) {
            self.confirmed = Some(confirmed);
            self.trust = Trust::Since(Reading { wall: confirmed.1, running });
        }
    }

    /// Whether the clock can be believed now. One that is right again is.
    pub fn judge(&mut self, now: Reading) -> Option<Doubt> {
        let doubt = |reason, expected| Some(Doubt { reason, expected, shown: now.wall });
        if let Some(last) = self.reference()
            && now.wall < plus(last, -micros(TOLERANCE))
        {
            return doubt(Reason::Behind, last);
        }
        match self.trust {
            Trust::NotYet if self.is_beyond(now.wall) => {
                doubt(Reason::Beyond, self.reference().unwrap_or(now.wall))
            }
            Trust::NotYet => {
                self.trust = Trust::Since(now);
                None
            }
            Trust::Since(begin) => {
                let expected = begin.wall_after(now.running);
                let moved = now.wall.micros().saturating_sub(expected.micros());
                let has_moved =
                    moved.unsigned_abs() > TOLERANCE.as_micros().try_into().unwrap_or(0);
                if has_moved { doubt(Reason::Jumped, expected) } else { None }
            }
        }
    }

    fn is_beyond(&self, wall: Instant) -> bool {
        self.reference().is_some_and(|last| wall > plus(last, micros(SILENCE)))
    }

    /// The time of the last event. Where a clock that went back was confirmed, what it showed then,
    /// until events are later than what the log had come to before.
    fn reference(&self) -> Option<Instant> {
        let last = self.last?;
        Some(match self.confirmed {
            Some((from, to)) if to < from && last <= from => to,
            _ => last,
        })
    }
}

/// The clock of one process, which stops where it is not to be believed.
pub struct ClockGuard {
    clocks: Clocks,
    /// None before the log was looked at.
    watch: Mutex<Option<Watch>>,
}

impl ClockGuard {
    /// Guards these clocks as soon as it has heard of a log.
    #[must_use]
    pub fn new(clocks: Clocks) -> Arc<Self> {
        Arc::new(Self { clocks, watch: Mutex::new(None) })
    }

    /// The time that may be written down: what should be shown, where what is shown is doubted.
    #[must_use]
    pub fn clock(self: &Arc<Self>) -> Clock {
        let guard = Arc::clone(self);
        Arc::new(move || {
            let now = guard.clocks.read();
            let doubt = guard.watch().as_mut().and_then(|watch| watch.judge(now));
            doubt.map_or(now.wall, |doubt| doubt.expected)
        })
    }

    /// Why the clock is not believed now.
    #[must_use]
    pub fn doubt(&self) -> Option<Doubt> {
        let now = self.clocks.read();
        self.watch().as_mut()?.judge(now)
    }

    /// Hears of a log: when its last event was recorded, and the last confirmation that it holds. The
    /// first time the guard begins; how long the log was silent is answered, where that is worth a
    /// word.
    pub fn hear(
        &self,
        last: Option<Instant>,
        confirmed: Option<&ClockConfirmed>,
    ) -> Option<Duration> {
        let now = self.clocks.read();
        let mut watch = self.watch();
        match &mut *watch {
            Some(watch) => {
                if let Some(last) = last {
                    watch.hear(last);
                }
                if let Some(confirmed) = confirmed {
                    watch.hear_confirmed(confirmed, now.running);
                }
                None
            }
            begun => begun.insert(Watch::begin(now, last, confirmed)).silence(),
        }
    }

    fn watch(&self) -> MutexGuard<'_, Option<Watch>> {
        // It is whole after every single call on it.
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

fn plus(instant: Instant, micros: i64) -> Instant {
    Instant::from_micros(instant.micros().saturating_add(micros))
}

#[cfg(test)]
#[path = "clock_tests.rs"]
mod tests;
