//! Writes the refused rows to files that can be corrected and imported again.

use std::{
    collections::{BTreeMap, HashSet},
    fs::{self, File},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};

use super::{
    kinds::{Kinds, beside},
    plan::{Plan, PlannedFile},
    reader::REJECT_COLUMNS,
    refusal::RowRefusal,
};

/// One refused row, as far as it could be read.
pub(super) struct Reject<'a> {
    pub(super) line: u64,
    pub(super) number: u64,
    pub(super) origin: Option<&'a str>,
    /// Which rows made what it shares with others.
    pub(super) key: &'a str,
    /// Its values; none where it could not be read.
    pub(super) values: Option<&'a [String]>,
    /// The row as it was written, where it could not be read.
    pub(super) raw: &'a str,
}

/// One file of refused rows for each file of the import, with the same name.
pub(super) struct Rejects {
    folder: Option<PathBuf>,
    writers: BTreeMap<String, csv::Writer<File>>,
    written: HashSet<(String, String, u64)>,
}

impl Rejects {
    /// Makes the folder. No file in it is ever overwritten.
    pub(super) fn new(folder: Option<&Path>, plan: &Plan) -> Result<Self> {
        if let Some(folder) = folder {
            fs::create_dir_all(folder)
                .with_context(|| format!("cannot make the folder {}", folder.display()))?;
            for name in plan.files.keys() {
                let path = folder.join(name);
                for path in [beside(&path), path] {
                    ensure!(
                        !path.exists(),
                        "{} is there already: move it away or name another folder",
                        path.display()
                    );
                }
            }
        }
        Ok(Self {
            folder: folder.map(Path::to_path_buf),
            writers: BTreeMap::new(),
            written: HashSet::new(),
        })
    }

    /// Whether refused rows are written at all.
    pub(super) const fn are_kept(&self) -> bool {
        self.folder.is_some()
    }

    /// Writes a refused row, once, with the first reason.
    pub(super) fn write(
        &mut self,
        name: &str,
        file: &PlannedFile,
        row: &Reject<'_>,
        kinds: &Kinds,
        refusal: &RowRefusal,
    ) -> Result<()> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let origin = row.origin.unwrap_or(&file.sha256);
        if !self.written.insert((name.to_owned(), origin.to_owned(), row.number)) {
            return Ok(());
        }
        let path = folder.join(name);
        let failed = || format!("cannot write {}", path.display());
        if !self.writers.contains_key(name) {
            let mut writer = csv::WriterBuilder::new()
                .delimiter(file.format.delimiter_byte()?)
                .from_writer(File::create_new(&path).with_context(failed)?);
            let header = file.columns.iter().map(String::as_str).chain(REJECT_COLUMNS);
            writer.write_record(header).with_context(failed)?;
            kinds.write(&path)?;
            self.writers.insert(name.to_owned(), writer);
        }
        let Some(writer) = self.writers.get_mut(name) else { return Ok(()) };
        let blank = vec![String::new(); file.columns.len()];
        let (number, line) = (row.number.to_string(), row.line.to_string());
        let about = [
            origin,
            &number,
            row.key,
            &line,
            refusal.column.as_deref().unwrap_or_default(),
            &refusal.code,
            &refusal.detail,
            row.raw,
        ];
        let values = row.values.unwrap_or(&blank).iter().map(String::as_str);
        writer.write_record(values.chain(about)).with_context(failed)
    }

    /// Makes sure that everything is in the files.
    pub(super) fn finish(mut self) -> Result<()> {
        for (name, writer) in &mut self.writers {
            writer.flush().with_context(|| format!("cannot write the refused rows of {name}"))?;
        }
        Ok(())
    }
}
