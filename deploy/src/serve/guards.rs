//! All connections: how many there may be, who gives way to whom, and the patrol that ends what lasts.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::time::MissedTickBehavior;

use super::{
    guard::{Guard, Verdict},
    metrics,
};

/// How many connections may be open, where file handles allow it.
const MAX_CONNECTIONS: usize = 4_096;
/// How many more may be open for probes while all of those are at work.
const RESERVE: usize = 64;
/// How many file handles are left to databases, logs and servers.
const OTHER_FILES: u64 = 256;
/// How many bytes all heads that have not come whole may take together.
const UNFINISHED: usize = 8 * 1024 * 1024;
/// How often the patrol looks at everybody.
const ROUND: Duration = Duration::from_millis(500);

/// How often it is seen whether everybody has gone, at the end.
const GLANCE: Duration = Duration::from_millis(10);

/// All connections of a service.
#[derive(Debug)]
pub(super) struct Guards {
    all: Mutex<All>,
    max: usize,
    /// How many bytes of unfinished heads may still come.
    unfinished: AtomicUsize,
}

#[derive(Debug, Default)]
struct All {
    next: u64,
    open: BTreeMap<u64, Arc<Guard>>,
}

/// A connection's place among all; free again when this is dropped.
#[derive(Debug)]
pub(super) struct Ticket {
    guards: Arc<Guards>,
    number: u64,
    is_reserve: bool,
    pub(super) guard: Arc<Guard>,
}

impl Guards {
    /// As many as the process may have file handles for, of which it takes as many as it is allowed.
    pub(super) fn of_process() -> Arc<Self> {
        let files = getrlimit(Resource::Nofile);
        let raised = Rlimit { current: files.maximum, maximum: files.maximum };
        // Where it may not, it serves fewer at a time.
        let allowed = match setrlimit(Resource::Nofile, raised) {
            Ok(()) => files.maximum,
            Err(_) => files.current,
        };
        let files = allowed.unwrap_or(u64::MAX);
        let room = files.saturating_sub(OTHER_FILES + RESERVE as u64);
        let max = usize::try_from(room).unwrap_or(usize::MAX).clamp(16, MAX_CONNECTIONS);
        if max < MAX_CONNECTIONS {
            tracing::warn!(max, files, "few file handles: fewer connections are served at a time");
        }
        Self::new(max)
    }

    /// So many, and the reserve.
    pub(super) fn new(max: usize) -> Arc<Self> {
        let (all, unfinished) = (Mutex::new(All::default()), AtomicUsize::new(UNFINISHED));
        Arc::new(Self { all, max, unfinished })
    }

    fn all(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a connection that was accepted now. Where there is none, whoever is idle or slow for
    /// longest gives way; none where everybody is at work and the reserve is taken.
    pub(super) fn admit(self: &Arc<Self>, now: Instant) -> Option<Ticket> {
        let mut all = self.all();
        if all.open.len() >= self.max {
            make_room(&mut all, self.max / 64 + 1, now);
        }
        if all.open.len() >= self.max + RESERVE {
            return None;
        }
        let is_reserve = all.open.len() >= self.max;
        let (number, guard) = (all.next, Arc::new(Guard::new(now)));
        all.next += 1;
        all.open.insert(number, guard.clone());
        Some(Ticket { guards: self.clone(), number, is_reserve, guard })
    }

    /// Ends some that are idle or slow, if there are any.
    pub(super) fn make_room(&self, now: Instant) {
        make_room(&mut self.all(), self.max / 64 + 1, now);
    }

    /// Looks at everybody, again and again.
    pub(super) async fn patrol(self: Arc<Self>) {
        let mut round = tokio::time::interval(ROUND);
        round.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            round.tick().await;
            self.look(Instant::now());
            metrics::keep_up();
        }
    }

    /// Waits until there is no connection any more.
    pub(super) async fn emptied(&self) {
        let mut glance = tokio::time::interval(GLANCE);
        while !self.all().open.is_empty() {
            glance.tick().await;
        }
    }

    fn look(&self, now: Instant) {
        let guards: Vec<_> = self.all().open.values().cloned().collect();
        ::metrics::gauge!("annals_http_connections").set(guards.len() as f64);
        for guard in guards {
            let why = match guard.judge(now) {
                Verdict::None | Verdict::Closed => continue,
                Verdict::HeadTooSlow => "head",
                Verdict::BodyTooSlow => "body",
                Verdict::Cut => "answer",
            };
            ended(why);
        }
    }

    /// Takes room for a head that has not come whole; whether there was any.
    pub(super) fn hold(&self, bytes: usize) -> bool {
        let take = |left: usize| left.checked_sub(bytes);
        self.unfinished.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }

    /// Gives that room back.
    pub(super) fn release(&self, bytes: usize) {
        self.unfinished.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// A connection that was ended before its caller ended it.
fn ended(why: &'static str) {
    ::metrics::counter!("annals_http_connections_ended_total", "why" => why).increment(1);
}

/// Ends those that are idle or slow for longest, several at once: each look at all of them costs.
fn make_room(all: &mut All, count: usize, now: Instant) {
    let mut candidates: Vec<_> =
        all.open.iter().filter_map(|(number, guard)| Some((guard.slack(now)?, *number))).collect();
    candidates.sort_unstable_by(|one, other| other.cmp(one));
    for (_, number) in candidates.into_iter().take(count) {
        if all.open.get(&number).is_some_and(|guard| guard.give_way(now)) {
            all.open.remove(&number);
            ended("room");
        }
    }
}

impl Ticket {
    /// Whether there is only room for probes.
    pub(super) fn is_for_probes(&self) -> bool {
        self.is_reserve && self.guards.all().open.len() > self.guards.max
    }

    /// All connections.
    pub(super) fn guards(&self) -> &Guards {
        &self.guards
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.guards.all().open.remove(&self.number);
    }
}

#[cfg(test)]
#[path = "guards_tests.rs"]
mod tests;
