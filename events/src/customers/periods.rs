//! The periods in which a connection holds: what all its events say of its days.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ConnectionEvent;
use crate::{
    ids::ConnectionRoleId,
    values::{Change, Day},
};

/// One stretch of days on which a connection holds, with the roles that hold in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Period {
    /// First day; absent, nobody knows when it began.
    pub start: Option<Day>,
    /// Last day; absent, it goes on.
    pub end: Option<Day>,
    /// The role of side a.
    pub role_a: Option<ConnectionRoleId>,
    /// The role of side b.
    pub role_b: Option<ConnectionRoleId>,
}

/// How a connection stands on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It begins, or begins again, on a later day.
    Coming,
    /// It holds on that day.
    Holds,
    /// Its last day has passed.
    Over,
}

/// All periods of a connection, the earliest first. No two of them share a day.
///
/// How a connection stands follows from them and from a day alone. Whoever asks, a rule, a list or an
/// answer, asks here, so that nothing goes stale when a day passes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Periods(Vec<Period>);

impl Period {
    /// Whether the day lies in it.
    #[must_use]
    pub fn holds_on(&self, day: Day) -> bool {
        self.start.is_none_or(|start| start <= day) && self.end.is_none_or(|end| day <= end)
    }

    /// Whether it ends before another begins. A beginning that nobody knows is before everything.
    fn is_before(&self, other: &Self) -> bool {
        self.end.zip(other.start).is_some_and(|(end, start)| end < start)
    }

    /// What is left of it before another begins, where that is anything.
    fn until(self, other: &Self) -> Option<Self> {
        if self.is_before(other) {
            return Some(self);
        }
        let end = other.start?.before()?;
        let is_left = self.start.is_none_or(|start| start <= end);
        is_left.then_some(Self { end: Some(end), ..self })
    }
}

impl Periods {
    /// Takes in an event of the connection. Total: what was recorded is never refused. Where two
    /// periods would share days, those belong to the one that was recorded later.
    pub fn evolve(&mut self, event: &ConnectionEvent) {
        match event {
            // A stream has one beginning.
            ConnectionEvent::Established(_) if !self.0.is_empty() => {}
            ConnectionEvent::Established(made) => {
                let (role_a, role_b) = (made.a.role, made.b.role);
                self.0 = vec![Period { start: made.start, end: made.end, role_a, role_b }];
            }
            ConnectionEvent::DetailsChanged(changed) => {
                self.change_last(|last| {
                    changed.start.apply_to(&mut last.start);
                    changed.end.apply_to(&mut last.end);
                });
            }
            ConnectionEvent::Ended(ended) => self.change_last(|last| last.end = Some(ended.end)),
            ConnectionEvent::Reinstated(again) => {
                let (role_a, role_b) = (again.role_a, again.role_b);
                match again.start {
                    Some(_) => self.add(Period { start: again.start, end: None, role_a, role_b }),
                    // Without a first day it goes on as if it had not ended.
                    None => self.change_last(|last| {
                        *last = Period { start: last.start, end: None, role_a, role_b };
                    }),
                }
            }
        }
    }

    fn change_last(&mut self, change: impl FnOnce(&mut Period)) {
        if let Some(mut last) = self.0.pop() {
            change(&mut last);
            self.add(last);
        }
    }

    fn add(&mut self, new: Period) {
        self.0 = self.0.iter().filter_map(|period| period.until(&new)).collect();
        self.0.push(new);
    }

    /// The periods, the earliest first.
    #[must_use]
    pub fn all(&self) -> &[Period] {
        &self.0
    }

    /// The last period: the one that is changed, or ended. None before the connection was made.
    #[must_use]
    pub fn last(&self) -> Option<&Period> {
        self.0.last()
    }

    /// How the connection stands on a day.
    #[must_use]
    pub fn standing_on(&self, day: Day) -> Standing {
        if self.0.iter().any(|period| period.holds_on(day)) {
            Standing::Holds
        } else if self.last().is_some_and(|last| last.end.is_some_and(|end| end < day)) {
            Standing::Over
        } else {
            Standing::Coming
        }
    }

    /// The period that is shown on a day: the last that has begun, or else the first.
    #[must_use]
    pub fn shown_on(&self, day: Day) -> Option<&Period> {
        let has_begun = |period: &&Period| period.start.is_none_or(|start| start <= day);
        self.0.iter().rfind(has_begun).or_else(|| self.0.first())
    }

    /// Whether the last period, with these days, would still come after those before it.
    #[must_use]
    pub fn last_may_be(&self, start: &Change<Day>) -> bool {
        let mut other = self.clone();
        let Some(mut last) = other.0.pop() else { return true };
        start.apply_to(&mut last.start);
        other.last().is_none_or(|before| before.is_before(&last))
    }
}

#[cfg(test)]
#[path = "periods_tests.rs"]
mod tests;
