//! The law of admission: whether one more may wait, judged by how long those before it had to.
//!
//! `CoDel`'s observation (RFC 8289): a long queue is no sign of overload, a queue that is never short
//! is. So the *least* wait of each interval counts. A burst that drains leaves a short wait behind it
//! and nobody is refused; when even the luckiest request of an interval waited longer than the target,
//! more comes in than goes out, and waiting longer would help nobody. From then on only as many may
//! wait as are served within the target, at the rate that was measured, and the newest are refused at
//! once. Whoever was let in to wait is served.
//!
//! Pure: the time is an argument, as the time since any fixed moment.

use std::time::Duration;

/// What is aimed at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Aim {
    /// How long the luckiest request of an interval may wait.
    pub(super) target: Duration,
    /// Over how long the least wait is looked at.
    pub(super) interval: Duration,
    /// How many may wait in any case, so that the rate is known also of what is slow.
    pub(super) least_room: usize,
    /// How many may wait at most: what bounds the memory.
    pub(super) most_room: usize,
}

/// How many turns were given in an interval, and how long the luckiest waited for it.
#[derive(Clone, Copy, Debug, Default)]
struct Interval {
    begun: Duration,
    least: Option<Duration>,
    turns: u64,
}

/// Judges by the waits of the interval before.
#[derive(Debug)]
pub(super) struct Controller {
    aim: Aim,
    now: Interval,
    is_overloaded: bool,
    /// How many may wait while it is overloaded.
    room: usize,
}

impl Controller {
    pub(super) fn new(aim: Aim) -> Self {
        Self { aim, now: Interval::default(), is_overloaded: false, room: aim.most_room }
    }

    /// A request got its turn after it had waited that long. `oldest` is how long the first of those
    /// who still wait has waited.
    pub(super) fn turn(&mut self, now: Duration, waited: Duration, oldest: Option<Duration>) {
        self.look(now, oldest);
        self.now.turns += 1;
        self.now.least = Some(self.now.least.map_or(waited, |least| least.min(waited)));
    }

    /// How many may wait now.
    pub(super) fn room(&mut self, now: Duration, oldest: Option<Duration>) -> usize {
        self.look(now, oldest);
        if self.is_overloaded { self.room } else { self.aim.most_room }
    }

    /// Whether even the luckiest waited too long.
    #[cfg(test)]
    pub(super) const fn is_overloaded(&self) -> bool {
        self.is_overloaded
    }

    /// Judges the interval when it is over.
    fn look(&mut self, now: Duration, oldest: Option<Duration>) {
        let took = now.saturating_sub(self.now.begun);
        if took < self.aim.interval {
            return;
        }
        // Where nobody got a turn, whoever waits has waited at least that long.
        let least = self.now.least.or(oldest).unwrap_or_default();
        // Who stands at the brink is not judged anew each time: relief must be plain.
        let limit = if self.is_overloaded { self.aim.target / 4 } else { self.aim.target };
        self.is_overloaded = least > limit;
        let served = u128::from(self.now.turns) * self.aim.target.as_micros();
        let within_target = served / took.as_micros().max(1);
        self.room = usize::try_from(within_target)
            .unwrap_or(usize::MAX)
            .clamp(self.aim.least_room, self.aim.most_room);
        self.now = Interval { begun: now, ..Interval::default() };
    }
}

#[cfg(test)]
#[path = "controller_tests.rs"]
mod tests;
