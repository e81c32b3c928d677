//! That a checksum covers every field of its row, and keeps fields apart.

use std::collections::HashSet;

use events::{
    envelope::{Actor, ActorKind, Instant, Position, Version},
    ids::{Category, CommandId, LogId, StreamName, TokenId},
};
use uuid::Uuid;

use super::{of_attempt, of_checkpoint, of_entry};
use crate::store::{
    Attempt, Fingerprint, LedgerEntry, Receipt,
    contract::{ACTOR, MORNING},
};

const LOG: LogId = LogId(Uuid::from_u128(1));
const OTHER: Uuid = Uuid::from_u128(99);
const PROCESS: Actor = Actor { kind: ActorKind::Process, ..ACTOR };
const STREAM: StreamName = StreamName { category: Category::Account, id: Uuid::from_u128(3) };

/// Asserts that no two rows have one checksum.
fn assert_all_differ(checksums: Vec<super::Checksum>) {
    let count = checksums.len();
    assert_eq!(checksums.into_iter().collect::<HashSet<_>>().len(), count);
}

#[test]
fn every_field_of_a_ledger_line_counts() {
    let receipt = Receipt { stream: STREAM, version: Version(4), position: Position(5), events: 2 };
    let entry = LedgerEntry {
        command_id: CommandId(Uuid::from_u128(2)),
        fingerprint: Fingerprint([7; 32]),
        actor: ACTOR,
        receipt,
    };
    let with = |receipt| LedgerEntry { receipt, ..entry };
    let changed = [
        entry,
        LedgerEntry { command_id: CommandId(OTHER), ..entry },
        LedgerEntry { fingerprint: Fingerprint([8; 32]), ..entry },
        LedgerEntry { actor: PROCESS, ..entry },
        LedgerEntry { actor: Actor { id: OTHER, ..ACTOR }, ..entry },
        with(Receipt { stream: StreamName { id: OTHER, ..STREAM }, ..receipt }),
        with(Receipt { stream: StreamName { category: Category::Contact, ..STREAM }, ..receipt }),
        with(Receipt { version: Version(5), ..receipt }),
        with(Receipt { position: Position(4), ..receipt }),
        with(Receipt { events: 1, ..receipt }),
    ];
    let mut checksums: Vec<_> = changed.iter().map(|entry| of_entry(LOG, entry)).collect();
    checksums.push(of_entry(LogId(OTHER), &entry));
    assert_all_differ(checksums);
}

#[test]
fn every_field_of_an_attempt_counts() {
    let attempt = Attempt {
        at: MORNING,
        actor: ACTOR,
        command_id: CommandId(Uuid::from_u128(2)),
        command: "AcceptQuote".into(),
        stream: Some(STREAM),
        code: "quote.not_active".into(),
        token: None,
        count: 1,
    };
    let base = || attempt.clone();
    let changed = [
        base(),
        Attempt { at: Instant::from_micros(MORNING.micros() + 1), ..base() },
        Attempt { actor: PROCESS, ..base() },
        Attempt { command_id: CommandId(OTHER), ..base() },
        Attempt { command: "AcceptQuot".into(), code: "equote.not_active".into(), ..base() },
        Attempt { command: "".into(), ..base() },
        Attempt { stream: None, ..base() },
        Attempt { stream: Some(StreamName { id: OTHER, ..STREAM }), ..base() },
        Attempt { code: "quote.not_activE".into(), ..base() },
        Attempt { token: Some(TokenId(OTHER)), ..base() },
        Attempt { token: Some(TokenId(Uuid::nil())), ..base() },
        Attempt { count: 2, ..base() },
    ];
    let mut checksums: Vec<_> = changed.iter().map(|one| of_attempt(LOG, 6, one)).collect();
    checksums.push(of_attempt(LOG, 7, &attempt));
    checksums.push(of_attempt(LogId(OTHER), 6, &attempt));
    assert_all_differ(checksums);
}

#[test]
fn every_field_of_a_checkpoint_counts() {
    assert_all_differ(vec![
        of_checkpoint(LOG, "reactions", Position(5)),
        of_checkpoint(LOG, "reactions", Position(6)),
        of_checkpoint(LOG, "reaction", Position(5)),
        of_checkpoint(LogId(OTHER), "reactions", Position(5)),
    ]);
}
