//! The one thread that writes: it takes what waits, commits it together and answers all at once.

use std::{
    sync::Arc,
    thread::{self, JoinHandle},
};

use rusqlite::Connection;
use tokio::sync::mpsc;

use super::{
    failure::Failure, maintenance::Maintenance, schema::OpenError, statements::Statements,
};
use crate::store::{
    Clock, Head,
    group::{Answers, Group, Request, Requests},
    sequencer::{Admission, LogState, Sequencer},
    shared::{Shared, closed},
};

/// The most commands in one commit.
const MAX_COMMANDS: usize = 1024;
/// How many stream heads are remembered, at some 60 bytes each.
const REMEMBERED_STREAMS: usize = 64 * 1024;
/// How often a group is tried again when another process wrote in between.
const TRIES: usize = 8;

/// Starts the thread. When it has ended it gives the connection back, to be closed last.
pub(super) fn start(
    connection: Connection,
    state: LogState,
    clock: Clock,
    maintenance: Maintenance,
    shared: Arc<Shared>,
) -> Result<(Requests, JoinHandle<Connection>), OpenError> {
    let (requests, inbox) = Requests::new(Arc::clone(&shared));
    // Tried here once, so that a table that is not as it should be is an error of opening.
    drop(Statements::prepare(&connection, shared.log)?);
    let work = move || {
        let mut end = End { shared: Arc::clone(&shared), is_orderly: false };
        if let Ok(statements) = Statements::prepare(&connection, shared.log) {
            let sequencer = Sequencer::new(shared.log, state, REMEMBERED_STREAMS);
            Writer { statements, sequencer, clock, maintenance, shared }.run(inbox);
            // It was told to end, or has said why it stopped.
            end.is_orderly = true;
        }
        connection
    };
    let thread = thread::Builder::new().name("annals-log-writer".into()).spawn(work)?;
    Ok((requests, thread))
}

/// Makes sure that a writer that ends in any other way than it should, by a panic say, is seen.
struct End {
    shared: Arc<Shared>,
    is_orderly: bool,
}

impl Drop for End {
    fn drop(&mut self) {
        if !self.is_orderly {
            let failure = Failure::Broken("the writer of the event log has ended".into());
            failure.stop(&self.shared, "the writer has ended");
        }
    }
}

struct Writer<'c> {
    statements: Statements<'c>,
    sequencer: Sequencer,
    clock: Clock,
    maintenance: Maintenance,
    shared: Arc<Shared>,
}

impl Writer<'_> {
    fn run(mut self, mut inbox: mpsc::Receiver<Request>) {
        while let Some(first) = inbox.blocking_recv() {
            self.serve(Group::gather(first, &mut inbox, MAX_COMMANDS));
            if self.shared.stopped().is_some() {
                break;
            }
        }
        self.refuse_the_rest(inbox);
    }

    fn serve(&mut self, group: Group) {
        if let Some(error) = self.shared.stopped() {
            return group.refuse(&error);
        }
        match self.commit(&group) {
            Ok(answers) => {
                group.answer(answers);
                self.maintain();
            }
            Err(failure) => {
                self.statements.rollback();
                failure.stop(&self.shared, "a write to the event log failed");
                group.refuse(&failure.to_store_error());
            }
        }
    }

    /// Commits a group and shows it to the followers.
    fn commit(&mut self, group: &Group) -> Result<Answers, Failure> {
        for _ in 0..TRIES {
            self.statements.begin()?;
            let state = self.statements.state()?;
            if state != self.sequencer.state() {
                self.sequencer.refresh(state);
            }
            let known = self.statements.look_up(&self.sequencer.unknown(&group.appends))?;
            let now = (self.clock)();
            let admission = self.sequencer.admit(&group.appends, group.attempts.len(), &known, now);
            self.shared.note_known(&known);
            if admission.ledger.is_empty() && group.others() == 0 {
                self.statements.rollback();
                return Ok(admission.into_answers());
            }
            if self.statements.write(&admission, group)? {
                self.statements.commit()?;
                return Ok(self.publish(admission));
            }
            self.statements.rollback();
        }
        Err(Failure::Busy)
    }

    /// It is durable: from now on it may be seen.
    fn publish(&mut self, admission: Admission) -> Answers {
        self.sequencer.committed(&admission);
        let head: Head = admission.after.head;
        let events = admission.events.iter().map(|placed| Arc::clone(&placed.event));
        self.shared.publish(head, events);
        admission.into_answers()
    }

    fn maintain(&mut self) {
        let outcome = self.statements.wal_size().and_then(|size| {
            if !self.maintenance.after_commit(size) {
                return Ok(());
            }
            let _turn = self.maintenance.turn();
            self.statements.empty_wal()
        });
        if let Err(failure) = outcome {
            failure.stop(&self.shared, "the write-ahead log cannot be copied");
        }
    }

    fn refuse_the_rest(&self, mut inbox: mpsc::Receiver<Request>) {
        inbox.close();
        let error = self.shared.stopped().unwrap_or_else(closed);
        while let Some(request) = inbox.blocking_recv() {
            let mut group = Group::default();
            group.add(request);
            group.refuse(&error);
        }
    }
}
