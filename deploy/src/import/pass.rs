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
        let cells = step.cells(&row);
        if !step.applies(cells) {
            self.summary.skipped += 1;
            return Ok(None);
        }
        if let Some(kind) = step.distinct(cells)
            && !seen.kinds.insert(kind)
        {
            self.summary.repeated += 1;
            return Ok(None);
        }
        let keys: Vec<_> = step
            .fills
            .iter()
            .map(|(slot, columns)| (*slot, natural_key(cells, columns)))
            .filter(|(_, key)| !key.is_empty())
            .collect();
        let mut pending = PendingRow { row, record: None, keys };
        let mut remarks = Vec::new();
        match self.command(step, &mut pending, seen, &mut remarks) {
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
        pending: &mut PendingRow,
        seen: &mut Seen,
        remarks: &mut Vec<Remark>,
    ) -> Result<(Value, usize), RowRefusal> {
        let row = &pending.row;
        let id = step.record_id(row, &self.plan.files[&step.file].sha256)?;
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
                    self.changed(step, &pending)?;
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
        let report = &mut self.report;
        self.bar
            .suspend(|| writeln!(report, "{}:{}: {}: {refusal}", step.file, row.line, step.name))
            .context("cannot tell of a refused row")?;
        self.rejects.write(&step.file, &self.plan.files[&step.file], row, refusal)
    }
}

fn reject_of(pending: &PendingRow) -> Reject<'_> {
    let row = &pending.row;
    Reject {
        line: row.line,
        number: row.number,
        origin: row.origin.as_deref(),
        values: Some(&row.values),
        raw: "",
    }
}
