//! Folds batches of events into row changes, in memory; what is stored never depends on how the
//! log was cut into batches.

use std::{
    borrow::Cow,
    cell::RefCell,
    collections::HashSet,
    panic::{AssertUnwindSafe, catch_unwind},
    ptr,
    sync::Arc,
};

use events::{
    CrmEvent, Payload, Position, Recorded,
    access::OrganizationEvent,
    ids::KeyId,
    personal::{PersonalFields, PersonalVisitor},
    values::Zone,
};
use jiff::tz::TimeZone;

use crate::{
    models::ReadModels,
    projector::{Change, Changes, Fact, Missing, ProjectError, Rows},
    read_store::{Checkpoint, Commit, Wanted},
    table::{Key, Row, Table, Value},
};

mod cache;
mod overlay;

use cache::Known;
use overlay::Overlay;

/// How many events beyond the one that misses a row are asked what they will miss.
const LOOK_AHEAD: usize = 1_024;

/// An event that is ready to be projected.
#[derive(Clone, Debug)]
pub struct Decoded {
    /// The envelope.
    pub recorded: Arc<Recorded>,
    /// The payload, its personal values opened.
    pub payload: Payload,
    /// The keys of those that cannot be read now; nearly always none.
    pub unreadable: Vec<KeyId>,
}

impl PersonalFields for Decoded {
    fn visit_personal<V: PersonalVisitor>(
        &mut self,
        path: &Cow<'static, str>,
        visitor: &mut V,
    ) -> Result<(), V::Error> {
        self.payload.visit_personal(path, visitor)
    }
}

/// Why the read side stands still: it does not skip anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// The event that cannot be taken.
    pub position: Position,
    /// What kind of trouble, for machines: `event.unknown`.
    pub code: &'static str,
    /// What is wrong, for people; never a personal value.
    pub detail: String,
}

/// What came of folding a batch.
#[derive(Debug)]
pub enum Folded {
    /// All of it is folded.
    Whole,
    /// These rows have to be loaded before the event at `next` can be folded.
    Load {
        /// The first event of the batch that is not folded.
        next: usize,
        /// The rows, also those of events behind it.
        wanted: Vec<Wanted>,
    },
    /// The event at `next` cannot be projected; those before it are folded.
    Stopped {
        /// The event.
        next: usize,
        /// Why.
        stop: Stop,
    },
    /// What the event at `next` changes contradicts the rows. The batch is of no use any more.
    Spoilt {
        /// The event.
        next: usize,
        /// Why.
        stop: Stop,
    },
}

/// The state of all read models, as far as it is in memory.
pub struct Folder {
    models: Arc<ReadModels>,
    overlays: Vec<Overlay>,
    cache_bytes: usize,
    zone: TimeZone,
    stored: Checkpoint,
    reached: Checkpoint,
}

impl Folder {
    /// Goes on from a checkpoint. About `cache_bytes` of rows are kept in memory.
    #[must_use]
    pub fn new(models: Arc<ReadModels>, checkpoint: Checkpoint, cache_bytes: usize) -> Self {
        let is_empty = checkpoint.position == Position::START;
        let overlays: Vec<_> =
            models.tables().iter().map(|table| Overlay::new(table, is_empty)).collect();
        let zone = checkpoint.zone.as_ref().and_then(|name| Zone::new(name.as_str()).ok());
        let zone = zone.map_or(TimeZone::UTC, |zone| zone.rules());
        let reached = checkpoint.clone();
        Self { models, overlays, cache_bytes, zone, stored: checkpoint, reached }
    }

    /// The checkpoint that the last commit leads to.
    #[must_use]
    pub const fn stored(&self) -> &Checkpoint {
        &self.stored
    }

    /// Folds the events of a batch that are not folded yet, from `next` on.
    pub fn fold(&mut self, batch: &[Decoded], next: usize) -> Folded {
        for (index, event) in batch.iter().enumerate().skip(next) {
            self.follow_zone(event);
            let changes = match self.project(event) {
                Outcome::Changes(changes) => changes,
                Outcome::Missing(missing) => {
                    let wanted = self.look_ahead(batch, index + 1, missing);
                    return Folded::Load { next: index, wanted };
                }
                Outcome::Stopped(stop) => return Folded::Stopped { next: index, stop },
            };
            if let Err(stop) = self.apply(changes, event) {
                return Folded::Spoilt { next: index, stop };
            }
            self.reached.position = event.recorded.position;
            self.reached.leaf = Some(event.recorded.leaf);
        }
        Folded::Whole
    }

    /// Takes rows that were loaded.
    pub fn learn(&mut self, wanted: Vec<Wanted>, rows: Vec<Vec<Option<Row>>>) {
        for (Wanted { table, keys }, rows) in wanted.into_iter().zip(rows) {
            if let Some(overlay) = find_mut(&mut self.overlays, table) {
                for (key, row) in keys.into_iter().zip(rows) {
                    overlay.learn(key, row);
                }
            }
        }
    }

    /// What is to be stored of all that was folded since the last call; none if nothing was.
    pub fn take(&mut self) -> Option<Commit> {
        if self.reached.position == self.stored.position {
            return None;
        }
        let tables = self.overlays.iter_mut().filter_map(Overlay::take).collect();
        self.bound_memory();
        let expected = self.stored.position;
        self.stored = self.reached.clone();
        Some(Commit { expected, reached: self.reached.clone(), tables })
    }

    /// Tables share the memory as they need it.
    fn bound_memory(&mut self) {
        for overlay in &mut self.overlays {
            if overlay.bytes().0 > self.cache_bytes / 2 {
                overlay.forget();
            }
        }
        while self.overlays.iter().map(|overlay| overlay.bytes().1).sum::<usize>()
            > self.cache_bytes
            && let Some(largest) = self.overlays.iter_mut().max_by_key(|overlay| overlay.bytes().1)
        {
            largest.forget();
        }
    }

    fn follow_zone(&mut self, event: &Decoded) {
        if let CrmEvent::Organization(OrganizationEvent::Founded(founded)) = &event.payload.event {
            self.zone = founded.zone.rules();
            self.reached.zone = Some(founded.zone.as_str().to_owned());
        }
    }

    fn project(&self, event: &Decoded) -> Outcome {
        let view = self.view();
        let outcome = self.ask(event, &view);
        let mut missing = view.missing.into_inner();
        match outcome {
            Outcome::Missing(more) => {
                missing.extend(more);
                missing.retain(|(table, key)| self.is_unloaded(table, key));
                if missing.is_empty() {
                    let what = "a projector wants rows to be loaded that are loaded".to_owned();
                    return Outcome::Stopped(stop(event, "projector.damaged", what));
                }
                Outcome::Missing(missing)
            }
            // Whatever came of rows that only seemed to be absent is no answer.
            _ if !missing.is_empty() => Outcome::Missing(missing),
            outcome => outcome,
        }
    }

    /// Projects further events, as if the rows that are missing were absent, only to learn which
    /// rows they will ask for: one load then serves them all.
    fn look_ahead(&self, batch: &[Decoded], next: usize, mut missing: RowNames) -> Vec<Wanted> {
        for event in batch.iter().skip(next).take(LOOK_AHEAD) {
            let view = self.view();
            if let Outcome::Missing(more) = self.ask(event, &view) {
                missing.extend(more);
            }
            missing.append(&mut view.missing.into_inner());
        }
        let mut wanted: Vec<Wanted> = Vec::new();
        let mut seen = HashSet::new();
        for (table, key) in missing {
            if !self.is_unloaded(table, &key) || !seen.insert((table.name, key.clone())) {
                continue;
            }
            match wanted.iter_mut().find(|wanted| wanted.table.name == table.name) {
                Some(wanted) => wanted.keys.push(key),
                None => wanted.push(Wanted { table, keys: vec![key] }),
            }
        }
        wanted
    }

    fn view(&self) -> View<'_> {
        View { overlays: &self.overlays, missing: RefCell::default() }
    }

    /// What all projectors say of an event, each against the same rows.
    fn ask(&self, event: &Decoded, view: &View<'_>) -> Outcome {
        let Decoded { recorded, payload, unreadable } = event;
        let fact = Fact { recorded, payload, zone: &self.zone, unreadable };
        let mut all = Changes::new();
        let mut missing = RowNames::new();
        for projector in self.models.projectors() {
            // Projectors are pure: one that panics leaves nothing behind.
            match catch_unwind(AssertUnwindSafe(|| projector.project(&fact, view))) {
                Ok(Ok(changes)) if all.is_empty() => all = changes,
                Ok(Ok(changes)) => all.extend(changes),
                Ok(Err(ProjectError::Missing(Missing(more)))) => missing.extend(more),
                Ok(Err(error @ ProjectError::Damaged { .. })) => {
                    return Outcome::Stopped(stop(event, "row.damaged", error.to_string()));
                }
                Err(_) => {
                    let what = format!("the projector `{}` panicked", projector.name());
                    return Outcome::Stopped(stop(event, "projector.panicked", what));
                }
            }
        }
        if missing.is_empty() { Outcome::Changes(all) } else { Outcome::Missing(missing) }
    }

    fn is_unloaded(&self, table: &Table, key: &[Value]) -> bool {
        find(&self.overlays, table)
            .is_some_and(|overlay| matches!(overlay.get(key), Known::Unloaded))
    }

    fn apply(&mut self, changes: Changes, event: &Decoded) -> Result<(), Stop> {
        let at = event.recorded.position;
        for change in changes {
            let (Change::Insert(table, _) | Change::Put(table, _) | Change::Remove(table, _)) =
                &change;
            let name = table.name;
            let misfit = |what: &str| {
                stop(event, "projector.misfit", format!("a row for table `{name}` {what}"))
            };
            let overlay = find_mut(&mut self.overlays, table)
                .ok_or_else(|| misfit("belongs to no described table"))?;
            match change {
                Change::Insert(_, row) => overlay.put(row, at, true),
                Change::Put(_, row) => overlay.put(row, at, false),
                Change::Remove(_, key) => overlay.remove(key, at),
            }
            .map_err(|wrong| misfit(wrong.0))?;
        }
        Ok(())
    }
}

type RowNames = Vec<(&'static Table, Key)>;

/// What projecting one event came to.
enum Outcome {
    Changes(Changes),
    Missing(RowNames),
    Stopped(Stop),
}

fn stop(event: &Decoded, code: &'static str, detail: String) -> Stop {
    Stop { position: event.recorded.position, code, detail }
}

/// The rows just before an event, and which of those asked for are not loaded.
struct View<'a> {
    overlays: &'a [Overlay],
    missing: RefCell<RowNames>,
}

impl Rows for View<'_> {
    /// A row that is not loaded seems to be absent, so that the projector goes on to name all it
    /// needs at once; what it answers is thrown away then.
    fn get(&self, table: &'static Table, key: &[Value]) -> Result<Option<Row>, ProjectError> {
        let overlay = find(self.overlays, table).ok_or_else(|| ProjectError::Damaged {
            table: table.name,
            what: "no such table is described".to_owned(),
        })?;
        match overlay.get(key) {
            Known::Row(row) => Ok(Some(row.clone())),
            Known::Absent => Ok(None),
            Known::Unloaded => {
                self.missing.borrow_mut().push((table, key.into()));
                Ok(None)
            }
        }
    }
}

fn find<'a>(overlays: &'a [Overlay], table: &Table) -> Option<&'a Overlay> {
    overlays.iter().find(|overlay| is_same(overlay.table(), table))
}

fn find_mut<'a>(overlays: &'a mut [Overlay], table: &Table) -> Option<&'a mut Overlay> {
    overlays.iter_mut().find(|overlay| is_same(overlay.table(), table))
}

/// Names are unique; comparing addresses first is only quicker.
fn is_same(a: &Table, b: &Table) -> bool {
    ptr::eq(a, b) || a.name == b.name
}

#[cfg(test)]
#[path = "fold_tests.rs"]
mod tests;
