//! What one connection is doing, and how long it may.
//!
//! Whoever reads, answers and writes notes here what begins and ends; the patrol (`guards.rs`) judges.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::task::AtomicWaker;
use tokio::task::AbortHandle;

use super::head::Refusal;

/// How long a connection may idle between requests.
const IDLE: Duration = Duration::from_secs(10);
/// How long the head of a request may take.
const HEAD: Duration = Duration::from_secs(10);
/// How long a body may take as a whole.
const BODY: Duration = Duration::from_secs(60);
/// How long a connection that is over is read on, so that its answer is not lost.
pub(super) const LINGER: Duration = Duration::from_secs(2);
/// How long bytes may be slow, or stand still.
const WINDOW: Duration = Duration::from_secs(10);
/// How many bytes have to pass in that time: 1 kB/s.
const LEAST: u64 = 10_000;

/// One connection.
#[derive(Debug)]
pub(super) struct Guard {
    doing: Mutex<Doing>,
    /// Ends the connection's task, the last one where there were several.
    task: Mutex<Option<AbortHandle>>,
    /// Whether a part of the last body was left unread.
    is_unread: AtomicBool,
    /// Whoever waits for the rest of a head.
    pub(super) head: AtomicWaker,
    /// Whoever waits for the rest of a body.
    pub(super) body: AtomicWaker,
}

#[derive(Debug)]
struct Doing {
    /// How many requests have come and are not answered to their end.
    open: usize,
    /// Since when there is none, or, where a part of a head has come, since its first byte.
    since: Instant,
    is_head: bool,
    /// A body that somebody waits for.
    body: Option<(Instant, Flow)>,
    /// An answer that the caller does not take as fast as it is given.
    writing: Option<Flow>,
    is_lingering: bool,
    verdict: Verdict,
    /// How many requests have come, and how many of them somebody began to answer.
    come: u64,
    begun: u64,
    /// Which of them is not answered by the routes.
    refused: Option<(u64, Refusal)>,
}

/// What became of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It goes on.
    None,
    /// A head is not waited for any longer.
    HeadTooSlow,
    /// A body is not waited for any longer.
    BodyTooSlow,
    /// It is over; what it was sent still goes out.
    Closed,
    /// It is over, and what it was sent is thrown away.
    Cut,
}

/// Bytes that pass, and how many of them lately.
#[derive(Clone, Copy, Debug)]
struct Flow {
    since: Instant,
    last: Instant,
    bytes: u64,
}

impl Flow {
    const fn begin(now: Instant) -> Self {
        Self { since: now, last: now, bytes: 0 }
    }

    const fn pass(&mut self, bytes: usize, now: Instant) {
        self.bytes = self.bytes.saturating_add(bytes as u64);
        self.last = now;
    }

    /// Whether too little passed in the last while; a while that was fast enough is forgotten.
    fn is_slow(&mut self, now: Instant) -> bool {
        if now.duration_since(self.last) >= WINDOW {
            return true;
        }
        if now.duration_since(self.since) < WINDOW {
            return false;
        }
        let is_slow = self.bytes < LEAST;
        *self = Self { since: now, bytes: 0, ..*self };
        is_slow
    }

    /// For how long it has been slower than it may.
    fn slowness(&self, now: Instant) -> Duration {
        let took = now.duration_since(self.since);
        let least = u128::from(LEAST) * took.as_millis() / WINDOW.as_millis();
        if u128::from(self.bytes) < least { took } else { now.duration_since(self.last) }
    }
}

impl Guard {
    /// Of a connection that was accepted now.
    pub(super) const fn new(now: Instant) -> Self {
        let doing = Doing {
            open: 0,
            since: now,
            is_head: false,
            body: None,
            writing: None,
            is_lingering: false,
            verdict: Verdict::None,
            come: 0,
            begun: 0,
            refused: None,
        };
        Self {
            doing: Mutex::new(doing),
            task: Mutex::new(None),
            is_unread: AtomicBool::new(false),
            head: AtomicWaker::new(),
            body: AtomicWaker::new(),
        }
    }

    fn doing(&self) -> MutexGuard<'_, Doing> {
        self.doing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins the task that the connection is from now on. The next one may begin before this has
    /// returned: it waits until this one is known.
    pub(super) fn goes_on(&self, begin: impl FnOnce() -> AbortHandle) {
        let mut current = self.task();
        let task = begin();
        // Under the lock, so that whoever ends the connection meanwhile ends this task.
        if matches!(self.doing().verdict, Verdict::Closed | Verdict::Cut) {
            task.abort();
        }
        *current = Some(task);
    }

    fn task(&self) -> MutexGuard<'_, Option<AbortHandle>> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says whether a part of the last body is unread.
    pub(super) fn has_unread(&self, is_unread: bool) {
        self.is_unread.store(is_unread, Ordering::Relaxed);
    }

    pub(super) fn is_unread(&self) -> bool {
        self.is_unread.load(Ordering::Relaxed)
    }

    pub(super) fn verdict(&self) -> Verdict {
        self.doing().verdict
    }

    /// A part of a head has come.
    pub(super) fn head_begins(&self, now: Instant) {
        let mut doing = self.doing();
        doing.is_head = true;
        if doing.open == 0 {
            doing.since = now;
        }
    }

    /// A whole head has come, or one that is refused.
    pub(super) fn request_begins(&self, refused: Option<Refusal>) {
        let mut doing = self.doing();
        doing.is_head = false;
        doing.open += 1;
        doing.come += 1;
        doing.refused = refused.map(|refusal| (doing.come, refusal));
    }

    /// Somebody begins to answer the next request; why it is refused, if it is.
    pub(super) fn answer_begins(&self) -> Option<Refusal> {
        let mut doing = self.doing();
        doing.begun += 1;
        doing.refused.filter(|(which, _)| *which == doing.begun).map(|(_, refusal)| refusal)
    }

    /// A request was answered to its end, or its caller has gone.
    pub(super) fn request_ends(&self, now: Instant) {
        let mut doing = self.doing();
        doing.open = doing.open.saturating_sub(1);
        doing.since = now;
    }

    /// Somebody waits for a body; whether that goes on.
    pub(super) fn waits_for_body(&self, now: Instant) -> bool {
        let mut doing = self.doing();
        if doing.verdict != Verdict::None {
            return false;
        }
        doing.body.get_or_insert_with(|| (now, Flow::begin(now)));
        true
    }

    /// A part of a body has come.
    pub(super) fn body_passes(&self, bytes: usize, now: Instant) {
        if let Some((_, flow)) = &mut self.doing().body {
            flow.pass(bytes, now);
        }
    }

    /// Nobody waits for a body any longer.
    pub(super) fn body_ends(&self) {
        self.doing().body = None;
    }

    /// The caller took so many bytes of an answer, and not all it was offered.
    pub(super) fn write_stalls(&self, bytes: usize, now: Instant) {
        let flow = &mut self.doing().writing;
        let flow = flow.get_or_insert_with(|| Flow::begin(now));
        if bytes > 0 {
            flow.pass(bytes, now);
        }
    }

    /// The caller took all it was offered.
    pub(super) fn write_ends(&self) {
        self.doing().writing = None;
    }

    /// The connection is over and is read on for a while.
    pub(super) fn lingers(&self, now: Instant) {
        let mut doing = self.doing();
        if !doing.is_lingering {
            (doing.is_lingering, doing.since) = (true, now);
        }
    }

    /// Ends what has lasted too long. What came of it.
    pub(super) fn judge(&self, now: Instant) -> Verdict {
        let mut doing = self.doing();
        let verdict = doing.judge(now);
        if verdict == Verdict::None {
            return verdict;
        }
        doing.verdict = verdict;
        // What was too slow has the same time again to be answered.
        (doing.is_head, doing.body, doing.since) = (false, None, now);
        drop(doing);
        match verdict {
            Verdict::None => {}
            Verdict::HeadTooSlow => self.head.wake(),
            Verdict::BodyTooSlow => self.body.wake(),
            Verdict::Closed | Verdict::Cut => self.end(),
        }
        verdict
    }

    /// For how long the connection has been idle or slow; none while a request is handled.
    pub(super) fn slack(&self, now: Instant) -> Option<Duration> {
        let doing = self.doing();
        match (&doing.writing, &doing.body) {
            (Some(flow), _) | (None, Some((_, flow))) => Some(flow.slowness(now)),
            (None, None) if doing.open > 0 && !doing.is_lingering => None,
            (None, None) => Some(now.duration_since(doing.since)),
        }
    }

    /// Ends the connection for the sake of another, unless a request is handled by now. Whether it did.
    pub(super) fn give_way(&self, now: Instant) -> bool {
        if self.slack(now).is_none() {
            return false;
        }
        let mut doing = self.doing();
        if doing.open > 0 && doing.writing.is_none() && doing.body.is_none() && !doing.is_lingering
        {
            return false;
        }
        let is_writing = doing.writing.is_some();
        doing.verdict = if is_writing { Verdict::Cut } else { Verdict::Closed };
        drop(doing);
        self.end();
        true
    }

    fn end(&self) {
        if let Some(task) = &*self.task() {
            task.abort();
        }
    }
}

impl Doing {
    fn judge(&mut self, now: Instant) -> Verdict {
        let lasted = now.duration_since(self.since);
        if matches!(self.verdict, Verdict::Closed | Verdict::Cut) {
            return Verdict::None;
        }
        if self.is_lingering {
            return if lasted >= LINGER { Verdict::Closed } else { Verdict::None };
        }
        if let Some(flow) = &mut self.writing {
            return if flow.is_slow(now) { Verdict::Cut } else { Verdict::None };
        }
        if let Some((begun, flow)) = &mut self.body {
            let is_late = now.duration_since(*begun) >= BODY;
            return if flow.is_slow(now) || is_late { Verdict::BodyTooSlow } else { Verdict::None };
        }
        let was_slow = self.verdict != Verdict::None;
        match (self.open, self.is_head) {
            _ if was_slow => {
                if lasted >= WINDOW {
                    Verdict::Cut
                } else {
                    Verdict::None
                }
            }
            (0, true) if lasted >= HEAD => Verdict::HeadTooSlow,
            (0, false) if lasted >= IDLE => Verdict::Closed,
            _ => Verdict::None,
        }
    }
}

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;
