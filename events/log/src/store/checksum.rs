//! Checksums of what no leaf hash covers: lines of the ledger, attempts, checkpoints of processes.
//!
//! They tell damage (a bit that flipped, a row that was half written), not a forger: whoever can
//! write to the database can make them again. 16 bytes of SHA-256 over the id of the log and every
//! field, each with its length.

use aws_lc_rs::digest::{Context, SHA256};
use events::{
    envelope::{Actor, Position},
    ids::{LogId, StreamName},
};

use super::{Attempt, LedgerEntry};

/// The first half of a SHA-256.
pub(crate) type Checksum = [u8; 16];

/// Of a line of the ledger. It covers the name of the stream and not its number inside the store, so
/// that a copy has the same one, and a number that leads to another stream is found out.
pub(crate) fn of_entry(log: LogId, entry: &LedgerEntry) -> Checksum {
    let mut fields = Fields::new(log, b"ledger");
    fields.add(entry.command_id.0.as_bytes());
    fields.add(&entry.fingerprint.0);
    fields.actor(entry.actor);
    fields.stream(Some(entry.receipt.stream));
    fields.number(entry.receipt.version.0);
    fields.number(entry.receipt.position.0);
    fields.number(entry.receipt.events.into());
    fields.finish()
}

/// Of an attempt, as the store keeps it.
pub(crate) fn of_attempt(log: LogId, number: u64, attempt: &Attempt) -> Checksum {
    let mut fields = Fields::new(log, b"attempt");
    fields.number(number);
    fields.add(&attempt.at.micros().to_be_bytes());
    fields.actor(attempt.actor);
    fields.add(attempt.command_id.0.as_bytes());
    fields.add(attempt.command.as_bytes());
    fields.stream(attempt.stream);
    fields.add(attempt.code.as_bytes());
    fields.option(attempt.token.as_ref().map(|token| &token.0.as_bytes()[..]));
    fields.number(attempt.count);
    fields.finish()
}

/// Of the place where a process manager stands.
pub(crate) fn of_checkpoint(log: LogId, name: &str, position: Position) -> Checksum {
    let mut fields = Fields::new(log, b"checkpoint");
    fields.add(name.as_bytes());
    fields.number(position.0);
    fields.finish()
}

struct Fields(Vec<u8>);

impl Fields {
    fn new(log: LogId, table: &[u8]) -> Self {
        let mut fields = Self(Vec::with_capacity(256));
        fields.add(table);
        fields.add(log.0.as_bytes());
        fields
    }

    fn add(&mut self, bytes: &[u8]) {
        // No field comes near 4 GiB.
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(bytes);
    }

    fn number(&mut self, number: u64) {
        self.add(&number.to_be_bytes());
    }

    fn option(&mut self, bytes: Option<&[u8]>) {
        self.0.push(bytes.is_some().into());
        self.add(bytes.unwrap_or_default());
    }

    fn actor(&mut self, actor: Actor) {
        self.add(actor.kind.name().as_bytes());
        self.add(actor.id.as_bytes());
    }

    fn stream(&mut self, stream: Option<StreamName>) {
        self.option(stream.as_ref().map(|stream| &stream.id.as_bytes()[..]));
        self.option(stream.as_ref().map(|stream| stream.category.name().as_bytes()));
    }

    fn finish(self) -> Checksum {
        let mut context = Context::new(&SHA256);
        context.update(&self.0);
        let mut checksum = [0; 16];
        checksum.copy_from_slice(&context.finish().as_ref()[..16]);
        checksum
    }
}

#[cfg(test)]
#[path = "checksum_tests.rs"]
mod tests;
