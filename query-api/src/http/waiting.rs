//! How a question waits for the read models: with nothing in its hands. No connection, no snapshot
//! and no generation is held meanwhile; what was looked at before is looked at again afterwards.

use std::{pin::pin, time::Duration};

use events::{Position, access::PresentedToken};
use projection_service::{
    follow::{Progress, Status},
    read_side::LiveGeneration,
};
use tokio::time::{Instant, timeout};

use super::{App, caller::Session, problem::Problem, turn::Turn};

/// How long a question waits for the read models to come as far as it demands.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long it waits for what the log held when it came in. What is there then is the answer.
const FRESHNESS: Duration = Duration::from_millis(500);
/// How long it waits before anything is looked at.
const SOON: Duration = Duration::from_millis(50);

/// For how long a question that has looked already keeps what it holds while it asks something else.
const BRIEFLY: Duration = Duration::from_millis(20);

/// Who asks.
pub(super) struct Who<'a> {
    pub(super) token: PresentedToken,
    /// The place that is given to others meanwhile.
    pub(super) turn: &'a Turn,
}

/// How far the read models have to be for a question.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Needed {
    /// It is not answered from before here.
    pub(super) must: Option<Position>,
    /// It waits a moment for that.
    pub(super) should: Option<Position>,
}

impl App {
    /// Where the log ends, and who asks at which moment of the read models.
    ///
    /// `needed` is what the caller says beforehand. Most questions of that kind come right after the
    /// command that they are about, and so do most of a process that knows where its own log ends:
    /// looked at at once, what is there would be too old, and the database be asked in vain.
    pub(super) async fn look(
        &self,
        who: &Who<'_>,
        needed: Option<Position>,
        is_fresh: bool,
    ) -> Result<(Option<Position>, Session), Problem> {
        if let Some(head) = self.view.own_head().await {
            let needed = needed.max(Some(head).filter(|_| is_fresh));
            self.come(needed, SOON, who.turn).await;
            return Ok((Some(head), self.session(who).await?));
        }
        let mut asking = pin!(self.view.head());
        let mut looking = pin!(async {
            self.come(needed, SOON, who.turn).await;
            self.session(who).await
        });
        tokio::select! {
            head = &mut asking => Ok((head, looking.await?)),
            session = &mut looking => self.beside(session?, who, asking).await,
        }
    }

    /// Asks something else that most of the time takes no longer than it takes to look. When it does,
    /// what was looked at is given back, and looked at again.
    pub(super) async fn beside<T>(
        &self,
        session: Session,
        who: &Who<'_>,
        asking: impl Future<Output = T>,
    ) -> Result<(T, Session), Problem> {
        let mut asking = pin!(asking);
        if let Ok(answer) = timeout(BRIEFLY, &mut asking).await {
            return Ok((answer, session));
        }
        drop(session);
        let answer = who.turn.while_waiting(asking).await;
        Ok((answer, self.session(who).await?))
    }

    async fn session(&self, who: &Who<'_>) -> Result<Session, Problem> {
        let live = match self.view.live() {
            Some(live) => live,
            None => who.turn.while_waiting(self.first_generation()).await?,
        };
        Ok(Session::begin(live, &who.token).await?)
    }

    /// The live generation, once there is one: whoever asks right after the first start waits.
    async fn first_generation(&self) -> Result<LiveGeneration, Problem> {
        let (mut progress, _waiting) = (self.view.progress(), self.view.waiting());
        let there = progress.wait_for(|_| self.view.live().is_some());
        let waited = timeout(PATIENCE, there).await;
        drop(waited.map_err(|_| Problem::behind())?.map_err(|_| Problem::behind())?);
        self.view.live().ok_or_else(Problem::behind)
    }

    /// The same session, or a later one that has come as far as is needed.
    pub(super) async fn reached(
        &self,
        session: Session,
        who: &Who<'_>,
        needed: Needed,
    ) -> Result<Session, Problem> {
        let Needed { must, should } = needed;
        if Some(session.position) >= must.max(should) {
            return Ok(session);
        }
        // An open snapshot keeps the database from shortening its WAL; nobody waits with one.
        drop(session);
        let begun = Instant::now();
        if should > must {
            self.come(should, FRESHNESS, who.turn).await;
        }
        loop {
            let left = PATIENCE.saturating_sub(begun.elapsed());
            let has_come = self.come(must, left, who.turn).await;
            let mut progress = self.view.progress();
            let session = if has_come { self.session(who).await? } else { break };
            if Some(session.position) >= must {
                return Ok(session);
            }
            drop(session);
            if has_ended(&progress.borrow_and_update().status) {
                break;
            }
            // It was told and cannot be seen: another generation has only just become the live one.
            who.turn.while_waiting(timeout(left, progress.changed())).await.ok();
        }
        Err(Problem::behind())
    }

    /// Gives the read models that long to come to a position; whether they came, or will come no
    /// further.
    async fn come(&self, needed: Option<Position>, patience: Duration, turn: &Turn) -> bool {
        let mut progress = self.view.progress();
        let Some(needed) = needed.filter(|needed| *needed > progress.borrow().position) else {
            return true;
        };
        let _waiting = self.view.waiting();
        let has_come =
            |progress: &Progress| progress.position >= needed || has_ended(&progress.status);
        // An error says that nobody makes them any more.
        let wait = async { timeout(patience, progress.wait_for(has_come)).await.is_ok() };
        turn.while_waiting(wait).await
    }
}

/// Whether no more events will go into the rows before a restart.
const fn has_ended(status: &Status) -> bool {
    matches!(status, Status::Stopped(_) | Status::Ended)
}
