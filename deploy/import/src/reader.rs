//! Reads a list strictly as RFC 4180 says: what is not clear is refused with its line, not guessed.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::Path,
};

use anyhow::{Context, Result, bail, ensure};
use aws_lc_rs::digest;
use deploy_console::regular;

use super::{
    encoding::Encoding,
    mapping::{FileFormat, UnnamedColumns},
    scanner::{RawRecord, Scanner},
};

/// More characters than the name of a column needs: it is told wherever something is wrong in it.
const MAX_NAME: usize = 200;
/// More columns than any list needs: a header beyond this is no header.
const MAX_COLUMNS: usize = 1_000;

/// The columns that a file of refused rows has after the list's own. A corrected file of refused
/// rows is imported like any other: these columns say which row of which file each one is.
pub const REJECT_COLUMNS: [&str; 8] = [
    "annals_file",
    "annals_row",
    "annals_key",
    "annals_line",
    "annals_column",
    "annals_code",
    "annals_detail",
    "annals_raw",
];

/// The columns that such a file had before it said what its rows share with others.
const OLD_REJECT_COLUMNS: [&str; 7] = [
    "annals_file",
    "annals_row",
    "annals_line",
    "annals_column",
    "annals_code",
    "annals_detail",
    "annals_raw",
];

/// What the columns of a list say besides its own values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Marks {
    /// Nothing: it is a list.
    None,
    /// Which row of which list each was.
    Old,
    /// And which rows made what it shares with others.
    New,
}

/// One row that could be read.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// The line it begins in; the header is line 1.
    pub(super) line: u64,
    /// Which row of the list it is, from 1; in a file of refused rows, the row it was.
    pub(super) number: u64,
    /// SHA-256 of the list it comes from, where a file of refused rows says so.
    pub(super) origin: Option<String>,
    /// Which rows made what it shares with others, where a file of refused rows says so.
    pub(super) key: Option<String>,
    /// Its values, one for each column of the header.
    pub(super) values: Vec<String>,
}

/// One row that could not be read.
#[derive(Clone, Debug)]
pub(super) struct BadRow {
    /// The line it begins in.
    pub(super) line: u64,
    /// Which row of the list it is, from 1.
    pub(super) number: u64,
    /// The column, where the trouble is in one.
    pub(super) column: Option<String>,
    /// What is wrong.
    pub(super) detail: String,
    /// The beginning of the row as it was written.
    pub(super) raw: String,
}

/// An open list: its header was read and makes sense.
pub(super) struct Table {
    scanner: Scanner<BufReader<File>>,
    record: RawRecord,
    columns: Vec<String>,
    /// Which fields of a record are the columns; the others have no name.
    fields: Vec<usize>,
    width: usize,
    encoding: Encoding,
    marks: Marks,
    rows: u64,
    blank_lines: u64,
}

impl Table {
    /// Opens a list and reads its header.
    ///
    /// # Errors
    /// When the file cannot be read, is empty, is no text, or its header is unclear. One line each.
    pub(super) fn open(path: &Path, format: &FileFormat) -> Result<Self> {
        let name = path.display();
        // A pipe that nobody writes to would be waited for without an end.
        regular::check(path, u64::MAX).with_context(|| format!("cannot open {name}"))?;
        let file = File::open(path).with_context(|| format!("cannot open {name}"))?;
        let mut input = BufReader::with_capacity(64 * 1024, file);
        skip_byte_order_mark(&mut input).with_context(|| name.to_string())?;
        let mut table = Self {
            scanner: Scanner::new(input, format.delimiter_byte()?),
            record: RawRecord::default(),
            columns: Vec::new(),
            fields: Vec::new(),
            width: 0,
            encoding: format.encoding,
            marks: Marks::None,
            rows: 0,
            blank_lines: 0,
        };
        table.read_header(format.unnamed_columns).with_context(|| name.to_string())?;
        Ok(table)
    }

    fn read_header(&mut self, unnamed: UnnamedColumns) -> Result<()> {
        ensure!(self.scanner.next_record(&mut self.record)?, "the file is empty");
        if let Some(fault) = &self.record.fault {
            bail!("the header cannot be read: line {}: {}", fault.line, fault.detail);
        }
        self.width = self.record.len();
        ensure!(self.width <= MAX_COLUMNS, "more than {MAX_COLUMNS} columns");
        for index in 0..self.width {
            let name = self
                .encoding
                .decode(self.record.field(index))
                .map_err(|detail| anyhow::anyhow!("the header cannot be read: {detail}"))?;
            let name = name.trim();
            if index == 0 && self.width <= 2 && name.starts_with("sep=") {
                bail!("the file begins with `sep=`: remove that line and name the delimiter");
            }
            if name.is_empty() {
                ensure!(
                    unnamed == UnnamedColumns::Ignore,
                    "column {} has no name (`unnamed_columns = \"ignore\"` leaves it out)",
                    index + 1
                );
                continue;
            }
            ensure!(
                name.chars().count() <= MAX_NAME,
                "column {} has a name of more than {MAX_NAME} characters",
                index + 1
            );
            ensure!(!self.columns.iter().any(|other| other == name), "two columns are `{name}`");
            self.columns.push(name.to_owned());
            self.fields.push(index);
        }
        for (marks, names) in
            [(Marks::New, &REJECT_COLUMNS[..]), (Marks::Old, &OLD_REJECT_COLUMNS[..])]
        {
            let own = self.columns.len().saturating_sub(names.len());
            if self.columns[own..] == *names {
                self.marks = marks;
                self.columns.truncate(own);
            }
        }
        Ok(())
    }

    /// The names of the columns, in order.
    pub(super) fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Whether its rows say which rows made what they share with others.
    pub(super) fn has_keys(&self) -> bool {
        self.marks == Marks::New
    }

    /// How many empty lines were passed over: they hold no row.
    pub(super) const fn blank_lines(&self) -> u64 {
        self.blank_lines
    }

    /// How many bytes were read.
    pub(super) const fn bytes_read(&self) -> u64 {
        self.scanner.bytes_read()
    }

    /// The next row, read or refused; none at the end.
    ///
    /// # Errors
    /// When the file cannot be read any further.
    pub(super) fn next_row(&mut self) -> io::Result<Option<Result<Row, BadRow>>> {
        loop {
            if !self.scanner.next_record(&mut self.record)? {
                return Ok(None);
            }
            if self.width > 1 && self.record.is_blank_line() {
                self.blank_lines += 1;
                continue;
            }
            self.rows += 1;
            return Ok(Some(self.decode()));
        }
    }

    fn decode(&self) -> Result<Row, BadRow> {
        if let Some(fault) = &self.record.fault {
            let detail = if fault.line == self.record.line {
                fault.detail.to_string()
            } else {
                format!("line {}: {}", fault.line, fault.detail)
            };
            return Err(self.bad_row(Some(fault.field), detail));
        }
        if self.record.len() != self.width {
            let detail = format!("{} fields, the header has {}", self.record.len(), self.width);
            return Err(self.bad_row(None, detail));
        }
        let mut values = Vec::with_capacity(self.fields.len());
        for field in &self.fields {
            let value = self.encoding.decode(self.record.field(*field));
            values.push(value.map_err(|detail| self.bad_row(Some(*field), detail))?);
        }
        let line = self.record.line;
        let mut row = Row { line, number: self.rows, origin: None, key: None, values };
        if self.marks != Marks::None {
            let identity = row.values.split_off(self.columns.len());
            row.number = identity[1].parse().map_err(|_| {
                self.bad_row(None, "`annals_row` must stay as it was written".to_owned())
            })?;
            row.origin = Some(identity[0].clone());
            row.key = (self.marks == Marks::New).then(|| identity[2].clone());
        }
        Ok(row)
    }

    fn bad_row(&self, field: Option<usize>, detail: String) -> BadRow {
        let column = field
            .and_then(|field| self.fields.iter().position(|known| *known == field))
            .and_then(|position| self.columns.get(position).cloned());
        BadRow {
            line: self.record.line,
            number: self.rows,
            column,
            detail,
            raw: String::from_utf8_lossy(self.record.raw()).trim_end().to_owned(),
        }
    }
}

/// SHA-256 of a file, in hex: the identity of rows without a key.
///
/// # Errors
/// When the file cannot be read.
pub(super) fn sha256(path: &Path) -> Result<String> {
    let mut input = BufReader::new(
        File::open(path).with_context(|| format!("cannot open {}", path.display()))?,
    );
    let mut context = digest::Context::new(&digest::SHA256);
    loop {
        let bytes = input.fill_buf().with_context(|| path.display().to_string())?;
        if bytes.is_empty() {
            return Ok(hex::encode(context.finish()));
        }
        context.update(bytes);
        let read = bytes.len();
        input.consume(read);
    }
}

/// Passes over a byte order mark of UTF-8; what is clearly no list is named.
fn skip_byte_order_mark(input: &mut impl BufRead) -> Result<()> {
    let start = input.fill_buf()?;
    match start {
        [0xEF, 0xBB, 0xBF, ..] => input.consume(3),
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => bail!("the file is UTF-16: save it as UTF-8"),
        [b'P', b'K', 3, 4, ..] => bail!("the file is a workbook or a zip archive, no list"),
        [0x1F, 0x8B, ..] => bail!("the file is compressed with gzip: unpack it first"),
        [0xD0, 0xCF, 0x11, 0xE0, ..] => bail!("the file is an old Excel workbook, no list"),
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
