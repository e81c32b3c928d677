//! Splits bytes into records and fields by RFC 4180, with every departure from it named.

use std::{
    borrow::Cow,
    io::{self, BufRead},
};

/// The longest field. Memory stays bounded even when a quote is never closed.
const MAX_FIELD_BYTES: usize = 1024 * 1024;
/// The most fields of a record; a record beyond it is refused and passed over.
const MAX_FIELDS: usize = 10_000;
/// How much of a refused record is kept to be shown.
const MAX_RAW_BYTES: usize = 64 * 1024;

/// What departs from RFC 4180 in a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// The line it was seen in.
    pub(super) line: u64,
    /// The field it was seen in, from 0.
    pub(super) field: usize,
    /// What it is.
    pub(super) detail: Cow<'static, str>,
}

/// One record, reused from one to the next.
#[derive(Default)]
pub(super) struct RawRecord {
    /// The line it begins in, from 1.
    pub(super) line: u64,
    /// The first departure from RFC 4180; the fields are then not complete.
    pub(super) fault: Option<Fault>,
    bytes: Vec<u8>,
    ends: Vec<usize>,
    raw: Vec<u8>,
}

impl RawRecord {
    /// How many fields it has.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The bytes of a field, without its quotes.
    pub(super) fn field(&self, index: usize) -> &[u8] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.bytes[start..self.ends[index]]
    }

    /// The beginning of the record as it was written.
    pub(super) fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// Whether there was nothing but the end of a line.
    pub(super) fn is_blank_line(&self) -> bool {
        self.raw.iter().all(|byte| matches!(byte, b'\r' | b'\n'))
    }

    fn clear(&mut self, line: u64) {
        self.line = line;
        self.fault = None;
        self.bytes.clear();
        self.ends.clear();
        self.raw.clear();
    }

    fn fault(&mut self, line: u64, detail: impl Into<Cow<'static, str>>) {
        if self.fault.is_none() {
            let field = self.ends.len();
            self.fault = Some(Fault { line, field, detail: detail.into() });
        }
    }

    fn push(&mut self, byte: u8, line: u64) {
        let start = self.ends.last().copied().unwrap_or(0);
        if byte == 0 {
            self.fault(line, "a NUL byte");
        } else if self.bytes.len() - start >= MAX_FIELD_BYTES {
            self.fault(line, "a field of more than 1 MiB");
        } else if self.fault.is_none() {
            self.bytes.push(byte);
        }
    }

    fn end_field(&mut self, line: u64) {
        if self.ends.len() >= MAX_FIELDS {
            self.fault(line, "more than 10000 fields");
        } else {
            self.ends.push(self.bytes.len());
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    FieldStart,
    Unquoted,
    Quoted,
    /// A quote inside a quoted field: its end, or the first half of a doubled one.
    QuoteSeen,
    /// A carriage return outside quotes: a line feed must follow.
    ReturnSeen,
    /// The record is refused; its end is the next line feed.
    Lost,
}

/// Reads records one by one.
pub(super) struct Scanner<R> {
    input: R,
    delimiter: u8,
    line: u64,
    read: u64,
}

impl<R: BufRead> Scanner<R> {
    pub(super) const fn new(input: R, delimiter: u8) -> Self {
        Self { input, delimiter, line: 1, read: 0 }
    }

    pub(super) const fn bytes_read(&self) -> u64 {
        self.read
    }

    /// Reads the next record; false at the end of the input.
    pub(super) fn next_record(&mut self, record: &mut RawRecord) -> io::Result<bool> {
        record.clear(self.line);
        let mut state = State::FieldStart;
        let mut any = false;
        loop {
            let chunk = self.input.fill_buf()?;
            if chunk.is_empty() {
                return Ok(any && self.end_of_input(state, record));
            }
            any = true;
            let mut used = 0;
            let mut ended = false;
            for &byte in chunk {
                used += 1;
                if record.raw.len() < MAX_RAW_BYTES {
                    record.raw.push(byte);
                }
                let line = self.line;
                if byte == b'\n' {
                    self.line += 1;
                }
                state = step(state, byte, self.delimiter, line, record);
                if byte == b'\n' && state != State::Quoted {
                    ended = true;
                    break;
                }
            }
            self.input.consume(used);
            self.read += u64::try_from(used).unwrap_or(0);
            if ended {
                return Ok(true);
            }
        }
    }

    fn end_of_input(&self, state: State, record: &mut RawRecord) -> bool {
        match state {
            State::Quoted => {
                let opened = record.line;
                let detail = format!(
                    "a quote that is never closed: everything from line {opened} to line {} was \
                     taken for this row",
                    self.line
                );
                record.fault(self.line, detail);
            }
            State::ReturnSeen => record.fault(self.line, "a carriage return that ends no line"),
            State::FieldStart | State::Unquoted | State::QuoteSeen => record.end_field(self.line),
            State::Lost => {}
        }
        true
    }
}

/// What one byte means; a record has ended when it was a line feed outside quotes.
fn step(state: State, byte: u8, delimiter: u8, line: u64, record: &mut RawRecord) -> State {
    match (state, byte) {
        (State::Quoted, b'"') => State::QuoteSeen,
        (State::Quoted, _) => {
            record.push(byte, line);
            State::Quoted
        }
        (State::QuoteSeen, b'"') => {
            record.push(byte, line);
            State::Quoted
        }
        (State::FieldStart, b'"') => State::Quoted,
        (State::ReturnSeen, b'\n') => {
            record.end_field(line);
            State::FieldStart
        }
        (State::ReturnSeen, _) => {
            record.fault(line, "a carriage return that ends no line");
            State::Lost
        }
        (State::Lost, _) => State::Lost,
        (_, b'\n') => {
            record.end_field(line);
            State::FieldStart
        }
        (_, b'\r') => State::ReturnSeen,
        (_, byte) if byte == delimiter => {
            record.end_field(line);
            State::FieldStart
        }
        (State::Unquoted, b'"') => {
            record.fault(line, "a quote inside a field that is not quoted");
            State::Lost
        }
        (State::QuoteSeen, _) => {
            record.fault(line, "text after the closing quote of a field");
            State::Lost
        }
        (State::FieldStart | State::Unquoted, _) => {
            record.push(byte, line);
            State::Unquoted
        }
    }
}
