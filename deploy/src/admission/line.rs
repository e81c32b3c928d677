//! Who is in work, who waits, and whose turn is next. Pure: no clock, no waiting.
//!
//! Each token has a line of its own and the lines take turns, so that one token that asks for more than
//! the service has to give makes the others wait for one request of its own at most, not for all of
//! them. Within a token the first comes first: whoever was let in to wait waits no longer than the
//! target (`controller`), so nobody gains by overtaking.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use super::controller::{Aim, Controller};

/// Whose line: a hash of a token that was found valid lately. All others share one line, so that
/// nobody gets more by inventing tokens.
pub(super) type Whose = u64;

/// The line of all whose token is not known to be valid.
pub(super) const UNPROVEN: Whose = 0;

/// Somebody who waits.
struct Waiter<W> {
    waiter: W,
    since: Duration,
    weight: usize,
    /// How many had come to wait before.
    number: u64,
}

/// What a request hears when it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// It is in work.
    In,
    /// It may wait.
    Wait,
    /// The service is overloaded: 503.
    Overloaded,
    /// There is room for others, which this token took more than its share of: 429.
    BeyondShare,
}

/// Places in work, and lines before them.
pub(super) struct Line<W> {
    /// How many are in work at a time. One that counts for more is let in where there is one place:
    /// what it takes beyond them is paid back before the next one is let in.
    places: usize,
    in_work: usize,
    controller: Controller,
    /// Who was in work before and left only to wait for something else. They are not refused.
    back: VecDeque<Waiter<W>>,
    /// Whether the last turn was for one of those. The others get every second one: where all who are
    /// let in leave at once, those who come back would otherwise be all that is done.
    was_back: bool,
    lines: HashMap<Whose, VecDeque<Waiter<W>>>,
    /// Whose turn it is: all who have a line, each once.
    turns: VecDeque<Whose>,
    waiting: usize,
    /// All who wait, in the order in which they came; some that do not any more.
    order: VecDeque<(u64, Whose)>,
    came: u64,
}

impl<W> Line<W> {
    pub(super) fn new(places: usize, mut aim: Aim) -> Self {
        // Work may end all at once (a group commit): then nobody is idle for want of who waits.
        aim.least_room = aim.least_room.max(places).min(aim.most_room);
        Self {
            places,
            in_work: 0,
            controller: Controller::new(aim),
            back: VecDeque::new(),
            was_back: false,
            lines: HashMap::new(),
            turns: VecDeque::new(),
            waiting: 0,
            order: VecDeque::new(),
            came: 0,
        }
    }

    /// A request comes. It is in work when this says so; where it may wait, [`Line::wait`] is next.
    pub(super) fn come(&mut self, now: Duration, whose: Whose, weight: usize) -> Heard {
        if self.is_free() {
            self.in_work += weight;
            self.controller.turn(now, Duration::ZERO, None);
            return Heard::In;
        }
        let oldest = self.oldest(now);
        let room = self.controller.room(now, oldest);
        if self.waiting < room {
            return Heard::Wait;
        }
        // With the lines full, whoever has less than an equal part of them is let in even so.
        let mine = self.lines.get(&whose).map_or(0, VecDeque::len);
        let lines = self.lines.len() + usize::from(mine == 0);
        if mine < room / lines {
            Heard::Wait
        } else if lines > 1 && mine > 0 && whose != UNPROVEN {
            // Nobody hears that it is their share where strangers stand in the same line.
            Heard::BeyondShare
        } else {
            Heard::Overloaded
        }
    }

    /// Puts a request that may wait at the end of its token's line.
    pub(super) fn wait(&mut self, now: Duration, whose: Whose, weight: usize, waiter: W) {
        let line = self.lines.entry(whose).or_default();
        if line.is_empty() {
            self.turns.push_back(whose);
        }
        line.push_back(Waiter { waiter, since: now, weight, number: self.came });
        self.order.push_back((self.came, whose));
        self.came += 1;
        self.waiting += 1;
    }

    /// A request that was in work before comes back. False: it waits by [`Line::wait_back`].
    pub(super) fn come_back(&mut self, weight: usize) -> bool {
        let is_free = self.in_work < self.places && self.back.is_empty();
        if is_free {
            self.in_work += weight;
        }
        is_free
    }

    pub(super) fn wait_back(&mut self, now: Duration, weight: usize, waiter: W) {
        self.back.push_back(Waiter { waiter, since: now, weight, number: 0 });
    }

    /// Takes places without asking whether there are any.
    pub(super) const fn take(&mut self, weight: usize) {
        self.in_work += weight;
    }

    /// Gives places back.
    pub(super) const fn free(&mut self, weight: usize) {
        self.in_work = self.in_work.saturating_sub(weight);
    }

    /// The next one who gets its turn: who it is, for how many it counts, how long it waited. Whoever
    /// is not `there` any more gets none.
    pub(super) fn next(
        &mut self,
        now: Duration,
        there: impl Fn(&W) -> bool,
    ) -> Option<(W, usize, Duration)> {
        while self.in_work < self.places {
            let oldest = self.oldest(now);
            let is_back = !self.back.is_empty() && (!self.was_back || self.waiting == 0);
            let next = if is_back { self.back.pop_front()? } else { self.pop()? };
            if !there(&next.waiter) {
                continue;
            }
            self.was_back = is_back;
            self.in_work += next.weight;
            let waited = now.saturating_sub(next.since);
            // A token of which few wait is served soon, and who comes back at once: what tells of
            // overload is how long the one waits who came first of all.
            if !is_back {
                self.controller.turn(now, oldest.unwrap_or(waited), oldest);
            }
            return Some((next.waiter, next.weight, waited));
        }
        None
    }

    /// Whether nobody is in work.
    #[cfg(test)]
    pub(super) const fn is_empty(&self) -> bool {
        self.in_work == 0
    }

    /// How many wait, without those who came back.
    #[cfg(test)]
    pub(super) const fn waiting(&self) -> usize {
        self.waiting
    }

    #[cfg(test)]
    pub(super) const fn is_overloaded(&self) -> bool {
        self.controller.is_overloaded()
    }

    fn pop(&mut self) -> Option<Waiter<W>> {
        let whose = self.turns.pop_front()?;
        let line = self.lines.get_mut(&whose)?;
        let next = line.pop_front();
        if line.is_empty() {
            self.lines.remove(&whose);
        } else {
            self.turns.push_back(whose);
        }
        self.waiting -= usize::from(next.is_some());
        next
    }

    fn is_free(&self) -> bool {
        self.in_work < self.places && self.waiting == 0 && self.back.is_empty()
    }

    /// How long the one has waited who came first of all.
    fn oldest(&mut self, now: Duration) -> Option<Duration> {
        while let Some((number, whose)) = self.order.front() {
            let first = self.lines.get(whose).and_then(VecDeque::front);
            if let Some(first) = first.filter(|first| first.number <= *number) {
                return Some(now.saturating_sub(first.since));
            }
            self.order.pop_front();
        }
        None
    }
}

#[cfg(test)]
#[path = "line_tests.rs"]
mod tests;
