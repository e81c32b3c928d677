//! What an import says of itself: figures for each step, and every refused row.

use std::{collections::BTreeMap, fmt};

use super::field::Remark;

/// How an import ended.
#[derive(Debug)]
pub enum Outcome {
    /// Every row of every step was judged.
    Complete,
    /// It was told to stop, between two batches.
    Interrupted,
    /// The service could not be reached or made no sense any more.
    Failed(anyhow::Error),
}

/// An import that did not come to its end: its message says why, and how to go on.
#[derive(Debug)]
pub struct Unfinished(pub Summary);

impl fmt::Display for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.outcome.fmt(f)
    }
}

impl std::error::Error for Unfinished {}

/// What an import did.
#[derive(Debug)]
pub struct Summary {
    /// The steps that were begun, in order.
    pub steps: Vec<StepSummary>,
    /// The columns that no step uses, by file.
    pub unused_columns: BTreeMap<String, Vec<String>>,
    /// How it ended.
    pub outcome: Outcome,
}

/// What one step did. Each row that was read is counted once: `rows` is the sum of `accepted`,
/// `already_there`, `changed`, `refused`, `skipped` and `repeated`, unless the step was stopped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepSummary {
    /// The step.
    pub name: String,
    /// The file it read.
    pub file: String,
    /// Rows read.
    pub rows: u64,
    /// Rows that became a command that was accepted now.
    pub accepted: u64,
    /// Rows whose command was accepted by an earlier import.
    pub already_there: u64,
    /// Rows that have changed since they were imported; not applied.
    pub changed: u64,
    /// Rows that were refused, by the mapping or by the service.
    pub refused: u64,
    /// Rows the step is not for.
    pub skipped: u64,
    /// Rows that say nothing new where only the first of each kind counts.
    pub repeated: u64,
    /// Empty lines that were passed over.
    pub blank_lines: u64,
    /// Rows in which a value was replaced, by column, value and replacement.
    pub replaced: BTreeMap<(String, String, String), u64>,
    /// Rows in which a column was blank that the mapping wants reported.
    pub blanks: BTreeMap<String, u64>,
}

impl StepSummary {
    /// Counts what there is to say of one row; twice the same counts once.
    pub(super) fn remark(&mut self, mut remarks: Vec<Remark>) {
        remarks.sort();
        remarks.dedup();
        for remark in remarks {
            let count = match remark {
                Remark::Replaced { column, from, to } => {
                    self.replaced.entry((column, from, to)).or_default()
                }
                Remark::Blank { column } => self.blanks.entry(column).or_default(),
            };
            *count += 1;
        }
    }
}

impl Summary {
    /// Whether every row is in the product now, as the list says it.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        matches!(self.outcome, Outcome::Complete) && self.refused() == 0
    }

    /// How many rows were refused, or changed since they were imported: what the list says of them
    /// is not in the product. A row counts once for each step that was to use it.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.steps.iter().map(|step| step.refused + step.changed).sum()
    }

    /// The step of that name.
    #[must_use]
    pub fn step(&self, name: &str) -> Option<&StepSummary> {
        self.steps.iter().find(|step| step.name == name)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.steps {
            writeln!(f, "{step}")?;
        }
        for (file, columns) in &self.unused_columns {
            if !columns.is_empty() {
                writeln!(f, "{file}: columns not used: {}", columns.join(", "))?;
            }
        }
        if !matches!(self.outcome, Outcome::Complete) {
            return self.outcome.fmt(f);
        }
        let sum = |count: fn(&StepSummary) -> u64| -> u64 { self.steps.iter().map(count).sum() };
        write!(
            f,
            "complete: {} accepted, {} already there, {} changed since, {} refused",
            sum(|step| step.accepted),
            sum(|step| step.already_there),
            sum(|step| step.changed),
            sum(|step| step.refused),
        )
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let again = "run the same import again: it goes on where it stopped, nothing is done twice";
        match self {
            Self::Complete => f.write_str("complete"),
            Self::Interrupted => write!(f, "stopped: {again}"),
            Self::Failed(error) => write!(f, "failed: {error:#}; {again}"),
        }
    }
}

impl fmt::Display for StepSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, file, rows, accepted, already_there, changed, refused, .. } = self;
        write!(f, "{name} from {file}: {rows} rows, {accepted} accepted")?;
        write!(f, ", {already_there} already there")?;
        write!(f, ", {changed} changed since, {refused} refused")?;
        for (count, what) in [
            (self.skipped, "not for this step"),
            (self.repeated, "repeated"),
            (self.blank_lines, "empty lines"),
        ] {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        for ((column, from, to), count) in &self.replaced {
            write!(f, "\n  {column}: `{from}` became `{to}` in {count} rows")?;
        }
        for (column, count) in &self.blanks {
            write!(f, "\n  {column}: blank in {count} rows, left out")?;
        }
        Ok(())
    }
}
