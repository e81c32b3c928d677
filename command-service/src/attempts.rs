//! What was refused is kept: who tried what, with which token, and by which rule it was refused.
//!
//! A token that is refused all the time does not fill the log's disk: beyond [`LIMIT`] one row for each
//! token, code and minute stands for all, and holds their count. The row is written when the first one
//! is counted; the count follows at most once a second, so a crash loses no more than a second of it.

use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use events::{
    Actor,
    ids::{CommandId, StreamName, TokenId},
};
use events_log::store::{Attempt, EventLog, RecordedAttempt, StoreError};
use quick_cache::sync::Cache;
use tokio::sync::{Notify, watch};

use crate::{handle::Clock, limit::Limit};

/// Refusals of one token that are kept one by one.
const LIMIT: Limit = Limit::of(500, 2_000);
/// How often counts are written.
const RHYTHM: Duration = Duration::from_secs(1);
/// How many tokens are told apart. Those that are refused least lately are forgotten first.
const TOKENS: usize = 16_384;
/// The longest name of a command that is kept, in characters.
const NAME_MAX: usize = 64;
/// In microseconds.
const MINUTE: i64 = 60_000_000;

/// Something that a known caller was refused.
#[derive(Clone, Debug)]
pub struct Refused {
    /// Who tried.
    pub actor: Actor,
    /// With which token; none for the product itself.
    pub token: Option<TokenId>,
    /// The command's id, or one drawn for what is no command.
    pub command_id: CommandId,
    /// The command's name; the method and the pattern of the route for what is no command.
    pub name: Cow<'static, str>,
    /// The stream it was about, where that is known.
    pub stream: Option<StreamName>,
    /// The rule.
    pub code: &'static str,
}

/// The refusals that one row counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Which {
    token: TokenId,
    code: &'static str,
    minute: i64,
}

struct Counted {
    row: CountRow,
    count: u64,
}

/// The row that holds a count.
enum CountRow {
    /// It is being written for the first time.
    Beginning,
    /// That failed, and others were counted meanwhile: it is to be written with this.
    Missing(Attempt),
    /// It is there, and says this.
    Written(RecordedAttempt),
}

/// The first of its kind, with how many of its kind came at the same time.
struct First {
    which: Which,
    attempt: Attempt,
    count: u64,
}

/// Keeps what was refused in the attempt log.
pub struct Attempts {
    log: Arc<dyn EventLog>,
    clock: Clock,
    limit: Limit,
    begun: Instant,
    /// Until when the refusals of each token are paid for, in nanoseconds since `begun`.
    paid: Cache<TokenId, Arc<AtomicU64>>,
    counted: Mutex<HashMap<Which, Counted>>,
    has_counted: Notify,
}

impl Attempts {
    /// Into that log. `clock` says when something was refused.
    #[must_use]
    pub fn new(log: Arc<dyn EventLog>, clock: Clock) -> Arc<Self> {
        Self::within(log, clock, LIMIT)
    }

    fn within(log: Arc<dyn EventLog>, clock: Clock, limit: Limit) -> Arc<Self> {
        Arc::new(Self {
            log,
            clock,
            limit,
            begun: Instant::now(),
            paid: Cache::new(TOKENS),
            counted: Mutex::default(),
            has_counted: Notify::new(),
        })
    }

    /// Keeps what one caller was refused, durably: each for itself, or where there were too many of
    /// them in the count of a row. What came as one list is judged as one.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn keep(self: &Arc<Self>, refused: Vec<Refused>) -> Result<(), StoreError> {
        let at = (self.clock)();
        for one in &refused {
            metrics::counter!("annals_commands_refused_total", "code" => one.code).increment(1);
        }
        let Some(token) = refused.first().map(|one| one.token) else { return Ok(()) };
        let attempts = refused.into_iter().map(|one| {
            let Refused { actor, token, command_id, name, stream, code } = one;
            let attempt = Attempt {
                at,
                actor,
                command_id,
                command: shown(&name).into(),
                stream,
                code: code.into(),
                token,
                count: 1,
            };
            (code, attempt)
        });
        let attempts: Vec<_> = attempts.collect();
        match token.filter(|token| !self.pay(*token, attempts.len())) {
            None => {
                let attempts = attempts.into_iter().map(|(_, attempt)| attempt).collect();
                self.log.record_attempts(attempts).await.map(drop)
            }
            Some(token) => self.count(token, attempts).await,
        }
    }

    /// Whether the token was refused so often that it hears nothing else.
    #[must_use]
    pub fn is_beyond(&self, token: TokenId) -> bool {
        let Some(paid) = self.paid.get(&token) else { return false };
        let mut paid = Duration::from_nanos(paid.load(Ordering::Relaxed));
        !self.limit.allows(&mut paid, self.begun.elapsed(), 0)
    }

    fn pay(&self, token: TokenId, count: usize) -> bool {
        let paid = match self.paid.get(&token) {
            Some(paid) => paid,
            None => {
                let paid = Arc::new(AtomicU64::new(0));
                self.paid.insert(token, paid.clone());
                paid
            }
        };
        let (now, count) = (self.begun.elapsed(), u32::try_from(count).unwrap_or(u32::MAX));
        let mut allows = false;
        // Never fails: a time that is too far to be told is not put down.
        let _previous = paid.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |nanos| {
            let mut paid = Duration::from_nanos(nanos);
            allows = self.limit.allows(&mut paid, now, count);
            u64::try_from(paid.as_nanos()).ok()
        });
        allows
    }

    /// Counts attempts; writes a row for those that are the first of their kind.
    async fn count(
        self: &Arc<Self>,
        token: TokenId,
        attempts: Vec<(&'static str, Attempt)>,
    ) -> Result<(), StoreError> {
        let mut first: Vec<First> = Vec::new();
        {
            let mut counted = self.counted();
            for (code, attempt) in attempts {
                let which = Which { token, code, minute: attempt.at.micros().div_euclid(MINUTE) };
                match counted.get_mut(&which) {
                    Some(counted) => {
                        counted.count += 1;
                        if let Some(own) = first.iter_mut().find(|own| own.which == which) {
                            own.count += 1;
                        }
                    }
                    None => {
                        counted.insert(which, Counted { row: CountRow::Beginning, count: 1 });
                        first.push(First { which, attempt, count: 1 });
                    }
                }
            }
        }
        self.has_counted.notify_one();
        if first.is_empty() {
            return Ok(());
        }
        // In a task of its own: whoever goes away meanwhile does not leave a count without a row.
        let this = self.clone();
        let written = tokio::spawn(async move { this.begin_rows(first).await }).await;
        written.unwrap_or_else(|error| Err(StoreError::Unavailable(error.to_string().into())))
    }

    async fn begin_rows(&self, first: Vec<First>) -> Result<(), StoreError> {
        let attempts = first.iter().map(|first| first.attempt.clone()).collect();
        let recorded = self.log.record_attempts(attempts).await;
        let mut counted = self.counted();
        let Ok(number) = recorded else {
            first.into_iter().for_each(|first| give_up(&mut counted, first));
            self.has_counted.notify_one();
            return recorded.map(drop);
        };
        for (number, First { which, attempt, .. }) in (number..).zip(first) {
            if let Some(counted) = counted.get_mut(&which) {
                counted.row = CountRow::Written(RecordedAttempt { number, attempt });
            }
        }
        Ok(())
    }

    /// Writes the rows that could not be written when they began.
    async fn write_missing(&self) -> Result<(), StoreError> {
        let missing: Vec<(Which, Attempt)> = {
            let counted = self.counted();
            let rows = counted.iter().filter_map(|(which, it)| match &it.row {
                CountRow::Missing(attempt) => {
                    Some((*which, Attempt { count: it.count, ..attempt.clone() }))
                }
                CountRow::Beginning | CountRow::Written(_) => None,
            });
            rows.collect()
        };
        if missing.is_empty() {
            return Ok(());
        }
        let attempts = missing.iter().map(|(_, attempt)| attempt.clone()).collect();
        let number = self.log.record_attempts(attempts).await?;
        let mut counted = self.counted();
        for (number, (which, attempt)) in (number..).zip(missing) {
            if let Some(counted) = counted.get_mut(&which) {
                counted.row = CountRow::Written(RecordedAttempt { number, attempt });
            }
        }
        Ok(())
    }

    /// Writes the counts that have grown.
    ///
    /// # Errors
    /// When they cannot be written; they are written the next time.
    pub async fn write_counts(&self) -> Result<(), StoreError> {
        self.write_missing().await?;
        let grown: Vec<RecordedAttempt> = {
            let counted = self.counted();
            let rows = counted.values().filter_map(|it| Some((it.row.written()?, it.count)));
            rows.filter(|(row, count)| row.attempt.count < *count)
                .map(|(row, count)| RecordedAttempt {
                    number: row.number,
                    attempt: Attempt { count, ..row.attempt.clone() },
                })
                .collect()
        };
        if !grown.is_empty() {
            self.log.raise_attempts(grown.clone()).await?;
        }
        let minute = (self.clock)().micros().div_euclid(MINUTE);
        let mut counted = self.counted();
        for written in grown {
            let rows = counted.values_mut().filter_map(|counted| counted.row.written_mut());
            for row in rows.filter(|row| row.number == written.number) {
                row.attempt.count = written.attempt.count;
            }
        }
        // Nothing is added to a row of a minute that is over.
        counted.retain(|which, it| {
            let is_written = it.row.written().is_some_and(|row| row.attempt.count == it.count);
            which.minute == minute || !is_written
        });
        Ok(())
    }

    /// Writes counts at most once a second, until it is told to stop. What is counted after that is
    /// written by whoever closes the log.
    pub async fn keep_counts(&self, mut stopped: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                () = self.has_counted.notified() => {}
                _ = stopped.wait_for(|stop| *stop) => return,
            }
            let stop = stopped.wait_for(|stop| *stop);
            if tokio::time::timeout(RHYTHM, stop).await.is_ok() {
                return;
            }
            if let Err(error) = self.write_counts().await {
                tracing::warn!(%error, "counts of refusals wait to be written");
                self.has_counted.notify_one();
            }
        }
    }

    fn counted(&self) -> MutexGuard<'_, HashMap<Which, Counted>> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CountRow {
    const fn written(&self) -> Option<&RecordedAttempt> {
        match self {
            Self::Written(row) => Some(row),
            Self::Beginning | Self::Missing(_) => None,
        }
    }

    const fn written_mut(&mut self) -> Option<&mut RecordedAttempt> {
        match self {
            Self::Written(row) => Some(row),
            Self::Beginning | Self::Missing(_) => None,
        }
    }
}

/// Takes those out of a count who hear that they could not be kept. Whoever was counted with them
/// heard that it was kept, and is.
fn give_up(counted: &mut HashMap<Which, Counted>, first: First) {
    let First { which, attempt, count } = first;
    let Some(others) = counted.get_mut(&which) else { return };
    others.count = others.count.saturating_sub(count);
    if others.count == 0 {
        counted.remove(&which);
    } else {
        others.row = CountRow::Missing(attempt);
    }
}

/// A name as it is kept: what a caller made up is cut, and shows nothing but what can be printed.
fn shown(name: &str) -> String {
    let printable = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '?' };
    name.chars().take(NAME_MAX).map(printable).collect()
}

#[cfg(test)]
#[path = "attempts_tests.rs"]
mod tests;
