//! The one way a command becomes events: load, decide, seal, append.

mod fresh;
mod guarded;
mod load;
mod prepare;
mod request;

pub use fresh::Freshened;
pub use request::{Accepted, Clock, CommandError, Expected, Request, system};

use std::{ops::Range, sync::Arc};

use aws_lc_rs::hmac;
use events::{
    CrmEvent, Recorded, Version,
    ids::{Category, StreamName},
};
use events_log::{
    keys::Keyring,
    store::{Append, AppendError, Appended, EventLog, Fingerprint, Receipt, StoreError},
};
use quick_cache::sync::Cache;
use tokio::sync::{Mutex, MutexGuard};

use self::{
    fresh::Fresh,
    load::{Own, decode},
    prepare::{Basis, Prepared},
};
use crate::{
    aggregate::Loaded,
    attempts::{Attempts, Refused},
    clock::ClockGuard,
};

/// A stream that changes under us this often is a modelling mistake, not bad luck.
const MAX_ATTEMPTS: u32 = 5;
/// With other processes on the log half of all races may be lost, those for the next number first:
/// between two loops that try as hard, one command in a milliard loses this many.
const MAX_SHARED_ATTEMPTS: u32 = 30;
/// How many states are kept in memory. A state is a few hundred bytes.
const CACHED_RECORDS: usize = 20_000;
/// Commands on one stream wait for each other here instead of losing races in the store.
const STRIPES: usize = 1_024;

/// The write loop, and the only one that appends.
///
/// What it answers is true of some moment after it was asked, also when other processes append to
/// the same log: what it remembers is then followed up before a command is judged, and whatever does
/// not end in an append is confirmed (see `fresh`).
pub struct Handler {
    pub(crate) store: Arc<dyn EventLog>,
    keys: Keyring,
    pub(crate) clock: Clock,
    /// What guards the clock; none where nobody does.
    guard: Option<Arc<ClockGuard>>,
    pub(crate) attempts: Arc<Attempts>,
    fingerprint_key: hmac::Key,
    cache: Cache<StreamName, Loaded>,
    /// How the cache follows what other processes append; none where there are no others.
    fresh: Option<Fresh>,
    /// The turns of all streams, and apart from them those of the streams that a command may write
    /// to before its own: a command that has its record's turn takes the turn of a numbering
    /// sequence or of a user too.
    stripes: Vec<Mutex<()>>,
}

impl Handler {
    /// A write loop on a store. `fingerprint_secret` is the installation's own: it keeps the
    /// ledger's fingerprints from being guessed.
    #[must_use]
    pub fn new(
        store: Arc<dyn EventLog>,
        keys: Keyring,
        clock: Clock,
        fingerprint_secret: &[u8; 32],
    ) -> Self {
        Self {
            fresh: store.is_shared().then(Fresh::default),
            attempts: Attempts::new(store.clone(), clock.clone()),
            store,
            keys,
            clock,
            guard: None,
            fingerprint_key: hmac::Key::new(hmac::HMAC_SHA256, fingerprint_secret),
            cache: Cache::new(CACHED_RECORDS),
            stripes: (0..3 * STRIPES).map(|_| Mutex::new(())).collect(),
        }
    }

    /// Lets commands wait while the clock is not believed.
    #[must_use]
    pub fn guarded(self, guard: Arc<ClockGuard>) -> Self {
        Self { guard: Some(guard), ..self }
    }

    /// Judges one command and, if it is accepted, makes it and its reactions durable.
    ///
    /// # Errors
    /// See [`CommandError`]. A refusal has been written to the attempt log when this returns.
    pub async fn handle(&self, request: Request) -> Result<Accepted, CommandError> {
        let begun = std::time::Instant::now();
        if request.command.needs_clock()
            && let Some(doubt) = self.doubt()
        {
            return Err(CommandError::Clock(doubt));
        }
        let fingerprint = self.fingerprint(&request)?;
        let stream = request.command.stream(request.command_id);
        let judged = self.judge(&request, stream, fingerprint).await;
        match judged {
            Ok((appended, decided)) => {
                let receipt = appended.receipt();
                if !request.command.needs_clock() {
                    self.hear_of_clock().await?;
                }
                let position = self.react(&request, receipt, decided).await?;
                tell(&request, receipt, begun.elapsed());
                Ok(Accepted {
                    record: receipt.stream.into(),
                    version: receipt.version,
                    position,
                    replayed: matches!(appended, Appended::AlreadyStored(_)),
                })
            }
            Err(CommandError::Refused(refusal)) => {
                self.record_refusal(&request, stream, refusal.code()).await?;
                Err(refusal.into())
            }
            Err(CommandError::Reused) => {
                self.record_refusal(&request, stream, "command.reused").await?;
                Err(CommandError::Reused)
            }
            Err(error) => Err(error),
        }
    }

    async fn judge(
        &self,
        request: &Request,
        stream: StreamName,
        fingerprint: Fingerprint,
    ) -> Result<(Appended, Vec<CrmEvent>), CommandError> {
        // Before the turn, so that those who wait for it ask for the head together.
        if request.freshened.is_none() {
            self.freshen().await?;
        }
        let mut finished = Version::NONE;
        for _ in 0..self.most_attempts() {
            match self.judge_in_turn(request, stream, fingerprint, finished).await? {
                Judged::Done(appended, decided) => return Ok((appended, decided)),
                // Reactions need turns of their own: who waits for them must not have one.
                Judged::Early(version, open) => {
                    self.run_again(&open).await?;
                    finished = version;
                }
            }
        }
        Err(CommandError::Contended)
    }

    /// Judges a command while nobody else in this process appends to its stream. The reactions to
    /// the events up to `finished` have run.
    async fn judge_in_turn(
        &self,
        request: &Request,
        stream: StreamName,
        fingerprint: Fingerprint,
        finished: Version,
    ) -> Result<Judged, CommandError> {
        let _turn = self.turn(stream).await;
        let mut basis = Basis::default();
        let makes = request.expected.is_none() && request.command.makes_key();
        let mut own = self.load_own(stream, makes).await?;
        for _ in 0..self.most_attempts() {
            let prepared = match self.prepare(request, stream, &own, &mut basis).await {
                Ok(Some(prepared)) => prepared,
                Ok(None) => {
                    own = Own::read(self.load(stream).await?);
                    continue;
                }
                // Nobody is refused because of a record that was only taken to be missing.
                Err(CommandError::Refused(_)) if !own.is_read => {
                    own = Own::read(self.load(stream).await?);
                    continue;
                }
                Err(CommandError::Refused(refusal)) => {
                    if let Some(moved) = self.moved(stream, &own, &basis).await? {
                        own = moved;
                        continue;
                    }
                    // Whether it was accepted before is asked last, and only here: a repeat of an
                    // accepted command is mostly refused by what the first one did.
                    return self.repeat_or(request, fingerprint, refusal.into()).await.map(done);
                }
                Err(error) => return Err(error),
            };
            if prepared.events.is_empty() {
                if let Some(moved) = self.moved(stream, &own, &basis).await? {
                    own = moved;
                    continue;
                }
                let versions = finished..own.loaded.version;
                if let Some(early) = self.early(request, stream, versions).await? {
                    return Ok(early);
                }
            }
            let Prepared { events, after, decided } = prepared;
            let append = Append {
                command_id: request.command_id,
                fingerprint,
                actor: request.actor,
                stream,
                expected: own.loaded.version,
                events,
            };
            let era = self.era();
            let mut answers = self.store.append(vec![append]).await;
            match answers.pop().unwrap_or_else(|| Err(no_answer().into())) {
                Ok(appended @ Appended::Stored(receipt)) => {
                    self.note(receipt, after, era);
                    return Ok(Judged::Done(appended, decided));
                }
                Ok(appended @ Appended::AlreadyStored(_)) => {
                    return self.replayed(appended).await.map(done);
                }
                Err(AppendError::Conflict { .. }) => {
                    metrics::counter!("annals_append_conflicts_total").increment(1);
                    self.freshen().await?;
                    own = Own::read(self.catch_up(stream, own.loaded).await?);
                }
                Err(AppendError::CommandReused) => return Err(CommandError::Reused),
                Err(AppendError::TooLarge) => return Err(CommandError::TooLarge),
                Err(AppendError::Store(error)) => {
                    // Whether it was stored is not known: what is remembered may be outdated.
                    self.cache.remove(&stream);
                    return Err(error.into());
                }
            }
        }
        Err(CommandError::Contended)
    }

    /// How often a command is judged again because its record changed meanwhile.
    fn most_attempts(&self) -> u32 {
        if self.store.is_shared() { MAX_SHARED_ATTEMPTS } else { MAX_ATTEMPTS }
    }

    /// A quiet answer is given before reactions to what it reports have run.
    async fn early(
        &self,
        request: &Request,
        stream: StreamName,
        versions: Range<Version>,
    ) -> Result<Option<Judged>, CommandError> {
        let version = versions.end;
        let open = self.unfinished(request, stream, versions).await?;
        Ok((!open.is_empty()).then_some(Judged::Early(version, open)))
    }

    /// The first answer, if the ledger has one; otherwise `error`.
    async fn repeat_or(
        &self,
        request: &Request,
        fingerprint: Fingerprint,
        error: CommandError,
    ) -> Result<(Appended, Vec<CrmEvent>), CommandError> {
        let entries = self.store.lookup(vec![request.command_id]).await?;
        match entries.into_iter().next().flatten() {
            None => Err(error),
            Some(entry) if entry.fingerprint == fingerprint && entry.actor == request.actor => {
                self.replayed(Appended::AlreadyStored(entry.receipt)).await
            }
            Some(_) => Err(CommandError::Reused),
        }
    }

    /// The events of a command that was accepted before: its reactions are repeated with it.
    async fn replayed(
        &self,
        appended: Appended,
    ) -> Result<(Appended, Vec<CrmEvent>), CommandError> {
        let Receipt { stream, version, events, .. } = appended.receipt();
        if events == 0 {
            return Ok((appended, Vec::new()));
        }
        let before = Version(version.0.saturating_sub(events.into()));
        let recorded = self.store.read_stream(stream, before, events as usize).await?;
        let decided = recorded.iter().map(|one| decode(&one.event)).collect::<Result<_, _>>()?;
        Ok((appended, decided))
    }

    /// The turn to change a stream. Whoever has it has all the time no other turn but, further on,
    /// that of a numbering stream or of a user, whose holders take none: nobody waits in a circle.
    async fn turn(&self, stream: StreamName) -> MutexGuard<'_, ()> {
        let apart = match stream.category {
            Category::Numbering => STRIPES,
            Category::User => 2 * STRIPES,
            Category::Account
            | Category::Contact
            | Category::ConnectionRole
            | Category::Connection
            | Category::Opportunity
            | Category::Quote
            | Category::Order
            | Category::Note
            | Category::Token
            | Category::Organization
            | Category::Administration => 0,
        };
        self.stripes[apart + stripe(stream)].lock().await
    }

    async fn record_refusal(
        &self,
        request: &Request,
        stream: StreamName,
        code: &'static str,
    ) -> Result<(), CommandError> {
        let refused = Refused {
            actor: request.actor,
            token: request.token(),
            command_id: request.command_id,
            name: request.name.into(),
            stream: Some(stream),
            code,
        };
        Ok(self.attempts.keep(vec![refused]).await?)
    }

    /// Where refusals are kept.
    #[must_use]
    pub const fn attempts(&self) -> &Arc<Attempts> {
        &self.attempts
    }
}

/// What became of a command in its turn.
enum Judged {
    /// It was accepted, now or before: what it decided.
    Done(Appended, Vec<CrmEvent>),
    /// It changes nothing and would be answered too early: what it reports, the events up to that
    /// version, is so new that their reactions may still run.
    Early(Version, Vec<Arc<Recorded>>),
}

fn done((appended, decided): (Appended, Vec<CrmEvent>)) -> Judged {
    Judged::Done(appended, decided)
}

/// Tells the log and the metrics of an accepted command. Ids only: names and bodies stay out.
fn tell(request: &Request, receipt: Receipt, took: std::time::Duration) {
    metrics::counter!("annals_commands_accepted_total", "command" => request.name).increment(1);
    metrics::histogram!("annals_command_duration_seconds", "command" => request.name)
        .record(took.as_secs_f64());
    tracing::info!(
        stream = %receipt.stream,
        command.type = request.name,
        event.position = receipt.position.0,
        actor.id = %request.actor.id,
        correlation_id = %request.correlation_id,
        duration_ms = took.as_secs_f64() * 1_000.0,
        "{} accepted on {}", request.name, receipt.stream,
    );
}

fn no_answer() -> StoreError {
    StoreError::Unavailable("the store gave no answer".into())
}

fn stripe(stream: StreamName) -> usize {
    // The last bytes of any uuid version are the most random ones.
    let bytes = stream.id.as_bytes();
    usize::from(u16::from_be_bytes([bytes[14], bytes[15]])) % STRIPES
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
#[path = "handle_tests.rs"]
mod tests;
