//! The moment at which a question is answered: fresh enough, and the same for every part of it.

use std::time::Duration;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, Uri, request::Parts},
};
use events::{Instant, Position, access::Scope, ids::LogId, values::Day};
use jiff::tz::TimeZone;
use projection_service::{
    follow::{Progress, Status},
    projector::day_in,
    read_side::LiveGeneration,
    table::Value,
};

use super::{
    App,
    caller::{PresentedToken, Session},
    params::Params,
    problem::Problem,
};
use crate::{
    as_of::{self, AsOf, Cut, Sense},
    cursor::{self, Place, Question},
    database::{DatabaseError, Row, Snapshot},
};

/// How long a question waits for the read models to come as far as it asks.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long it waits before anything is looked at.
const SOON: Duration = Duration::from_millis(50);

impl From<DatabaseError> for Problem {
    fn from(cause: DatabaseError) -> Self {
        Self::unavailable(cause)
    }
}

/// A question as it came in.
pub(crate) struct Ask {
    uri: Uri,
    headers: HeaderMap,
}

impl FromRequestParts<App> for Ask {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Self::Rejection> {
        Ok(Self { uri: parts.uri.clone(), headers: parts.headers.clone() })
    }
}

/// Which senses a question can be asked in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Senses {
    /// Only what was known.
    Recorded,
    /// Also what was true.
    Both,
}

/// The moment at which a question is answered.
pub(crate) struct Moment {
    /// The generation the rows are of. It is kept while the question is answered.
    pub(crate) generation: LiveGeneration,
    snapshot: Snapshot,
    /// The last event that counts.
    pub(crate) position: Position,
    /// Until when, in business time.
    pub(crate) instant: Instant,
    /// Which time the question is on.
    pub(crate) sense: Sense,
    /// Whether the caller asked for the present.
    pub(crate) is_present: bool,
    /// The zone in which the organisation's days begin and end.
    pub(crate) zone: TimeZone,
    pub(crate) log: LogId,
    question: Question,
    /// Where the page begins; none on the first page.
    after: Option<Vec<Value>>,
}

impl Moment {
    /// Asks the read models. Nothing that a caller gave may stand in the statement itself.
    pub(crate) async fn rows(
        &mut self,
        statement: &str,
        binds: &[Value],
    ) -> Result<Vec<Row>, Problem> {
        Ok(self.snapshot.rows(statement, binds).await?)
    }

    /// Asks for one row at most.
    pub(crate) async fn row(
        &mut self,
        statement: &str,
        binds: &[Value],
    ) -> Result<Option<Row>, Problem> {
        Ok(self.snapshot.row(statement, binds).await?)
    }

    /// The day of the instant the question is about.
    pub(crate) fn day(&self) -> Day {
        day_in(&self.zone, self.instant)
    }

    /// The key that the page begins after, if it is not the first. How a cursor is made is no secret:
    /// a key that `fits` does not know was made up.
    pub(crate) fn begins_after(
        &mut self,
        fits: impl FnOnce(&[Value]) -> bool,
    ) -> Result<Option<Vec<Value>>, Problem> {
        let after = self.after.take();
        if after.as_deref().is_none_or(fits) { Ok(after) } else { Err(cursor::invalid()) }
    }

    /// The cursor of the page that begins after `key`.
    pub(crate) fn cursor(&self, key: Vec<Value>) -> Result<String, Problem> {
        let place = Place { position: self.position, instant: self.instant, key };
        self.question.cursor(&place)
    }
}

impl App {
    /// Finds the moment of a question and looks at it; gives back the parameters that are left.
    ///
    /// Whoever may not ask learns nothing else: the token is checked before any parameter.
    pub(crate) async fn open(
        &self,
        ask: &Ask,
        scope: Scope,
        senses: Senses,
    ) -> Result<(Moment, Params), Problem> {
        let token = PresentedToken::of(&ask.headers)?;
        let params = Params::parse(&ask.uri);
        let asked = params.as_ref().ok().and_then(|params| params.look("at_least"));
        self.come_close(asked.and_then(as_of::position)).await;
        let session = self.authenticated(&token).await?;
        let caller = session.caller.as_ref().ok_or_else(Problem::unauthenticated)?;
        caller.require(scope)?;
        let mut params = params?;
        let question = Question {
            path: ask.uri.path().to_owned(),
            parameters: params.identity(),
            caller: caller.user.0,
        };
        let sense = Sense::parse(params.take("sense").as_deref())?;
        if sense == Sense::Effective && senses == Senses::Recorded {
            let detail = "this question has no effective form; ask it with `sense=recorded`";
            return Err(Problem::bad("sense.unsupported", detail));
        }
        let as_of = AsOf::parse(params.take("as_of").as_deref())?;
        let at_least = params.parsed("at_least", at_least)?;
        let place = params.parsed("cursor", |cursor| question.place(cursor))?;
        let now = (self.clock)();
        let cut = match &place {
            Some(place) => Cut { position: Some(place.position), instant: place.instant },
            None => as_of::resolve(as_of, sense, now, &session.zone, &*self.feed).await?,
        };
        if let Some(position) = at_least.filter(|position| *position > session.position) {
            self.require_known(position).await?;
        }
        let session = self.reached(session, &token, at_least.max(cut.position)).await?;
        self.checkpoints.keep_up(&session.generation, session.position);
        let moment = Moment {
            position: cut.position.unwrap_or(session.position),
            generation: session.generation,
            snapshot: session.snapshot,
            instant: cut.instant,
            sense,
            is_present: as_of == AsOf::Now,
            zone: session.zone,
            log: self.streams.log_id(),
            question,
            after: place.map(|place| place.key),
        };
        Ok((moment, params))
    }

    /// Lets only callers on whose token opens `scope`, for questions that are answered elsewhere.
    ///
    /// # Errors
    /// 401 without a valid token, 403 without the scope.
    pub async fn allow(&self, headers: &HeaderMap, scope: Scope) -> Result<(), Problem> {
        let session = self.authenticated(&PresentedToken::of(headers)?).await?;
        session.caller.ok_or_else(Problem::unauthenticated)?.require(scope)
    }

    async fn session(&self, token: &PresentedToken) -> Result<Session, Problem> {
        let live = match self.view.live() {
            Some(live) => live,
            None => self.first_generation().await?,
        };
        Ok(Session::begin(live, token).await?)
    }

    /// The live generation, once there is one: whoever asks right after the first start waits.
    async fn first_generation(&self) -> Result<LiveGeneration, Problem> {
        let (mut progress, _waiting) = (self.view.progress(), self.view.waiting());
        let there = progress.wait_for(|_| self.view.live().is_some());
        let waited = tokio::time::timeout(PATIENCE, there).await;
        drop(waited.map_err(|_| Problem::behind())?.map_err(|_| Problem::behind())?);
        self.view.live().ok_or_else(Problem::behind)
    }

    /// A token that is not known may only not be projected yet: whoever was just given one is not
    /// turned away.
    async fn authenticated(&self, token: &PresentedToken) -> Result<Session, Problem> {
        let session = self.session(token).await?;
        if session.caller.is_some() {
            return Ok(session);
        }
        let head = self.feed.feed_head().await?.position;
        self.reached(session, token, Some(head)).await
    }

    /// Gives the read models a moment to come as far as a question asks. Most questions of this kind
    /// come right after the command that they are about: looked at at once, what is there would be
    /// too old, and both databases be asked in vain.
    async fn come_close(&self, needed: Option<Position>) {
        let mut progress = self.view.progress();
        let Some(needed) = needed.filter(|needed| *needed > progress.borrow().position) else {
            return;
        };
        let _waiting = self.view.waiting();
        let come = |progress: &Progress| has_come(progress, needed);
        // Whether they came is seen by whoever looks.
        tokio::time::timeout(SOON, progress.wait_for(come)).await.ok();
    }

    /// The same session, or a later one that has come as far as `needed`.
    async fn reached(
        &self,
        session: Session,
        token: &PresentedToken,
        needed: Option<Position>,
    ) -> Result<Session, Problem> {
        let Some(needed) = needed.filter(|needed| *needed > session.position) else {
            return Ok(session);
        };
        // An open snapshot keeps the database from shortening its WAL; nobody waits with one.
        drop(session);
        let waiting = async {
            let (mut progress, _waiting) = (self.view.progress(), self.view.waiting());
            loop {
                let come = |progress: &Progress| has_come(progress, needed);
                let seen = progress.wait_for(come).await.map_err(|_| Problem::behind())?.clone();
                if seen.position < needed {
                    return Err(Problem::behind());
                }
                let session = self.session(token).await?;
                if session.position >= needed {
                    return Ok(session);
                }
                progress.changed().await.map_err(|_| Problem::behind())?;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| Err(Problem::behind()))
    }

    async fn require_known(&self, position: Position) -> Result<(), Problem> {
        let head = self.feed.feed_head().await?.position;
        if position > head {
            let detail = "the log of this installation has no such position";
            return Err(Problem::bad("at_least.unknown", detail));
        }
        Ok(())
    }
}

/// Whether the rows have come that far, or will come no further.
fn has_come(progress: &Progress, needed: Position) -> bool {
    progress.position >= needed || has_ended(&progress.status)
}

/// Whether no more events will go into the rows before a restart.
const fn has_ended(status: &Status) -> bool {
    matches!(status, Status::Stopped(_) | Status::Ended)
}

fn at_least(text: &str) -> Result<Position, Problem> {
    as_of::position(text)
        .ok_or_else(|| Problem::bad("at_least.invalid", "`at_least` is a position"))
}
