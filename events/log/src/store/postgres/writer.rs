//! The one task that writes: it takes what waits, commits it together and answers all at once.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, interval_at, timeout_at},
};

use super::{
    commit::{Commit, catch_up},
    failure::Failure,
    link::{Backend, Link},
};
use crate::{
    postgres::Server,
    store::{
        Clock, StoreError,
        group::{Answers, Group, Request, Requests},
        sequencer::{Admission, LogState, Sequencer},
        shared::{Shared, closed},
    },
};

/// The most commands in one commit.
const MAX_COMMANDS: usize = 512;
/// From how many commands in a group on more is waited for: a group costs as much as a dozen commands
/// do, so that small ones take what the commands need.
const BUSY: usize = 16;
/// How long, at most, and for how many.
const PAUSE: Duration = Duration::from_millis(1);
const GATHERED: usize = 128;
/// How many stream heads are remembered, at some 60 bytes each.
const REMEMBERED_STREAMS: usize = 64 * 1024;
/// How long those who wait are kept waiting when the database goes away.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long to wait before connecting again: first, and at most.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));

/// Starts the task.
pub(super) fn start(
    server: Server,
    link: Link,
    state: LogState,
    clock: Clock,
    shared: Arc<Shared>,
) -> (Requests, JoinHandle<()>) {
    let (requests, inbox) = Requests::new(Arc::clone(&shared));
    let sequencer = Sequencer::new(shared.log, state, REMEMBERED_STREAMS);
    let backend = link.backend();
    let writer = Writer {
        server,
        link: Some(link),
        backend,
        is_away: false,
        sequencer,
        clock,
        shared,
        #[cfg(feature = "planted")]
        late: None,
    };
    (requests, tokio::spawn(writer.run(inbox)))
}

/// Makes sure that a writer that ends in any other way than it should, by a panic say, is seen.
struct End(Arc<Shared>);

impl Drop for End {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.stop(StoreError::Unavailable("the writer of the event log has ended".into()));
        }
    }
}

/// Waits a moment for more commands to go with those that are there.
async fn wait_for_more(group: &mut Group, inbox: &mut mpsc::Receiver<Request>) {
    let until = Instant::now() + PAUSE;
    while group.commands() < GATHERED && !group.is_full(MAX_COMMANDS) {
        let Ok(Some(request)) = timeout_at(until, inbox.recv()).await else { break };
        group.add(request);
        group.gather_more(inbox, MAX_COMMANDS);
    }
}

struct Writer {
    server: Server,
    link: Option<Link>,
    /// The session of the last connection.
    backend: Backend,
    /// Whether the database was gone when it was last needed.
    is_away: bool,
    sequencer: Sequencer,
    clock: Clock,
    shared: Arc<Shared>,
    /// What was acknowledged and is not committed.
    #[cfg(feature = "planted")]
    late: Option<Admission>,
}

impl Writer {
    async fn run(mut self, mut inbox: mpsc::Receiver<Request>) {
        let _end = End(Arc::clone(&self.shared));
        let mut is_busy = false;
        while let Some(first) = inbox.recv().await {
            let mut group = Group::gather(first, &mut inbox, MAX_COMMANDS);
            if is_busy {
                wait_for_more(&mut group, &mut inbox).await;
            }
            is_busy = group.commands() >= BUSY;
            self.serve(group).await;
            if self.shared.stopped().is_some() {
                break;
            }
        }
        inbox.close();
        let error = self.shared.stopped().unwrap_or_else(closed);
        while let Some(request) = inbox.recv().await {
            let mut group = Group::default();
            group.add(request);
            group.refuse(&error);
        }
    }

    async fn serve(&mut self, group: Group) {
        if let Some(error) = self.shared.stopped() {
            return group.refuse(&error);
        }
        if group.is_empty() {
            return group.answer(Answers {
                appends: Vec::new(),
                attempts: self.sequencer.state().attempts,
            });
        }
        let committed = self.commit(&group).await;
        self.shared.committing(None);
        match committed {
            Ok(answers) => {
                group.answer(answers);
                #[cfg(feature = "planted")]
                self.commit_late().await;
            }
            Err(failure) => {
                let is_final = matches!(failure, Failure::Damaged(_));
                let error = StoreError::from(failure);
                if is_final {
                    tracing::error!(%error, "the event log takes no more commands");
                    self.shared.stop(error.clone());
                } else {
                    tracing::warn!(%error, "commands were refused; later ones will be tried");
                }
                group.refuse(&error);
            }
        }
    }

    /// Commits a group and shows it to the followers, over as many connections as it takes.
    async fn commit(&mut self, group: &Group) -> Result<Answers, Failure> {
        // Nobody waits long for a database that has been away for long already.
        let patience = if self.is_away { Duration::ZERO } else { PATIENCE };
        let deadline = Instant::now() + patience;
        // What was sent, and may have been stored, when a connection broke.
        let mut sent: Option<Admission> = None;
        loop {
            let mut link = self.connect(deadline).await?;
            let mut commit = Commit {
                link: &mut link,
                sequencer: &mut self.sequencer,
                shared: &self.shared,
                clock: &self.clock,
                group,
                sent: &mut sent,
            };
            match commit.run().await {
                Err(Failure::Lost(why)) => {
                    tracing::warn!(%why, "the connection to the event log broke");
                    if Instant::now() >= deadline {
                        self.is_away = true;
                        return Err(Failure::Lost(why));
                    }
                }
                outcome => {
                    #[cfg(feature = "planted")]
                    self.late.clone_from(&sent);
                    self.link = Some(link);
                    return outcome;
                }
            }
        }
    }

    /// Commits what was acknowledged. Whether that succeeds nobody is told: that is the mistake.
    #[cfg(feature = "planted")]
    async fn commit_late(&mut self) {
        let (Some(late), Some(link)) = (self.late.take(), &mut self.link) else { return };
        if super::planted::commit(link).await {
            self.sequencer.committed(&late);
            let events = late.events.iter().map(|placed| Arc::clone(&placed.event));
            self.shared.publish(late.after.head, events);
        }
    }

    /// The connection that there is, or a new one.
    async fn connect(&mut self, deadline: Instant) -> Result<Link, Failure> {
        if let Some(link) = self.link.take() {
            return Ok(link);
        }
        let mut back_off = BACK_OFF.0;
        loop {
            match self.connect_once().await {
                Ok(link) => {
                    tracing::info!("the event log is reached again");
                    self.is_away = false;
                    return Ok(link);
                }
                Err(Failure::Lost(_)) if Instant::now() + back_off < deadline => {
                    interval_at(Instant::now() + back_off, back_off).tick().await;
                    back_off = (back_off * 2).min(BACK_OFF.1);
                }
                Err(failure) => {
                    self.is_away = true;
                    return Err(failure);
                }
            }
        }
    }

    async fn connect_once(&mut self) -> Result<Link, Failure> {
        let mut link = Link::open(&self.server, Some(self.backend)).await?;
        self.backend = link.backend();
        link.check().await?;
        catch_up(&mut link, &mut self.sequencer, &self.shared).await?;
        Ok(link)
    }
}
