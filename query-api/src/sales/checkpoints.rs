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

use events::Position;
use projection_service::{read_side::LiveGeneration, table::Value};

use super::ledger::{By, MEASURES, Narrowed, block};
use crate::{
    as_of::Sense,
    database::{DatabaseError, Row, Snapshot},
    http::moment::Moment,
};

/// How many positions make a block: about as many lines are read from the ledger in a few
/// milliseconds.
pub(crate) const BLOCK: i64 = 4_096;
/// From how many blocks behind on the sums are brought up to date, beside the question.
const BEHIND: i64 = 2;
/// With more groups than this the sums go no further: they would become as long as the ledger.
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

/// The measures of a line.
fn measures(row: &Row) -> Result<Measures, DatabaseError> {
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
}

impl Split {
    /// The last position that is in the sums.
    fn reached(&self, block: i64) -> i64 {
        i64::try_from(self.blocks.len()).unwrap_or(i64::MAX).saturating_mul(block)
    }

    fn place(&mut self, group: (Value, String)) -> usize {
        let next = self.groups.len();
        let place = *self.places.entry(group.clone()).or_insert(next);
        if place == next {
            self.groups.push(group);
        }
        place
    }

    /// Takes the next block in: its lines, each with its day and group.
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
    fn known_at(&self, block: i64, position: i64, day: i64) -> Option<(Sums, i64)> {
        let whole = usize::try_from(position / block).ok()?.min(self.blocks.len());
        let blocks = self.blocks.get(..whole)?;
        if blocks.iter().any(|block| block.latest_day > Some(day)) {
            return None;
        }
        let steps = blocks.iter().flat_map(|block| &block.steps);
        Some((self.sum(steps), i64::try_from(whole).ok()?.saturating_mul(block)))
    }

    /// The sums of what was true on a day, and the position they go up to. None where they go
    /// further than was asked.
    fn true_on(&self, block: i64, position: i64, day: i64) -> Option<(Sums, i64)> {
        let reached = self.reached(block);
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
#[derive(Clone)]
pub(crate) struct Checkpoints {
    kept: Arc<RwLock<Kept>>,
    /// How many positions make a block.
    block: i64,
}

#[derive(Default)]
struct Kept {
    generation: u32,
    is_filling: bool,
    /// In the order of [`By::KEPT`].
    splits: [Split; By::KEPT.len()],
}

impl Checkpoints {
    /// Nothing is kept yet.
    pub(crate) fn of_blocks(block: i64) -> Self {
        Self { kept: Arc::default(), block }
    }

    /// The last position that is in the sums.
    #[cfg(test)]
    pub(crate) fn reached(&self) -> i64 {
        self.read().splits[0].reached(self.block)
    }

    /// What is known without reading the ledger: sums, and the position they go up to.
    pub(crate) fn begin(&self, moment: &Moment, by: By, narrowed: &Narrowed) -> (Sums, i64) {
        let is_whole = narrowed.party.is_none() && narrowed.conditions.is_empty();
        let place = By::KEPT.iter().position(|kept| *kept == by).filter(|_| is_whole);
        let (position, day) = (moment.position.sql(), moment.day().number());
        let kept = self.read();
        place
            .and_then(|place| kept.splits.get(place))
            .filter(|_| kept.generation == moment.generation.number)
            .and_then(|split| match moment.sense {
                Sense::Recorded => split.known_at(self.block, position, day),
                Sense::Effective => split.true_on(self.block, position, day),
            })
            .unwrap_or_default()
    }

    /// Brings the sums up to date beside the questions, if they are behind and nobody does yet.
    /// `position` is how far the generation has come.
    pub(crate) fn keep_up(&self, generation: &LiveGeneration, position: Position) {
        let is_behind = |kept: &Kept| {
            let is_other = kept.generation != generation.number;
            let behind = position.sql().saturating_sub(kept.splits[0].reached(self.block));
            is_other || (!kept.is_filling && !kept.is_too_wide() && behind >= BEHIND * self.block)
        };
        if !is_behind(&self.read()) {
            return;
        }
        let mut kept = self.write();
        if !is_behind(&kept) {
            return;
        }
        if kept.generation != generation.number {
            *kept = Kept { generation: generation.number, ..Kept::default() };
        }
        kept.is_filling = true;
        drop(kept);
        let (checkpoints, generation) = (self.clone(), generation.clone());
        tokio::spawn(async move {
            if let Err(error) = checkpoints.fill(&generation, position.sql()).await {
                tracing::warn!(%error, "sums of the revenue ledger are not kept now");
            }
            checkpoints.with(&generation, |kept| kept.is_filling = false);
        });
    }

    async fn fill(&self, generation: &LiveGeneration, position: i64) -> Result<(), DatabaseError> {
        loop {
            let reached = self.with(generation, |kept| {
                (!kept.is_too_wide()).then(|| kept.splits[0].reached(self.block))
            });
            // None where another generation is live by now.
            let Some(from) = reached.flatten() else { return Ok(()) };
            let to = from.saturating_add(self.block);
            if to > position {
                return Ok(());
            }
            let statement = block(from, to);
            let mut snapshot = Snapshot::begin(&generation.pool).await?;
            let rows = snapshot.rows(&statement.text, &statement.binds).await?;
            let mut blocks: [Vec<_>; By::KEPT.len()] = Default::default();
            for row in &rows {
                let (day, measures) = (row.int("business_day")?, measures(row)?);
                for (by, lines) in By::KEPT.iter().zip(&mut blocks) {
                    let key = by.column().map_or(Ok(Value::Null), |column| row.value(column))?;
                    lines.push((day, (key, row.text("currency")?.to_owned()), measures));
                }
            }
            self.with(generation, |kept| {
                for (split, lines) in kept.splits.iter_mut().zip(blocks) {
                    split.take(lines);
                }
            });
        }
    }

    /// Does something with the sums, if they are still of that generation.
    fn with<T>(&self, generation: &LiveGeneration, work: impl FnOnce(&mut Kept) -> T) -> Option<T> {
        let mut kept = self.write();
        (kept.generation == generation.number).then(|| work(&mut kept))
    }

    // A thread that died in between left sums that are whole: a block is taken in one go.
    fn read(&self) -> RwLockReadGuard<'_, Kept> {
        self.kept.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Kept> {
        self.kept.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn is_too_wide(&self) -> bool {
        self.splits.iter().any(|split| split.groups.len() > MOST_GROUPS)
    }
}

#[cfg(test)]
#[path = "checkpoints_tests.rs"]
mod tests;
