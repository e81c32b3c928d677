//! Which row made the record of each kind, where a step wants only the first row of each kind.
//!
//! In a list that is the first row with those values. A file of refused rows lacks most rows of its
//! list, so each of its rows says which row that was, and a file beside it says it of every kind of
//! the list: also a value that is corrected finds the record that it means.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use aws_lc_rs::digest;

use super::plan::PlannedStep;

/// What is known of the kinds of one file.
#[derive(Debug, Default)]
pub(super) struct Kinds {
    /// The number of the first row, by step and kind.
    first: HashMap<(u64, u64), u64>,
    /// Whether every kind of the list is known.
    is_complete: bool,
}

/// The file beside a file of refused rows that says it of all kinds of the list.
pub(super) fn beside(rejects: &Path) -> PathBuf {
    let mut name = rejects.as_os_str().to_owned();
    name.push(".kinds");
    name.into()
}

/// What stands for a text in files: the values themselves may be long, or have any character. Two of
/// a million have the same with a chance of one in forty million.
fn short(text: &str) -> u64 {
    let digest = digest::digest(&digest::SHA256, text.as_bytes());
    digest.as_ref().iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn key_of(step: &PlannedStep, kind: &str) -> (u64, u64) {
    (short(&format!("{}:{}", step.entity, step.name)), short(kind))
}

impl Kinds {
    /// Those of a list.
    pub(super) fn of_list() -> Self {
        Self { first: HashMap::new(), is_complete: true }
    }

    /// Those that the file beside a file of refused rows knows; none where there is no such file.
    pub(super) fn of_rejects(rejects: &Path) -> Result<Self> {
        let path = beside(rejects);
        let failed = || format!("cannot read {}", path.display());
        let is_complete = path.try_exists().with_context(failed)?;
        let mut kinds = Self { first: HashMap::new(), is_complete };
        if is_complete {
            kinds.take_in(&fs::read_to_string(&path).with_context(failed)?);
        }
        Ok(kinds)
    }

    /// A row of that kind: the first one counts.
    pub(super) fn add(&mut self, step: &PlannedStep, kind: &str, row: u64) {
        self.first.entry(key_of(step, kind)).or_insert(row);
    }

    /// Takes in what a file says; what is no such text says nothing.
    pub(super) fn take_in(&mut self, text: &str) {
        for one in text.split_whitespace() {
            let mut parts = one.split(':');
            if let (Some(step), Some(kind), Some(row), None) =
                (parts.next(), parts.next(), parts.next(), parts.next())
                && let (Ok(step), Ok(kind)) =
                    (u64::from_str_radix(step, 16), u64::from_str_radix(kind, 16))
                && let Ok(row) = row.parse()
            {
                self.first.entry((step, kind)).or_insert(row);
            }
        }
    }

    /// The first row of a kind.
    pub(super) fn first(&self, step: &PlannedStep, kind: &str) -> Option<u64> {
        self.first.get(&key_of(step, kind)).copied()
    }

    /// Whether a kind that is not known is a new one.
    pub(super) const fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// What a file of refused rows says of a row of these kinds.
    pub(super) fn text_of<'a>(
        &self,
        kinds: impl Iterator<Item = (&'a PlannedStep, String)>,
    ) -> String {
        let known = kinds.filter_map(|(step, kind)| {
            let row = self.first(step, &kind)?;
            let (step, kind) = key_of(step, &kind);
            Some(format!("{step:016x}:{kind:016x}:{row}"))
        });
        known.collect::<Vec<_>>().join(" ")
    }

    /// Writes down all of them, beside a file of refused rows.
    pub(super) fn write(&self, rejects: &Path) -> Result<()> {
        if !self.is_complete || self.first.is_empty() {
            return Ok(());
        }
        let line =
            |((step, kind), row): (&(u64, u64), &u64)| format!("{step:016x}:{kind:016x}:{row}\n");
        let mut lines: Vec<_> = self.first.iter().map(line).collect();
        lines.sort_unstable();
        let path = beside(rejects);
        fs::write(&path, lines.concat()).with_context(|| format!("cannot write {}", path.display()))
    }
}
