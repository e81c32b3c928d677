//! A group of requests as the arguments of the function `append`.

use events::{
    envelope::Instant,
    ids::{CommandId, LogId},
};
use sqlx::{
    Postgres,
    postgres::{PgArguments, PgBindIterExt as _},
    query::QueryScalar,
};

use super::schema::sql;
use crate::store::{
    Attempt, LedgerEntry, RecordedAttempt,
    checksum::{self, Checksum},
    group::Group,
    sequencer::{Admission, Placed, StreamChange, StreamKey},
};

/// A statement that answers with one value.
pub(super) type Call<'q, T> = QueryScalar<'q, Postgres, T, PgArguments>;
type Append<'q> = Call<'q, String>;

const APPEND: &str = "select append_2($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, \
    $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, \
    $34, $35, $36, $37, $38, $39, $40, $41, $42, $43, $44, $45, $46, $47, $48, $49, $50, \
    $51, $52, $53, $54, $55, $56, $57, $58, $59, $60)";

/// The call that writes an admission, unless one of the `unknown` commands is in the ledger.
pub(super) fn append<'q>(
    admission: &'q Admission,
    group: &'q Group,
    sums: &'q Sums,
    unknown: &'q [CommandId],
) -> Append<'q> {
    let query =
        sqlx::query_scalar(APPEND).bind(unknown.iter().map(|command| command.0).bind_iter());
    let query = head(query, admission);
    let query = streams(query, admission);
    let query = events(query, &admission.events);
    let query = ledger(query, &admission.ledger, &sums.ledger);
    let query = attempts(query, &group.attempts, &sums.attempts);
    let query = raised(query, &group.raised, &sums.raised);
    checkpoints(query, group, &sums.checkpoints)
}

/// The checksums of what a group writes.
pub(super) struct Sums {
    ledger: Vec<Checksum>,
    attempts: Vec<Checksum>,
    raised: Vec<Checksum>,
    checkpoints: Vec<Checksum>,
}

impl Sums {
    pub(super) fn of(log: LogId, admission: &Admission, group: &Group) -> Self {
        let raised = group.raised.iter().map(|raised| (raised.number, &raised.attempt));
        let checkpoints = group.checkpoints.iter();
        Self {
            ledger: of_ledger(log, &admission.ledger),
            attempts: of_attempts(log, (admission.before.attempts + 1..).zip(&group.attempts)),
            raised: of_attempts(log, raised),
            checkpoints: checkpoints
                .map(|(name, position)| checksum::of_checkpoint(log, name, *position))
                .collect(),
        }
    }
}

/// The checksums of lines of the ledger.
pub(super) fn of_ledger(log: LogId, ledger: &[(StreamKey, LedgerEntry)]) -> Vec<Checksum> {
    ledger.iter().map(|(_, entry)| checksum::of_entry(log, entry)).collect()
}

/// The checksums of attempts as they are kept, with their numbers.
pub(super) fn of_attempts<'a>(
    log: LogId,
    attempts: impl Iterator<Item = (u64, &'a Attempt)>,
) -> Vec<Checksum> {
    attempts
        .map(|(number, attempt)| {
            let attempt = attempt.clone();
            let kept = as_kept(RecordedAttempt { number, attempt });
            checksum::of_attempt(log, number, &kept.attempt)
        })
        .collect()
}

fn head<'q>(query: Append<'q>, admission: &'q Admission) -> Append<'q> {
    let Admission { before, after, .. } = admission;
    query
        .bind(before.head.position.sql())
        .bind(before.head.recorded_at.micros())
        .bind(sql(before.turn))
        .bind(after.head.position.sql())
        .bind(after.head.recorded_at.micros())
        .bind(sql(after.streams))
        .bind(sql(after.attempts))
        .bind(sql(after.turn))
}

fn streams<'q>(query: Append<'q>, admission: &'q Admission) -> Append<'q> {
    let new = || admission.streams.iter().filter(|change| change.is_new);
    let longer = || admission.streams.iter().filter(|change| !change.is_new);
    let key = |change: &StreamChange| sql(change.head.key.0);
    let version = |change: &StreamChange| sql(change.head.version.0);
    query
        .bind(new().map(key).bind_iter())
        .bind(new().map(version).bind_iter())
        .bind(new().map(|change| change.name.id).bind_iter())
        .bind(new().map(|change| change.name.category.name()).bind_iter())
        .bind(longer().map(key).bind_iter())
        .bind(longer().map(version).bind_iter())
}

/// Events with the keys of their streams: everything but their positions.
pub(super) fn events<'q, T>(query: Call<'q, T>, events: &'q [Placed]) -> Call<'q, T> {
    let keys = events.iter().map(|placed| sql(placed.key.0));
    let before = || events.iter().map(|placed| placed.before.as_ref());
    let recorded = || events.iter().map(|placed| &*placed.event);
    let contents = || recorded().map(|recorded| &recorded.event);
    let causes = || contents().map(|event| &event.cause);
    query
        .bind(keys.bind_iter())
        .bind(recorded().map(|recorded| sql(recorded.version.0)).bind_iter())
        .bind(recorded().map(|recorded| recorded.recorded_at.micros()).bind_iter())
        .bind(contents().map(|event| event.effective_at.map(Instant::micros)).bind_iter())
        .bind(contents().map(|event| i32::from(event.event_type.version)).bind_iter())
        .bind(contents().map(|event| event.event_id.0).bind_iter())
        .bind(causes().map(|cause| cause.actor.id).bind_iter())
        .bind(causes().map(|cause| cause.on_behalf_of).bind_iter())
        .bind(causes().map(|cause| cause.command_id.0).bind_iter())
        .bind(causes().map(|cause| cause.causation_id).bind_iter())
        .bind(causes().map(|cause| cause.correlation_id).bind_iter())
        .bind(contents().map(|event| &*event.event_type.name).bind_iter())
        .bind(causes().map(|cause| cause.actor.kind.name()).bind_iter())
        .bind(causes().map(|cause| cause.channel.name()).bind_iter())
        .bind(contents().map(|event| &event.payload_sha256[..]).bind_iter())
        .bind(recorded().map(|recorded| &recorded.leaf.0[..]).bind_iter())
        .bind(contents().map(|event| &event.payload[..]).bind_iter())
        .bind(before().map(|before| before.map_or(0, |before| before.position.sql())).bind_iter())
        .bind(
            before().map(|before| before.map_or(&[][..], |before| &before.leaf.0[..])).bind_iter(),
        )
}

/// Lines of the ledger with the keys of their streams.
pub(super) fn ledger<'q, T>(
    query: Call<'q, T>,
    ledger: &'q [(StreamKey, LedgerEntry)],
    sums: &'q [Checksum],
) -> Call<'q, T> {
    let entries = || ledger.iter().map(|(_, entry)| entry);
    let receipts = || entries().map(|entry| entry.receipt);
    query
        .bind(entries().map(|entry| entry.command_id.0).bind_iter())
        .bind(ledger.iter().map(|(key, _)| sql(key.0)).bind_iter())
        .bind(receipts().map(|receipt| sql(receipt.version.0)).bind_iter())
        .bind(receipts().map(|receipt| receipt.position.sql()).bind_iter())
        .bind(
            receipts().map(|receipt| i32::try_from(receipt.events).unwrap_or(i32::MAX)).bind_iter(),
        )
        .bind(entries().map(|entry| entry.actor.id).bind_iter())
        .bind(entries().map(|entry| entry.actor.kind.name()).bind_iter())
        .bind(entries().map(|entry| &entry.fingerprint.0[..]).bind_iter())
        .bind(sums.iter().map(|sum| &sum[..]).bind_iter())
}

/// Refused commands, in the order of their numbers.
pub(super) fn attempts<'q, T>(
    query: Call<'q, T>,
    attempts: &'q [Attempt],
    sums: &'q [Checksum],
) -> Call<'q, T> {
    let all = || attempts.iter();
    query
        .bind(all().map(|attempt| attempt.at.micros()).bind_iter())
        .bind(all().map(|attempt| attempt.actor.kind.name()).bind_iter())
        .bind(all().map(|attempt| attempt.actor.id).bind_iter())
        .bind(all().map(|attempt| attempt.command_id.0).bind_iter())
        .bind(all().map(|attempt| storable(&attempt.command)).bind_iter())
        .bind(all().map(|attempt| attempt.stream.map(|stream| stream.category.name())).bind_iter())
        .bind(all().map(|attempt| attempt.stream.map(|stream| stream.id)).bind_iter())
        .bind(all().map(|attempt| storable(&attempt.code)).bind_iter())
        .bind(all().map(|attempt| attempt.token.map(|token| token.0)).bind_iter())
        .bind(all().map(|attempt| sql(attempt.count)).bind_iter())
        .bind(sums.iter().map(|sum| &sum[..]).bind_iter())
}

fn raised<'q>(
    query: Append<'q>,
    raised: &'q [RecordedAttempt],
    sums: &'q [Checksum],
) -> Append<'q> {
    query
        .bind(raised.iter().map(|raised| sql(raised.number)).bind_iter())
        .bind(raised.iter().map(|raised| sql(raised.attempt.count)).bind_iter())
        .bind(sums.iter().map(|sum| &sum[..]).bind_iter())
}

fn checkpoints<'q>(query: Append<'q>, group: &'q Group, sums: &'q [Checksum]) -> Append<'q> {
    query
        .bind(group.checkpoints.iter().map(|(name, _)| *name).bind_iter())
        .bind(group.checkpoints.iter().map(|(_, position)| position.sql()).bind_iter())
        .bind(sums.iter().map(|sum| &sum[..]).bind_iter())
}

/// An attempt as a database of this kind keeps it.
#[must_use]
pub fn as_kept(mut recorded: RecordedAttempt) -> RecordedAttempt {
    let attempt = &mut recorded.attempt;
    if attempt.command.contains('\0') || attempt.code.contains('\0') {
        attempt.command = storable(&attempt.command).into();
        attempt.code = storable(&attempt.code).into();
    }
    recorded
}

/// PostgreSQL has no text with a zero in it. One refused command must not fail its neighbours.
fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
