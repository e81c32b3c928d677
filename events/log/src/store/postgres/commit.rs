//! One group of requests, committed on one connection beside other processes that do the same.

use std::{collections::HashSet, sync::Arc};

use events::{
    envelope::{Position, Version},
    ids::{CommandId, StreamName},
};

use super::{
    failure::Failure,
    link::{Link, Status},
};
use crate::store::{
    Clock,
    group::{Answers, Group},
    sequencer::{Admission, Known, LogState, Sequencer, Unknown},
    shared::Shared,
};

/// How often the race for the head may be lost before the head is locked.
const RACES: usize = 3;
/// How often a group is tried.
const TRIES: usize = 8;

/// What it takes to commit a group.
pub(super) struct Commit<'a> {
    pub(super) link: &'a mut Link,
    pub(super) sequencer: &'a mut Sequencer,
    pub(super) shared: &'a Shared,
    pub(super) clock: &'a Clock,
    pub(super) group: &'a Group,
    /// What was sent to the database, while nobody knows what became of it.
    pub(super) sent: &'a mut Option<Admission>,
}

/// What became of a group while the head was locked.
enum InTurn {
    Written,
    Nothing(Answers),
}

impl Commit<'_> {
    /// Commits the group, shows it to the followers, and says what to answer.
    ///
    /// In the normal case nothing is looked up: what is not remembered is taken for new where the
    /// caller expects no stream, and so are the commands. The database finds out when it is not so.
    pub(super) async fn run(&mut self) -> Result<Answers, Failure> {
        if let Some(answers) = self.stored_before().await? {
            return Ok(answers);
        }
        let mut known = self.look_up(&self.longer_streams()).await?;
        let mut races = 0;
        for round in 0..TRIES {
            if races == RACES {
                return self.commit_in_turn().await;
            }
            let admission = self.admit(&known);
            let status = if !self.is_nothing(&admission) {
                #[cfg(feature = "planted")]
                super::planted::begin(self.link, &admission).await?;
                self.write(admission, &known).await?
            } else if round == 0 {
                // Refused by what is remembered, which may be the past.
                Status::Known
            } else {
                return Ok(admission.into_answers());
            };
            #[cfg(feature = "planted")]
            super::planted::end(self.link, status).await?;
            match status {
                #[cfg(feature = "planted")]
                Status::Stored if super::planted::is_early(self.sent.as_ref()) => {
                    return Ok(super::planted::answers(self.sent.as_ref()));
                }
                Status::Stored => {
                    self.sequencer_follows();
                    return Ok(self.publish());
                }
                Status::Unsafe => return Err(self.why_unsafe().await),
                Status::Stale => races += 1,
                Status::Known => {}
            }
            catch_up(self.link, self.sequencer, self.shared).await?;
            known = self.look_up_all().await?;
        }
        Err(Failure::Refused("the event log is contended".into()))
    }

    /// The answers of what was sent on an earlier connection, if that was stored.
    async fn stored_before(&mut self) -> Result<Option<Answers>, Failure> {
        let Some(sent) = &*self.sent else { return Ok(None) };
        if self.link.has_stored(sent, self.group).await? {
            return Ok(Some(self.publish()));
        }
        *self.sent = None;
        Ok(None)
    }

    /// The streams whose length nobody can guess: those that are not remembered and not expected
    /// to be new.
    fn longer_streams(&self) -> Unknown {
        let is_longer = |append: &&super::super::Append| append.expected != Version::NONE;
        let longer: HashSet<StreamName> =
            self.group.appends.iter().filter(is_longer).map(|append| append.stream).collect();
        let mut unknown = Unknown::default();
        if !longer.is_empty() {
            unknown.streams = self.sequencer.unknown(&self.group.appends).streams;
            unknown.streams.retain(|stream| longer.contains(stream));
        }
        unknown
    }

    async fn look_up_all(&mut self) -> Result<Known, Failure> {
        self.look_up(&self.sequencer.unknown(&self.group.appends)).await
    }

    async fn look_up(&mut self, unknown: &Unknown) -> Result<Known, Failure> {
        let known = self.link.look_up(self.shared.log, unknown).await?;
        self.shared.note_known(&known);
        Ok(known)
    }

    fn admit(&self, known: &Known) -> Admission {
        let Group { appends, attempts, .. } = self.group;
        self.sequencer.admit(appends, attempts.len(), known, (self.clock)())
    }

    fn is_nothing(&self, admission: &Admission) -> bool {
        admission.ledger.is_empty() && self.group.others() == 0
    }

    /// Sends an admission to the database.
    async fn write(&mut self, admission: Admission, known: &Known) -> Result<Status, Failure> {
        let mut seen = HashSet::with_capacity(self.group.appends.len());
        let commands = self.group.appends.iter().map(|append| append.command_id);
        let unknown: Vec<CommandId> = commands
            .filter(|command| !known.commands.contains_key(command))
            .filter(|command| !known.damaged_commands.contains_key(command))
            .filter(|command| seen.insert(*command))
            .collect();
        #[cfg(feature = "planted")]
        let admission = super::planted::renumber(self.link, admission).await?;
        self.shared.committing(Some(admission.after.head.position));
        let sent = self.sent.insert(admission);
        let status = self.link.append(self.shared.log, sent, self.group, &unknown).await?;
        if status != Status::Stored {
            *self.sent = None;
        }
        Ok(status)
    }

    /// Locks the head first: then the race cannot be lost.
    async fn commit_in_turn(&mut self) -> Result<Answers, Failure> {
        self.link.say("begin").await?;
        match self.write_in_turn().await {
            Ok(InTurn::Written) => {
                self.link.say("commit").await?;
                self.sequencer_follows();
                Ok(self.publish())
            }
            Ok(InTurn::Nothing(answers)) => {
                self.link.say("rollback").await?;
                Ok(answers)
            }
            Err(Failure::Lost(why)) => Err(Failure::Lost(why)),
            Err(failure) => {
                self.link.say("rollback").await?;
                Err(failure)
            }
        }
    }

    async fn write_in_turn(&mut self) -> Result<InTurn, Failure> {
        let seen = self.shared.published().head.position;
        let state = self.link.lock_head().await?;
        go_to(state, seen, self.sequencer, self.shared)?;
        let known = self.look_up_all().await?;
        let admission = self.admit(&known);
        if self.is_nothing(&admission) {
            return Ok(InTurn::Nothing(admission.into_answers()));
        }
        match self.write(admission, &known).await? {
            Status::Stored => Ok(InTurn::Written),
            Status::Unsafe => Err(self.why_unsafe().await),
            Status::Stale | Status::Known => {
                Err(Failure::damaged("the head of the log moved while it was locked"))
            }
        }
    }

    async fn why_unsafe(&mut self) -> Failure {
        match self.link.check().await {
            Err(failure) => failure,
            Ok(()) => Failure::Refused("the settings of the database were unsafe".into()),
        }
    }

    /// What was sent is durable: the next group is judged on top of it.
    fn sequencer_follows(&mut self) {
        if let Some(sent) = &*self.sent {
            self.sequencer.committed(sent);
        }
    }

    /// What was sent is durable: from now on it may be seen.
    fn publish(&mut self) -> Answers {
        let Some(sent) = self.sent.take() else {
            return Answers { appends: Vec::new(), attempts: 0 };
        };
        let events = sent.events.iter().map(|placed| Arc::clone(&placed.event));
        self.shared.publish(sent.after.head, events);
        sent.into_answers()
    }
}

/// Goes on from what the database says.
pub(super) async fn catch_up(
    link: &mut Link,
    sequencer: &mut Sequencer,
    shared: &Shared,
) -> Result<(), Failure> {
    let seen = shared.published().head.position;
    let state = link.state().await?;
    go_to(state, seen, sequencer, shared)
}

/// The head never says less than it said before, unless what was acknowledged is lost: by a fail-over
/// to a server that had not got all, or because an older copy was put in its place.
fn go_to(
    state: LogState,
    seen: Position,
    sequencer: &mut Sequencer,
    shared: &Shared,
) -> Result<(), Failure> {
    let mine = sequencer.state();
    if state == mine && seen <= state.head.position {
        return Ok(());
    }
    let seen = seen.max(mine.head.position);
    if state.turn <= mine.turn || state.head.position < seen {
        return Err(Failure::Damaged(went_backwards(seen, state.head.position).into()));
    }
    sequencer.refresh(state);
    shared.saw(state.head);
    Ok(())
}

/// What is said then.
pub(super) fn went_backwards(seen: Position, found: Position) -> String {
    format!(
        "its head went backwards, from position {seen} to {found}: acknowledged events are lost"
    )
}
