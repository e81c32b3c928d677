//! What a sales chain is worth on each business day: a step function, counted once per chain.

use std::collections::{BTreeMap, btree_map::Entry};

use events::{
    ids::{ContactId, CustomerRef, Principal},
    money::Currency,
    values::Day,
};

/// In which state an amount is, as a dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    Open,
    Won,
    Lost,
    Ordered,
}

impl Standing {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Won => "won",
            Self::Lost => "lost",
            Self::Ordered => "ordered",
        }
    }
}

/// By what amounts are split. Amounts of different dimensions are never one row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Dimensions {
    pub(super) customer: Option<CustomerRef>,
    pub(super) contact: Option<ContactId>,
    pub(super) owner: Principal,
    pub(super) currency: Currency,
    pub(super) stage: Option<String>,
    /// The first day of the month in which it closes or closed.
    pub(super) period: Option<Day>,
    pub(super) standing: Standing,
    pub(super) product: Option<String>,
}

/// What is counted and added up; amounts in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Measures {
    pub(super) open_count: i64,
    pub(super) open_amount: i64,
    /// Whole minor units, rounded down; the rest is in `weighted_millionths`.
    pub(super) weighted_amount: i64,
    /// Millionths of a minor unit: what is weighted is rounded where it is told, not here.
    pub(super) weighted_millionths: i64,
    pub(super) booked_count: i64,
    pub(super) booked_amount: i64,
    pub(super) won_count: i64,
    pub(super) won_amount: i64,
    pub(super) lost_count: i64,
}

impl Measures {
    /// The measures in the order of the columns.
    pub(super) const fn all(self) -> [i64; 9] {
        [
            self.open_count,
            self.open_amount,
            self.weighted_amount,
            self.weighted_millionths,
            self.booked_count,
            self.booked_amount,
            self.won_count,
            self.won_amount,
            self.lost_count,
        ]
    }

    fn zip(self, other: Self, with: impl Fn(i64, i64) -> i64) -> Self {
        Self {
            open_count: with(self.open_count, other.open_count),
            open_amount: with(self.open_amount, other.open_amount),
            weighted_amount: with(self.weighted_amount, other.weighted_amount),
            weighted_millionths: with(self.weighted_millionths, other.weighted_millionths),
            booked_count: with(self.booked_count, other.booked_count),
            booked_amount: with(self.booked_amount, other.booked_amount),
            won_count: with(self.won_count, other.won_count),
            won_amount: with(self.won_amount, other.won_amount),
            lost_count: with(self.lost_count, other.lost_count),
        }
    }

    /// Both together. Amounts stay far below the limit of an `i64`.
    pub(super) fn plus(self, other: Self) -> Self {
        self.zip(other, i64::saturating_add)
    }

    /// What is in the first and not in the second.
    fn minus(self, other: Self) -> Self {
        self.zip(other, i64::saturating_sub)
    }
}

/// What a chain is worth, by dimensions.
pub(super) type Worth = BTreeMap<Dimensions, Measures>;

/// What changes in a chain's worth on each business day.
pub(super) type Steps = BTreeMap<i64, Worth>;

pub(super) fn difference(after: &Worth, before: &Worth) -> Worth {
    let mut difference = after.clone();
    for (dimensions, measures) in before {
        match difference.entry(dimensions.clone()) {
            Entry::Occupied(mut entry) => {
                let left = entry.get().minus(*measures);
                entry.insert(left);
            }
            Entry::Vacant(entry) => {
                entry.insert(Measures::default().minus(*measures));
            }
        }
    }
    difference.retain(|_, measures| *measures != Measures::default());
    difference
}

/// Adds a difference to what changes on a day. Where the organisation moves to another zone the same
/// day can begin twice.
pub(super) fn step(steps: &mut Steps, day: i64, difference: Worth) {
    let sums = steps.entry(day).or_default();
    for (dimensions, measures) in difference {
        let sum = sums.entry(dimensions).or_default();
        *sum = sum.plus(measures);
    }
    sums.retain(|_, measures| *measures != Measures::default());
    if sums.is_empty() {
        steps.remove(&day);
    }
}

/// What has to be added to the steps before to get the steps after.
pub(super) fn corrections(before: &Steps, after: &Steps) -> Steps {
    let none = Worth::new();
    let days = before.keys().chain(after.keys()).copied();
    let mut corrections: Steps = days
        .map(|day| {
            let (before, after) = (before.get(&day), after.get(&day));
            (day, difference(after.unwrap_or(&none), before.unwrap_or(&none)))
        })
        .collect();
    corrections.retain(|_, worth| !worth.is_empty());
    corrections
}
