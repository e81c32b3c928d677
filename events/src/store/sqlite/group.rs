//! What one commit is made of: everything that was waiting, and who waits for it.

use tokio::sync::oneshot;

use crate::{
    envelope::Position,
    store::{Append, AppendError, Appended, Attempt, StoreError},
};

/// The most commands in one commit.
const MAX_COMMANDS: usize = 1024;
/// The most bytes of payload in one commit, unless a single request has more.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// The answers to a batch of appends.
pub(super) type AppendAnswers = Vec<Result<Appended, AppendError>>;

/// What can be asked of the writer.
pub(super) enum Request {
    /// Append these.
    Append(Vec<Append>, oneshot::Sender<AppendAnswers>),
    /// Write down these attempts.
    Attempts(Vec<Attempt>, oneshot::Sender<Result<(), StoreError>>),
    /// Remember where a process manager stands.
    Checkpoint(&'static str, Position, oneshot::Sender<Result<(), StoreError>>),
    /// Do what has been asked so far, and end.
    Close,
}

/// Requests that are committed together.
#[derive(Default)]
pub(super) struct Group {
    /// The appends of all requests, in order of arrival.
    pub(super) appends: Vec<Append>,
    /// The attempts of all requests, in order of arrival.
    pub(super) attempts: Vec<Attempt>,
    /// Checkpoints to be moved.
    pub(super) checkpoints: Vec<(&'static str, Position)>,
    /// Whether the writer shall end after this group.
    pub(super) is_last: bool,
    append_answers: Vec<(usize, oneshot::Sender<AppendAnswers>)>,
    other_answers: Vec<oneshot::Sender<Result<(), StoreError>>>,
    bytes: usize,
}

impl Group {
    /// Adds a request.
    pub(super) fn add(&mut self, request: Request) {
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
                self.attempts.extend(attempts);
                self.other_answers.push(answer);
            }
            Request::Checkpoint(name, position, answer) => {
                self.checkpoints.push((name, position));
                self.other_answers.push(answer);
            }
            Request::Close => self.is_last = true,
        }
    }

    /// Whether nothing more should be added.
    pub(super) fn is_full(&self) -> bool {
        let commands = self.appends.len() + self.attempts.len() + self.checkpoints.len();
        self.is_last || commands >= MAX_COMMANDS || self.bytes >= MAX_BYTES
    }

    /// Tells everyone what became of what they asked for. Some may no longer listen.
    pub(super) fn answer(self, answers: AppendAnswers) {
        let mut answers = answers.into_iter();
        for (count, answer) in self.append_answers {
            answer.send(answers.by_ref().take(count).collect()).ok();
        }
        for answer in self.other_answers {
            answer.send(Ok(())).ok();
        }
    }

    /// Tells everyone that nothing was stored.
    pub(super) fn refuse(self, error: &StoreError) {
        for (count, answer) in self.append_answers {
            answer.send((0..count).map(|_| Err(error.clone().into())).collect()).ok();
        }
        for answer in self.other_answers {
            answer.send(Err(error.clone())).ok();
        }
    }
}
