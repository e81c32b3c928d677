//! One pass over one file: read a row, make its command, send it in a batch, judge the answer.

use std::{
    collections::{HashMap, HashSet},
    io::Write,
};

use anyhow::{Context, Result, ensure};
use indicatif::ProgressBar;
use jiff::tz::TimeZone;
use serde_json::Value;
use tokio::sync::watch;
use uuid::Uuid;

use super::{
    batch::{Batches, PendingRow, Settled, size_of},
    field::Remark,
    kinds::Kinds,
    lookup::Index,
    plan::{Plan, PlannedStep, natural_key},
    reader::{Row, Table},
    refusal::RowRefusal,
    rejects::{Reject, Rejects},
    report::StepSummary,
    sink::{CommandSink, ItemAnswer},
};

/// An import under way.
pub(super) struct Import<'a> {
    pub(super) plan: &'a Plan,
    pub(super) zone: TimeZone,
    pub(super) index: Index,
    pub(super) rejects: Rejects,
    /// What is known of the kinds of each file, as far as it was needed.
    pub(super) kinds: HashMap<String, Kinds>,
    /// The records that the row which should have made them did not make, with the step.
    pub(super) missing: HashMap<Uuid, String>,
    pub(super) report: Box<dyn Write + Send>,
    pub(super) bar: ProgressBar,
    pub(super) summary: StepSummary,
}

/// A row whose command can be sent.
struct Ready {
    item: Value,
    bytes: usize,
    pending: PendingRow,
}

/// What one pass remembers of the rows before.
#[derive(Default)]
struct Seen {
    kinds: HashSet<String>,
    records: HashMap<Uuid, u64>,
}

impl Import<'_> {
    /// One pass; false when it was told to stop.
    pub(super) async fn step<S: CommandSink>(
        &mut self,
        step: &PlannedStep,
        mut batches: Batches<S>,
        stop: &watch::Receiver<bool>,
    ) -> Result<bool> {
        let file = &self.plan.files[&step.file];
        self.summary.name.clone_from(&step.name);
        self.summary.file.clone_from(&step.file);
        self.bar.set_message(step.name.clone());
        let before = self.bar.position();
        let mut table = Table::open(&file.path, &file.format)?;
        ensure!(table.columns() == file.columns, "{} changed meanwhile", file.path.display());
        let mut seen = Seen::default();
        let mut stopped = false;
        while let Some(row) =
            table.next_row().with_context(|| format!("cannot read {}", file.path.display()))?
        {
            self.summary.rows += 1;
            match row {
                Err(bad) => {
                    let refusal = RowRefusal::new("import.bad_row", bad.detail.clone())
                        .in_column(bad.column.as_deref());
                    let reject = Reject {
                        line: bad.line,
                        number: bad.number,
                        origin: None,
                        key: "",
                        values: None,
                        raw: &bad.raw,
                    };
                    self.refuse(step, &reject, &refusal)?;
                }
                Ok(row) => {
                    let Some(ready) = self.prepare(step, row, &mut seen)? else { continue };
                    if !batches.has_room(ready.bytes) {
                        stopped = *stop.borrow();
                        if stopped {
                            break;
                        }
                        let settled = batches.send().await?;
                        self.settle_all(step, settled)?;
                        self.bar.set_position(before + table.bytes_read());
                    }
                    batches.push(ready.item, ready.bytes, ready.pending);
                }
            }
        }
        if !stopped {
            let settled = batches.send().await?;
            self.settle_all(step, settled)?;
        }
        let settled = batches.drain().await?;
        self.settle_all(step, settled)?;
        self.bar.set_position(before + table.bytes_read());
        self.summary.blank_lines = table.blank_lines();
        Ok(!stopped && !*stop.borrow())
    }

    /// The command of a row, unless the row is skipped or refused.
    fn prepare(&mut self, step: &PlannedStep, row: Row, seen: &mut Seen) -> Result<Option<Ready>> {
        let cells = step.cells(&row.values);
        if !step.applies(cells) {
            self.summary.skipped += 1;
            return Ok(None);
        }
        let place = match step.distinct(cells) {
            None => Ok(row.number),
            Some(kind) => {
                let place = self.place_of_kind(step, &row, &kind)?;
                if !seen.kinds.insert(kind) {
                    self.summary.repeated += 1;
                    return Ok(None);
                }
                place
            }
        };
        let keys: Vec<_> = step
            .fills
            .iter()
            .map(|(slot, columns)| (*slot, natural_key(cells, columns)))
            .filter(|(_, key)| !key.is_empty())
            .collect();
        let stands_in = place.as_ref().is_ok_and(|place| *place != row.number);
        let mut pending = PendingRow { row, stands_in, record: None, keys };
        let mut remarks = Vec::new();
        let made =
            place.and_then(|place| self.command(step, (&mut pending, place), seen, &mut remarks));
        match made {
            Ok((item, bytes)) => {
                self.summary.remark(remarks);
                Ok(Some(Ready { item, bytes, pending }))
            }
            Err(refusal) => {
                self.refuse_pending(step, &pending, &refusal)?;
                Ok(None)
            }
        }
    }

    fn command(
        &mut self,
        step: &PlannedStep,
        (pending, place): (&mut PendingRow, u64),
        seen: &mut Seen,
        remarks: &mut Vec<Remark>,
    ) -> Result<(Value, usize), RowRefusal> {
        let row = &pending.row;
        let id = step.record_id(row, place, &self.plan.files[&step.file].sha256)?;
        if let Some(first) = seen.records.insert(id, row.number) {
            seen.records.insert(id, first);
            let detail = format!("the key is that of row {first}");
            return Err(RowRefusal::new("import.bad_row", detail));
        }
        pending.record = Some(id);
        for (slot, key) in &pending.keys {
            self.index.announce(*slot, key, id);
        }
        if let Some(creator) = self.missing.get(&id) {
            let detail = format!("the row was refused by the step `{creator}`");
            return Err(RowRefusal::new("command.not_tried", detail));
        }
        let item = step.item(row, id, (&self.zone, &self.index), remarks)?;
        match size_of(&item) {
            Some(bytes) => Ok((item, bytes)),
            None => Err(RowRefusal::new("import.too_long", "the row is too large for one request")),
        }
    }

    fn settle_all(&mut self, step: &PlannedStep, settled: Settled) -> Result<()> {
        for (pending, answer) in settled {
            match answer {
                ItemAnswer::Accepted { replayed, .. } => {
                    let count = if replayed {
                        &mut self.summary.already_there
                    } else {
                        &mut self.summary.accepted
                    };
                    *count += 1;
                    self.settle_keys(&pending, Ok(()));
                }
                ItemAnswer::Refused { problem, .. } if problem.code == "command.reused" => {
                    if pending.stands_in {
                        // The row it stands in for may say more than what makes the kind.
                        self.summary.already_there += 1;
                        self.settle_keys(&pending, Ok(()));
                    } else {
                        self.changed(step, &pending)?;
                    }
                }
                ItemAnswer::Refused { problem, .. } => {
                    let detail =
                        if problem.detail.is_empty() { problem.title } else { problem.detail };
                    let column = problem.pointer.as_deref().and_then(|at| step.column_of(at));
                    let refusal = RowRefusal { code: problem.code.into(), column: None, detail }
                        .in_column(column);
                    self.refuse_pending(step, &pending, &refusal)?;
                }
            }
        }
        Ok(())
    }

    /// The row was imported before with other values.
    fn changed(&mut self, step: &PlannedStep, pending: &PendingRow) -> Result<()> {
        let refusal = RowRefusal::new(
            "import.row_changed",
            "the row was imported before with other values; the change was not applied",
        );
        self.summary.changed += 1;
        // Where the place in the list is the identity, another row may stand there now.
        let outcome = if step.is_keyed_by_row() {
            Err("its row changed since it was imported, and rows are told apart by their place")
        } else {
            Ok(())
        };
        self.settle_keys(pending, outcome);
        self.tell(step, &reject_of(pending), &refusal)
    }

    fn refuse_pending(
        &mut self,
        step: &PlannedStep,
        pending: &PendingRow,
        refusal: &RowRefusal,
    ) -> Result<()> {
        let reason = format!("{}: {}", refusal.code, refusal.detail);
        self.settle_keys(pending, Err(&reason));
        if let Some(record) = pending.record.filter(|_| step.creates) {
            self.missing.insert(record, step.name.clone());
        }
        self.refuse(step, &reject_of(pending), refusal)
    }

    fn settle_keys(&mut self, pending: &PendingRow, outcome: Result<(), &str>) {
        for (slot, key) in &pending.keys {
            self.index.settle(*slot, key, outcome);
        }
    }

    fn refuse(&mut self, step: &PlannedStep, row: &Reject<'_>, refusal: &RowRefusal) -> Result<()> {
        self.summary.refused += 1;
        self.tell(step, row, refusal)
    }

    /// Tells of a row that is not in the product as the list says it.
    fn tell(&mut self, step: &PlannedStep, row: &Reject<'_>, refusal: &RowRefusal) -> Result<()> {
        let refusal = &refusal.readable();
        let report = &mut self.report;
        self.bar
            .suspend(|| writeln!(report, "{}:{}: {}: {refusal}", step.file, row.line, step.name))
            .context("cannot tell of a refused row")?;
        if !self.rejects.are_kept() {
            return Ok(());
        }
        let plan = self.plan;
        let kinds = known_kinds(&mut self.kinds, plan, &step.file)?;
        let key = match (row.values, row.origin) {
            // A list: which rows made what it shares with others is seen from here.
            (Some(values), None) => kinds.text_of(kinds_of(plan, &step.file, values)),
            _ => row.key.to_owned(),
        };
        let row = Reject { key: &key, ..*row };
        self.rejects.write(&step.file, &plan.files[&step.file], &row, kinds, refusal)
    }

    /// Which row of the list makes, or made, the record of a kind: in a list the row itself, the
    /// first of its kind; in a file of refused rows the one that was the first in its list.
    fn place_of_kind(
        &mut self,
        step: &PlannedStep,
        row: &Row,
        kind: &str,
    ) -> Result<Result<u64, RowRefusal>> {
        if row.key.is_none() {
            return Ok(Ok(row.number));
        }
        let kinds = known_kinds(&mut self.kinds, self.plan, &step.file)?;
        Ok(match kinds.first(step, kind) {
            Some(first) => Ok(first),
            None if kinds.is_complete() || !step.is_told_by_place() => Ok(row.number),
            None => Err(RowRefusal::new(
                "import.kind_unknown",
                "the row has another value now, and which record that means is only said by the \
                 file `.kinds` that was written beside this one: put it there again",
            )),
        })
    }
}

/// What is known of the kinds of a file: found out once, when it is needed.
fn known_kinds<'a>(
    known: &'a mut HashMap<String, Kinds>,
    plan: &Plan,
    name: &str,
) -> Result<&'a Kinds> {
    if !known.contains_key(name) {
        let file = &plan.files[name];
        let failed = || format!("cannot read {}", file.path.display());
        let mut table = Table::open(&file.path, &file.format)?;
        let mut kinds =
            if table.has_keys() { Kinds::of_rejects(&file.path)? } else { Kinds::of_list() };
        let has_kinds = plan.steps.iter().any(|step| step.file == name && step.has_kinds());
        while has_kinds && let Some(row) = table.next_row().with_context(failed)? {
            let Ok(row) = row else { continue };
            match (&row.key, &row.origin) {
                (Some(key), _) => kinds.take_in(key),
                (None, Some(_)) => {}
                (None, None) => {
                    for (step, kind) in kinds_of(plan, name, &row.values) {
                        kinds.add(step, &kind, row.number);
                    }
                }
            }
        }
        known.insert(name.to_owned(), kinds);
    }
    known.get(name).context("what was found out is known")
}

/// The kinds that a row of a file is of, for each step that wants only the first of each.
fn kinds_of<'a>(
    plan: &'a Plan,
    name: &'a str,
    values: &'a [String],
) -> impl Iterator<Item = (&'a PlannedStep, String)> {
    let steps = plan.steps.iter().filter(move |step| step.file == name);
    steps.filter_map(|step| {
        let cells = step.cells(values);
        let kind = step.distinct(cells).filter(|_| step.applies(cells))?;
        Some((step, kind))
    })
}

fn reject_of(pending: &PendingRow) -> Reject<'_> {
    let row = &pending.row;
    Reject {
        line: row.line,
        number: row.number,
        origin: row.origin.as_deref(),
        key: row.key.as_deref().unwrap_or_default(),
        values: Some(&row.values),
        raw: "",
    }
}
