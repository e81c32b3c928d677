//! Sums of the revenue ledger that are kept in memory, so that the whole of it can be asked about
//! as of any moment without being added up anew.
//!
//! The ledger only grows: what stands up to a position never changes within a generation. Sums are
//! kept by blocks of positions, for what was known at a position, and by business day, for what was
//! true on a day. What is younger than the last whole block is read from the ledger.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use projection_service::{read_side::LiveGeneration, table::Value};

use super::ledger::{By, MEASURES, Narrowed, block};
use crate::{
    database::{DatabaseError, Row, Snapshot},
    http::moment::Moment,
};

/// How many positions make a block.
const BLOCK: i64 = 4_096;
/// From how many blocks behind on the sums are brought up to date, beside the question.
const BEHIND: i64 = 2;
/// With more groups than this the sums are not kept: they would be as long as the ledger.
const MOST_GROUPS: usize = 5_000;

/// Everything that is counted and added up, in the order of [`MEASURES`].
pub(crate) type Measures = [i128; MEASURES.len()];

/// What is added up: by key and currency.
pub(crate) type Sums = HashMap<(Value, String), Measures>;

/// Adds what is on one line of the ledger, or of its sums.
pub(crate) fn add(sum: &mut Measures, other: &Measures) {
    for (place, value) in sum.iter_mut().zip(other) {
        *place += value;
    }
}

/// The measures of a row.
pub(crate) fn measures(row: &Row) -> Result<Measures, DatabaseError> {
    let mut measures: Measures = [0; MEASURES.len()];
    for (place, name) in measures.iter_mut().zip(MEASURES) {
        *place = row.int(name)?.into();
    }
    Ok(measures)
}

/// A group, by its place in the list of groups, and what came to it.
type Step = (usize, Measures);

#[derive(Default)]
struct Block {
    /// The latest business day of its lines.
    latest_day: Option<i64>,
    steps: Vec<Step>,
}

/// The sums of one way to split.
#[derive(Default)]
struct Split {
    groups: Vec<(Value, String)>,
    places: HashMap<(Value, String), usize>,
    blocks: Vec<Block>,
    days: BTreeMap<i64, Vec<Step>>,
    is_filling: bool,
}

impl Split {
    /// The last position that is in the sums.
    fn reached(&self) -> i64 {
        i64::try_from(self.blocks.len()).unwrap_or(i64::MAX).saturating_mul(BLOCK)
    }

    fn place(&mut self, group: (Value, String)) -> usize {
        let next = self.groups.len();
        let place = *self.places.entry(group.clone()).or_insert(next);
        if place == next {
            self.groups.push(group);
        }
        place
    }

    /// Takes the next block in: its lines, added up by day and group.
    fn take(&mut self, lines: Vec<(i64, (Value, String), Measures)>) {
        let mut block = Block::default();
        for (day, group, measures) in lines {
            let place = self.place(group);
            block.latest_day = block.latest_day.max(Some(day));
            add_step(&mut block.steps, place, &measures);
            add_step(self.days.entry(day).or_default(), place, &measures);
        }
        self.blocks.push(block);
    }

    /// The sums of what was known at a position, and the position they go up to. None where lines
    /// have to be left out by their day.
    fn known_at(&self, position: i64, day: i64) -> Option<(Sums, i64)> {
        let whole = usize::try_from(position / BLOCK).ok()?.min(self.blocks.len());
        let blocks = self.blocks.get(..whole)?;
        if blocks.iter().any(|block| block.latest_day > Some(day)) {
            return None;
        }
        let steps = blocks.iter().flat_map(|block| &block.steps);
        Some((self.sum(steps), i64::try_from(whole).ok()?.saturating_mul(BLOCK)))
    }

    /// The sums of what was true on a day, and the position they go up to. None where they go
    /// further than was asked.
    fn true_on(&self, position: i64, day: i64) -> Option<(Sums, i64)> {
        let reached = self.reached();
        let steps = self.days.range(..=day).flat_map(|(_, steps)| steps);
        (reached <= position).then(|| (self.sum(steps), reached))
    }

    fn sum<'a>(&self, steps: impl Iterator<Item = &'a Step>) -> Sums {
        let mut sums = vec![Measures::default(); self.groups.len()];
        for (place, measures) in steps {
            if let Some(sum) = sums.get_mut(*place) {
                add(sum, measures);
            }
        }
        self.groups.iter().cloned().zip(sums).collect()
    }
}

fn add_step(steps: &mut Vec<Step>, place: usize, measures: &Measures) {
    match steps.iter_mut().find(|(known, _)| *known == place) {
        Some((_, sum)) => add(sum, measures),
        None => steps.push((place, *measures)),
    }
}

/// The sums that are kept of the live generation.
#[derive(Clone, Default)]
pub(crate) struct Checkpoints(Arc<RwLock<Kept>>);

#[derive(Default)]
struct Kept {
    generation: u32,
    splits: HashMap<By, Split>,
}

impl Checkpoints {
    /// What is known without reading the ledger: sums, and the position they go up to.
    pub(crate) fn begin(&self, moment: &Moment, by: By, narrowed: &Narrowed) -> (Sums, i64) {
        let whole = narrowed.party.is_none() && narrowed.conditions.is_empty();
        if !whole || !by.is_kept() {
            return (Sums::new(), 0);
        }
        let (position, day) = (moment.position.sql(), moment.day().number());
        let kept = self.read();
        let found =
            kept.splits.get(&by).filter(|_| kept.generation == moment.generation.number).and_then(
                |split| match moment.sense {
                    crate::as_of::Sense::Recorded => split.known_at(position, day),
                    crate::as_of::Sense::Effective => split.true_on(position, day),
                },
            );
        let reached = kept.splits.get(&by).map_or(0, Split::reached);
        let is_other = kept.generation != moment.generation.number;
        drop(kept);
        if is_other || position.saturating_sub(reached) >= BEHIND * BLOCK {
            self.fill(&moment.generation, by, position);
        }
        found.unwrap_or_default()
    }

    /// Brings the sums up to date beside the question, unless that is under way.
    fn fill(&self, generation: &LiveGeneration, by: By, position: i64) {
        let mut kept = self.write();
        if kept.generation != generation.number {
            *kept = Kept { generation: generation.number, splits: HashMap::new() };
        }
        let split = kept.splits.entry(by).or_default();
        if split.is_filling || split.groups.len() > MOST_GROUPS {
            return;
        }
        split.is_filling = true;
        drop(kept);
        let (kept, generation) = (self.clone(), generation.clone());
        tokio::spawn(async move {
            if let Err(error) = kept.fill_until(&generation, by, position).await {
                tracing::warn!(%error, "sums of the revenue ledger are not kept now");
            }
            kept.with(&generation, by, |split| split.is_filling = false);
        });
    }

    async fn fill_until(
        &self,
        generation: &LiveGeneration,
        by: By,
        position: i64,
    ) -> Result<(), DatabaseError> {
        loop {
            let reached = self.with(generation, by, |split| {
                if split.groups.len() > MOST_GROUPS {
                    // The list of groups stays, so that it is not tried again.
                    (split.blocks, split.days) = Default::default();
                    return None;
                }
                Some(split.reached())
            });
            let Some(from) = reached.flatten() else { return Ok(()) };
            let to = from.saturating_add(BLOCK);
            if to > position {
                return Ok(());
            }
            let statement = block(by, from, to);
            let mut snapshot = Snapshot::begin(&generation.pool).await?;
            let rows = snapshot.rows(&statement.text, &statement.binds).await?;
            let lines = rows.iter().map(|row| {
                let group = (row.value("key")?, row.text("currency")?.to_owned());
                Ok((row.int("business_day")?, group, measures(row)?))
            });
            let lines = lines.collect::<Result<Vec<_>, DatabaseError>>()?;
            self.with(generation, by, |split| split.take(lines));
        }
    }

    /// Does something with the sums, if they are still of that generation.
    fn with<T>(
        &self,
        generation: &LiveGeneration,
        by: By,
        work: impl FnOnce(&mut Split) -> T,
    ) -> Option<T> {
        let mut kept = self.write();
        if kept.generation != generation.number {
            return None;
        }
        kept.splits.get_mut(&by).map(work)
    }

    // A thread that died in between left sums that are whole: a block is taken in one go.
    fn read(&self) -> RwLockReadGuard<'_, Kept> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Kept> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[path = "checkpoints_tests.rs"]
mod tests;
