//! What one commit is made of: everything that was waiting, and who waits for it.

use std::sync::Arc;

use events::envelope::Position;
use tokio::sync::{mpsc, oneshot};

use super::{
    Append, AppendError, Appended, Attempt, RecordedAttempt, StoreError,
    shared::{Shared, closed},
};

/// How many requests may wait; the next caller waits before it is let in.
const QUEUE: usize = 4 * 1024;
/// The most bytes of payload in one commit, unless a single request has more.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// The answers to a batch of appends.
pub(crate) type AppendAnswers = Vec<Result<Appended, AppendError>>;

/// What is told to those whose requests a commit held.
pub(crate) struct Answers {
    /// One for each append.
    pub(crate) appends: AppendAnswers,
    /// How many attempts there were before those of the commit.
    pub(crate) attempts: u64,
}

/// What can be asked of the writer.
pub(crate) enum Request {
    /// Append these.
    Append(Vec<Append>, oneshot::Sender<AppendAnswers>),
    /// Write down these attempts.
    Attempts(Vec<Attempt>, oneshot::Sender<Result<u64, StoreError>>),
    /// Let these attempts stand for more.
    Raise(Vec<RecordedAttempt>, oneshot::Sender<Result<(), StoreError>>),
    /// Remember where a process manager stands.
    Checkpoint(&'static str, Position, oneshot::Sender<Result<(), StoreError>>),
    /// Do what has been asked so far, and end.
    Close,
}

/// The way to the one writer of a store.
pub(crate) struct Requests {
    queue: mpsc::Sender<Request>,
    shared: Arc<Shared>,
}

impl Requests {
    /// The way, and where the writer takes what comes along it.
    pub(crate) fn new(shared: Arc<Shared>) -> (Self, mpsc::Receiver<Request>) {
        let (queue, inbox) = mpsc::channel(QUEUE);
        (Self { queue, shared }, inbox)
    }

    /// As [`EventStore::append`](super::EventStore::append).
    pub(crate) async fn append(&self, batch: Vec<Append>) -> AppendAnswers {
        let count = batch.len();
        match self.ask(|answer| Request::Append(batch, answer)).await {
            Ok(answers) => answers,
            Err(error) => (0..count).map(|_| Err(error.clone().into())).collect(),
        }
    }

    /// As [`EventStore::record_attempts`](super::EventStore::record_attempts).
    pub(crate) async fn record_attempts(&self, attempts: Vec<Attempt>) -> Result<u64, StoreError> {
        self.ask(|answer| Request::Attempts(attempts, answer)).await?
    }

    /// As [`EventStore::raise_attempts`](super::EventStore::raise_attempts).
    pub(crate) async fn raise_attempts(
        &self,
        raised: Vec<RecordedAttempt>,
    ) -> Result<(), StoreError> {
        self.ask(|answer| Request::Raise(raised, answer)).await?
    }

    /// As [`EventStore::save_checkpoint`](super::EventStore::save_checkpoint).
    pub(crate) async fn save_checkpoint(
        &self,
        name: &'static str,
        position: Position,
    ) -> Result<(), StoreError> {
        self.ask(|answer| Request::Checkpoint(name, position, answer)).await?
    }

    /// Tells the writer to end. One that has ended already needs no word.
    pub(crate) async fn close(&self) {
        self.queue.send(Request::Close).await.ok();
    }

    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<T>) -> Request,
    ) -> Result<T, StoreError> {
        let refused = || self.shared.stopped().unwrap_or_else(closed);
        let (answer, answered) = oneshot::channel();
        self.queue.send(request(answer)).await.map_err(|_| refused())?;
        answered.await.map_err(|_| refused())
    }
}

/// Requests that are committed together.
#[derive(Default)]
pub(crate) struct Group {
    /// The appends of all requests, in order of arrival.
    pub(crate) appends: Vec<Append>,
    /// The attempts of all requests, in order of arrival.
    pub(crate) attempts: Vec<Attempt>,
    /// Attempts that stand for more now.
    pub(crate) raised: Vec<RecordedAttempt>,
    /// Checkpoints to be moved.
    pub(crate) checkpoints: Vec<(&'static str, Position)>,
    /// Whether the writer shall end after this group.
    pub(crate) is_last: bool,
    append_answers: Vec<(usize, oneshot::Sender<AppendAnswers>)>,
    attempt_answers: Vec<(usize, oneshot::Sender<Result<u64, StoreError>>)>,
    other_answers: Vec<oneshot::Sender<Result<(), StoreError>>>,
    bytes: usize,
}

impl Group {
    /// A request and what waits behind it, as far as `most` commands go. After the last word to the
    /// writer nothing more is let in.
    pub(crate) fn gather(first: Request, inbox: &mut mpsc::Receiver<Request>, most: usize) -> Self {
        let mut group = Self::default();
        group.add(first);
        group.gather_more(inbox, most);
        group
    }

    /// Adds what waits, under the same rules.
    pub(crate) fn gather_more(&mut self, inbox: &mut mpsc::Receiver<Request>, most: usize) {
        while !self.is_full(most) {
            let Ok(request) = inbox.try_recv() else { break };
            self.add(request);
        }
        if self.is_last {
            inbox.close();
        }
    }

    /// How many commands, refused ones and checkpoints there are.
    pub(crate) fn commands(&self) -> usize {
        self.appends.len() + self.others()
    }

    /// How much there is beside appends.
    pub(crate) fn others(&self) -> usize {
        self.attempts.len() + self.raised.len() + self.checkpoints.len()
    }

    /// Adds a request.
    pub(crate) fn add(&mut self, request: Request) {
        match request {
            Request::Append(appends, answer) => {
                self.bytes += appends
                    .iter()
                    .flat_map(|append| &append.events)
                    .map(|event| event.payload.len())
                    .sum::<usize>();
                self.append_answers.push((appends.len(), answer));
                if self.appends.is_empty() {
                    self.appends = appends;
                } else {
                    self.appends.extend(appends);
                }
            }
            Request::Attempts(attempts, answer) => {
                self.attempt_answers.push((attempts.len(), answer));
                self.attempts.extend(attempts);
            }
            Request::Raise(raised, answer) => {
                self.raised.extend(raised);
                self.other_answers.push(answer);
            }
            Request::Checkpoint(name, position, answer) => {
                self.checkpoints.push((name, position));
                self.other_answers.push(answer);
            }
            Request::Close => self.is_last = true,
        }
    }

    /// Whether there is nothing to write, and no refusal to find out.
    pub(crate) fn is_empty(&self) -> bool {
        self.appends.is_empty() && self.others() == 0
    }

    /// Whether nothing more is let in.
    pub(crate) fn is_full(&self, most: usize) -> bool {
        self.is_last || self.commands() >= most || self.bytes >= MAX_BYTES
    }

    /// Tells everyone what became of what they asked for. Some may no longer listen. The first
    /// attempt of the group follows the last one there was.
    pub(crate) fn answer(self, answers: Answers) {
        let mut number = answers.attempts + 1;
        let mut answers = answers.appends.into_iter();
        for (count, answer) in self.attempt_answers {
            answer.send(Ok(number)).ok();
            number += count as u64;
        }
        for (count, answer) in self.append_answers {
            answer.send(answers.by_ref().take(count).collect()).ok();
        }
        for answer in self.other_answers {
            answer.send(Ok(())).ok();
        }
    }

    /// Tells everyone that nothing was stored.
    pub(crate) fn refuse(self, error: &StoreError) {
        for (count, answer) in self.append_answers {
            answer.send((0..count).map(|_| Err(error.clone().into())).collect()).ok();
        }
        for (_, answer) in self.attempt_answers {
            answer.send(Err(error.clone())).ok();
        }
        for answer in self.other_answers {
            answer.send(Err(error.clone())).ok();
        }
    }
}
