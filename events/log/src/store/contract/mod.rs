//! The laws of the log: one suite for every store, whatever is behind it.
//!
//! A store's tests name a [`Subject`] and get one test per law: [`store_laws!`](crate::store_laws) are
//! kept by every store, [`ledger_laws!`](crate::ledger_laws) by those with dense positions and a
//! ledger of their own.

pub mod appending;
pub mod concurrency;
pub mod keeping;
pub mod positions;
pub mod processes;
pub mod reading;
pub mod repeating;

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use events::{
    envelope::{
        Actor, ActorKind, Cause, Channel, EventType, Instant, NewEvent, Position, Recorded, Version,
    },
    evidence::sha256,
    ids::{Category, CommandId, StreamName},
};
use uuid::Uuid;

use super::{
    Append, AppendError, Appended, Clock, EventFeed, EventStore, Fingerprint, Head, LedgerEntry,
    Receipt,
};

/// A store that can be opened on a log of its own.
pub trait Subject: Sized + Send + Sync + 'static {
    /// Whether there is such a store where the tests run. If not, the law counts as skipped.
    #[must_use]
    fn is_there(_law: &str) -> bool {
        true
    }

    /// Opens a log that no other law knows.
    fn fresh(clock: Clock) -> impl Future<Output = Self> + Send;

    /// Closes the store and opens the same log again, as after a restart.
    fn reopened(self) -> impl Future<Output = Self> + Send;

    /// The store.
    fn store(&self) -> Arc<dyn EventStore>;

    /// Its followers' side.
    fn feed(&self) -> Arc<dyn EventFeed>;
}

/// How long a law may take. None needs a hundredth of it on an idle machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs one law on a runtime of its own.
///
/// # Panics
/// When the law does not hold, or takes too long.
pub fn run(law: impl Future<Output = ()> + Send + 'static) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let Ok(runtime) = runtime else { panic!("no runtime can be made") };
    let bounded = async {
        // Spawned, so that it runs on the runtime's threads like everything it starts.
        match tokio::time::timeout(PATIENCE, tokio::spawn(law)).await {
            Ok(Ok(())) => {}
            Ok(Err(failed)) => std::panic::resume_unwind(failed.into_panic()),
            Err(_) => panic!("the law did not come to an end"),
        }
    };
    runtime.block_on(bounded);
}

/// One log under test, and short words for what the laws say about it.
pub struct Log<S> {
    subject: S,
    time: Arc<AtomicI64>,
    /// Where the log ended when it was opened first.
    pub start: Head,
}

/// What a clock says that nobody has set: 2026-01-01T00:00:00Z.
pub const MORNING: Instant = Instant::from_micros(1_767_225_600_000_000);

impl<S: Subject> Log<S> {
    /// A log of its own.
    pub async fn fresh() -> Self {
        let time = Arc::new(AtomicI64::new(MORNING.micros()));
        let shown = Arc::clone(&time);
        let clock: Clock = Arc::new(move || Instant::from_micros(shown.load(Ordering::SeqCst)));
        let subject = S::fresh(clock).await;
        let start = good(subject.feed().feed_head().await);
        Self { subject, time, start }
    }

    /// The same log after a restart.
    pub async fn reopened(self) -> Self {
        Self { subject: self.subject.reopened().await, ..self }
    }

    /// Sets the clock.
    pub fn set_clock(&self, now: Instant) {
        self.time.store(now.micros(), Ordering::SeqCst);
    }

    /// The store.
    pub fn store(&self) -> Arc<dyn EventStore> {
        self.subject.store()
    }

    /// The feed.
    pub fn feed(&self) -> Arc<dyn EventFeed> {
        self.subject.feed()
    }

    /// A stream of accounts that only this log has.
    pub fn stream(&self, name: &str) -> StreamName {
        StreamName { category: Category::Account, id: self.id(name) }
    }

    /// A command that only this log has.
    pub fn command(&self, name: &str) -> CommandId {
        CommandId(self.id(name))
    }

    fn id(&self, name: &str) -> Uuid {
        Uuid::new_v5(&self.store().log_id().0, name.as_bytes())
    }

    /// The command of that name, which says `words` on `stream` when it is `expected` long.
    pub fn says(&self, command: &str, stream: StreamName, expected: u64, words: &[&str]) -> Append {
        let command_id = self.command(command);
        let events = (0..).zip(words).map(|(ordinal, word)| event(command_id, ordinal, word));
        Append {
            command_id,
            fingerprint: Fingerprint(sha256(words.concat().as_bytes())),
            actor: ACTOR,
            stream,
            expected: Version(expected),
            events: events.collect(),
        }
    }

    /// Appends a batch.
    pub async fn append_all(&self, batch: Vec<Append>) -> Vec<Result<Appended, AppendError>> {
        self.store().append(batch).await
    }

    /// Appends one.
    pub async fn append(&self, append: Append) -> Result<Appended, AppendError> {
        let mut answers = self.append_all(vec![append]).await;
        assert_eq!(answers.len(), 1, "there is one answer for one entry");
        answers.remove(0)
    }

    /// Appends one that nothing is wrong with.
    pub async fn stored(&self, append: Append) -> Receipt {
        good(self.append(append).await).receipt()
    }

    /// Makes a stream of `length` events.
    pub async fn stream_of(&self, name: &str, length: usize) -> StreamName {
        let stream = self.stream(name);
        if length > 0 {
            let command = format!("{name} begins");
            self.stored(self.says(&command, stream, 0, &vec!["a word"; length])).await;
        }
        stream
    }

    /// The whole stream.
    pub async fn read_stream(&self, stream: StreamName) -> Vec<Arc<Recorded>> {
        good(self.store().read_stream(stream, Version::NONE, usize::MAX).await)
    }

    /// The whole log, since it was opened first, in pages of `page`.
    pub async fn read_by(&self, page: usize) -> Vec<Arc<Recorded>> {
        let mut log: Vec<Arc<Recorded>> = Vec::new();
        loop {
            let after = log.last().map_or(self.start.position, |last| last.position);
            let next = good(self.feed().read(after, page).await);
            assert!(next.len() <= page, "a page is no longer than asked for");
            let is_end = next.len() < page;
            log.extend(next);
            if is_end {
                return log;
            }
        }
    }

    /// The whole log, since it was opened first.
    pub async fn read(&self) -> Vec<Arc<Recorded>> {
        self.read_by(1_000).await
    }

    /// Where the log ends.
    pub async fn head(&self) -> Head {
        good(self.store().head().await)
    }

    /// What the ledger knows of a command.
    pub async fn lookup(&self, command: &str) -> Option<LedgerEntry> {
        let mut found = good(self.store().lookup(vec![self.command(command)]).await);
        assert_eq!(found.len(), 1, "there is one answer for one command");
        found.remove(0)
    }
}

/// Who does everything, unless a law says otherwise.
pub const ACTOR: Actor = Actor { kind: ActorKind::User, id: Uuid::from_u128(7) };

/// An event of a command that says one word.
#[must_use]
pub fn event(command: CommandId, ordinal: u32, word: &str) -> NewEvent {
    NewEvent {
        event_id: command.event(ordinal),
        event_type: EventType::new("account.created", 1),
        effective_at: None,
        cause: Cause {
            actor: ACTOR,
            on_behalf_of: None,
            channel: Channel::Api,
            command_id: command,
            causation_id: command.0,
            correlation_id: command.0,
        },
        payload: Bytes::copy_from_slice(word.as_bytes()),
        payload_sha256: sha256(word.as_bytes()),
    }
}

/// What an operation gave that must not fail.
///
/// # Panics
/// When it did.
pub fn good<T, E: std::fmt::Debug>(outcome: Result<T, E>) -> T {
    match outcome {
        Ok(value) => value,
        Err(error) => panic!("the store refused: {error:?}"),
    }
}

/// Asserts that an append was refused because the stream has length `actual`.
///
/// # Panics
/// When it was not.
pub fn assert_conflict(answer: &Result<Appended, AppendError>, actual: u64) {
    match answer {
        Err(AppendError::Conflict { actual: told }) => assert_eq!(*told, Version(actual)),
        other => panic!("expected a conflict at version {actual}, got {other:?}"),
    }
}

/// The words of some events.
#[must_use]
pub fn words(events: &[Arc<Recorded>]) -> Vec<String> {
    let word = |event: &Arc<Recorded>| String::from_utf8_lossy(&event.event.payload).into_owned();
    events.iter().map(word).collect()
}

/// The position `count` after another.
#[must_use]
pub fn after(position: Position, count: u64) -> Position {
    Position(position.0 + count)
}

/// Makes one test of each law.
#[doc(hidden)]
#[macro_export]
macro_rules! law_tests {
    ($subject:ty; $($module:ident: $($law:ident),* $(,)?;)*) => {$($(
        #[test]
        fn $law() {
            if <$subject as $crate::store::contract::Subject>::is_there(stringify!($law)) {
                $crate::store::contract::run($crate::store::contract::$module::$law::<$subject>());
            }
        }
    )*)*};
}

/// The laws that every store keeps: one test for each.
#[macro_export]
macro_rules! store_laws {
    ($subject:ty) => {
        $crate::law_tests! { $subject;
            appending:
                a_stream_that_is_not_there_has_no_events,
                the_first_event_of_a_stream_has_version_one,
                an_append_is_stored_only_at_the_expected_version,
                a_refused_append_changes_nothing,
                a_refused_entry_does_not_touch_its_neighbours,
                entries_of_a_batch_see_those_before_them,
                a_batch_has_one_answer_for_each_entry,
                an_append_to_many_streams_keeps_them_apart,
                two_records_of_one_id_are_two_streams,
                the_receipt_names_the_last_event,
                the_most_events_of_one_command_are_stored,
                more_events_than_the_most_are_refused,
                a_payload_of_the_largest_size_is_stored,
                a_larger_payload_is_refused;
            keeping:
                every_field_of_the_envelope_comes_back,
                payloads_come_back_byte_for_byte,
                types_this_build_does_not_know_are_kept,
                the_stored_leaf_is_the_recomputed_one,
                a_restart_keeps_everything,
                appending_goes_on_after_a_restart;
            reading:
                the_log_tells_every_stream_in_its_order,
                pages_of_every_size_tell_the_same_log,
                a_limit_of_zero_reads_nothing,
                a_stream_is_read_from_after_the_version_named,
                reading_beyond_the_end_finds_nothing,
                what_was_appended_is_read_at_once,
                the_head_is_the_last_event,
                a_long_log_is_read_from_its_beginning,
                waiting_ends_when_the_log_grows,
                waiting_for_what_is_there_does_not_wait,
                recorded_at_never_decreases_when_the_clock_jumps_back,
                recorded_at_never_decreases_over_a_restart,
                the_position_at_an_instant_is_the_last_one_recorded_by_then;
            concurrency:
                rivals_for_one_version_have_one_winner,
                a_dropped_append_is_stored_wholly_or_not_at_all;
            repeating:
                a_repeat_has_the_same_receipt_and_stores_nothing;
        }
    };
}

/// The laws of stores with dense positions and a ledger of their own: one test for each.
#[macro_export]
macro_rules! ledger_laws {
    ($subject:ty) => {
        $crate::law_tests! { $subject;
            positions:
                a_fresh_log_is_empty,
                positions_are_one_two_three,
                refused_commands_burn_no_position,
                the_events_of_a_command_are_neighbours;
            concurrency:
                readers_see_only_prefixes_while_writers_abort_and_delay,
                one_command_sent_by_many_at_once_is_stored_once;
            repeating:
                a_repeat_is_told_from_the_first,
                a_repeat_after_later_events_has_the_first_receipt,
                a_repeat_after_a_restart_has_the_first_receipt,
                a_command_id_is_refused_for_another_body,
                a_command_id_is_refused_to_another_actor,
                a_reused_command_id_is_refused_before_its_version_is_judged,
                the_same_command_twice_in_a_batch_is_stored_once,
                another_body_of_the_same_id_in_a_batch_is_refused,
                a_refused_command_is_not_remembered,
                a_command_that_lost_a_race_is_remembered_once_it_was_stored,
                a_command_refused_in_a_batch_is_judged_afresh_in_the_same_batch,
                a_command_without_events_is_remembered,
                a_command_without_events_must_expect_the_right_version,
                a_command_without_events_makes_no_stream,
                a_lookup_answers_in_the_order_of_the_question,
                a_lookup_finds_accepted_commands_after_a_restart;
            processes:
                attempts_are_numbered_and_kept_as_they_were,
                attempts_are_read_in_pages,
                an_attempt_stands_for_more_and_never_for_less,
                attempts_do_not_move_the_log,
                attempts_survive_a_restart,
                a_checkpoint_begins_at_the_start,
                a_checkpoint_never_goes_backwards,
                checkpoints_of_two_processes_stay_apart,
                a_checkpoint_survives_a_restart;
        }
    };
}

#[cfg(test)]
#[path = "list_tests.rs"]
mod tests;
