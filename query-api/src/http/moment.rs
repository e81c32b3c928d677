//! The moment at which a question is answered: fresh enough, and the same for every part of it.

use std::ops::{Deref, DerefMut};

use axum::{
    extract::{FromRequestParts, MatchedPath},
    http::{HeaderMap, Method, Uri, request::Parts},
};
use events::{
    Position,
    access::{Access, Scope},
};
use projection_service::{read_side::LiveGeneration, table::Value};

use super::{
    App,
    caller::{Caller, Session, bearer},
    frame::Frame,
    params::Params,
    problem::Problem,
    routes::access_of,
    turn::Turn,
    waiting::{Needed, Who},
};
use crate::{
    as_of::{self, AsOf, Cut, Sense},
    cursor::Question,
    database::{DatabaseError, Row, Snapshot},
};

impl From<DatabaseError> for Problem {
    fn from(cause: DatabaseError) -> Self {
        Self::unavailable(cause)
    }
}

/// A question as it came in.
#[derive(Clone)]
pub(crate) struct Ask {
    uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) turn: Turn,
    /// Which tokens open its route.
    pub(crate) access: Access,
    method: Method,
    pattern: Option<MatchedPath>,
}

impl FromRequestParts<App> for Ask {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Self::Rejection> {
        let turn = parts.extensions.get().cloned().unwrap_or_default();
        let pattern = parts.extensions.get::<MatchedPath>().cloned();
        let access = access_of(pattern.as_ref().map_or("", MatchedPath::as_str));
        Ok(Self {
            uri: parts.uri.clone(),
            headers: parts.headers.clone(),
            turn,
            access,
            method: parts.method.clone(),
            pattern,
        })
    }
}

impl Ask {
    /// The method and the pattern of the route: `GET /accounts/{id}`.
    fn route(&self) -> String {
        let pattern = self.pattern.as_ref().map_or("", MatchedPath::as_str);
        format!("{} {pattern}", self.method)
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

/// The moment at which a question is answered. A connection and a snapshot are held with it.
pub(crate) struct Moment {
    /// The generation the rows are of. It is kept while the question is answered.
    pub(crate) generation: LiveGeneration,
    /// Who asks.
    pub(crate) caller: Caller,
    snapshot: Snapshot,
    frame: Frame,
}

impl Deref for Moment {
    type Target = Frame;

    fn deref(&self) -> &Frame {
        &self.frame
    }
}

impl DerefMut for Moment {
    fn deref_mut(&mut self) -> &mut Frame {
        &mut self.frame
    }
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

    /// Gives back what is held: for questions that are answered from the log, or wait.
    pub(crate) fn release(self) -> Frame {
        self.frame
    }
}

/// Why a question gets no further.
enum Stop {
    /// The token of a known caller does not open it.
    Denied(Box<(Caller, Problem)>),
    /// Anything else.
    Failed(Problem),
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self::Failed(problem)
    }
}

/// How fresh a caller wants the answer.
struct Freshness {
    at_least: Option<Position>,
    /// Whether it waits a moment for what the log holds: the present does, unless the caller said
    /// `fresh=false`. The past, and the further pages of a list, do not change.
    waits: bool,
}

impl Freshness {
    /// Whatever is there.
    const NONE: Self = Self { at_least: None, waits: false };

    fn of(params: &Params) -> Self {
        let is_past = params.look("as_of").is_some() || params.look("cursor").is_some();
        let at_least = params.look("at_least").and_then(as_of::position);
        Self { at_least, waits: !is_past && params.look("fresh") != Some("false") }
    }

    /// Takes out what [`Self::of`] looked at, and refuses what it did not understand.
    fn take(params: &mut Params) -> Result<(), Problem> {
        params.parsed("fresh", |text| match text {
            "true" | "false" => Ok(()),
            _ => Err(Problem::parameter("fresh", "is `true` or `false`")),
        })?;
        params.parsed("at_least", at_least)?;
        Ok(())
    }
}

impl App {
    /// Finds the moment of a question and looks at it; gives back the parameters that are left.
    ///
    /// Whoever may not ask learns nothing else: the token is checked before any parameter, and again
    /// after a time of waiting.
    pub(crate) async fn open(
        &self,
        ask: &Ask,
        senses: Senses,
    ) -> Result<(Moment, Params), Problem> {
        // What it takes to look is large, and is given back before anything waits for the caller.
        match Box::pin(self.find(ask, senses)).await {
            Ok(found) => Ok(found),
            Err(stop) => Err(self.stopped(stop, || ask.route()).await),
        }
    }

    async fn find(&self, ask: &Ask, senses: Senses) -> Result<(Moment, Params), Stop> {
        let who = Who { token: bearer(&ask.headers)?, turn: &ask.turn };
        let params = Params::parse(&ask.uri);
        let freshness = params.as_ref().map_or(Freshness::NONE, Freshness::of);
        let (head, session) = self.look(&who, freshness.at_least, freshness.waits).await?;
        let (mut session, user) = self.authenticated(session, &who, head, ask.access).await?;
        let mut params = params?;
        let question = Question {
            path: ask.uri.path().to_owned(),
            parameters: params.identity(),
            caller: user,
        };
        let sense = Sense::parse(params.take("sense").as_deref())?;
        if sense == Sense::Effective && senses == Senses::Recorded {
            let detail = "this question has no effective form; ask it with `sense=recorded`";
            return Err(Problem::bad("sense.unsupported", detail).into());
        }
        let as_of = AsOf::parse(params.take("as_of").as_deref())?;
        Freshness::take(&mut params)?;
        let place = params.parsed("cursor", |cursor| question.place(cursor))?;
        let now = (self.clock)();
        let cut = match &place {
            Some(place) => Cut { position: Some(place.position), instant: place.instant },
            None => {
                let zone = session.zone.clone();
                let resolving = as_of::resolve(as_of, sense, now, &zone, &*self.feed);
                let (cut, looked) = self.beside(session, &who, resolving).await?;
                session = looked;
                cut?
            }
        };
        if let Some(position) = freshness.at_least.filter(|position| *position > session.position) {
            self.require_known(position, head).await?;
        }
        let must = freshness.at_least.max(cut.position);
        let needed = Needed { must, should: head.filter(|_| freshness.waits) };
        let session = self.reached(session, &who, needed).await?;
        let caller = allowed(&session, ask.access)?.clone();
        self.checkpoints.keep_up(&session.generation, session.position);
        let frame = Frame {
            position: cut.position.unwrap_or(session.position),
            // The log was that long, and the rows may be further by now.
            head: head.map(|head| head.max(session.position)),
            instant: cut.instant,
            sense,
            is_present: as_of == AsOf::Now,
            zone: session.zone,
            log: self.streams.log_id(),
            question,
            after: place.map(|place| place.key),
        };
        let Session { generation, snapshot, .. } = session;
        Ok((Moment { generation, caller, snapshot, frame }, params))
    }

    /// Lets only callers on whose token opens `scope`, for questions that are answered elsewhere. That
    /// somebody else asked is kept under `route`, the method and the pattern. Nothing is held
    /// afterwards.
    ///
    /// # Errors
    /// 401 without a token that is valid at the end of the log, 403 without the scope.
    pub async fn allow(
        &self,
        headers: &HeaderMap,
        scope: Scope,
        route: &str,
    ) -> Result<(), Problem> {
        let turn = Turn::default();
        match Box::pin(self.find_caller(&turn, headers, Access::Scope(scope))).await {
            Ok(()) => Ok(()),
            Err(stop) => Err(self.stopped(stop, || route.to_owned()).await),
        }
    }

    /// The same, for a question that has a place among others.
    pub(crate) async fn allow_again(&self, ask: &Ask) -> Result<(), Problem> {
        match Box::pin(self.find_caller(&ask.turn, &ask.headers, ask.access)).await {
            Ok(()) => Ok(()),
            Err(stop) => Err(self.stopped(stop, || ask.route()).await),
        }
    }

    async fn find_caller(
        &self,
        turn: &Turn,
        headers: &HeaderMap,
        access: Access,
    ) -> Result<(), Stop> {
        let who = Who { token: bearer(headers)?, turn };
        let (head, session) = self.look(&who, None, true).await?;
        let (session, _) = self.authenticated(session, &who, head, access).await?;
        let session = self.reached(session, &who, Needed { must: None, should: head }).await?;
        allowed(&session, access)?;
        Ok(())
    }

    /// What a caller hears who gets no further. That a known one was denied something is kept, without
    /// holding a connection to the read models meanwhile.
    async fn stopped(&self, stop: Stop, route: impl FnOnce() -> String) -> Problem {
        match stop {
            Stop::Denied(denied) => {
                let (caller, problem) = *denied;
                self.refuse(&caller, route(), problem).await
            }
            Stop::Failed(problem) => problem,
        }
    }

    /// A token that is not known may only not be projected yet: whoever was just given one is not
    /// turned away.
    async fn authenticated(
        &self,
        session: Session,
        who: &Who<'_>,
        head: Option<Position>,
        access: Access,
    ) -> Result<(Session, uuid::Uuid), Stop> {
        let session = if session.caller.is_some() {
            session
        } else {
            let head = match head {
                Some(head) => head,
                None => self.feed.feed_head().await.map_err(Problem::from)?.position,
            };
            self.reached(session, who, Needed { must: Some(head), should: None }).await?
        };
        let user = allowed(&session, access)?.user.0;
        Ok((session, user))
    }

    async fn require_known(
        &self,
        position: Position,
        head: Option<Position>,
    ) -> Result<(), Problem> {
        let head = match head {
            Some(head) => head,
            None => self.feed.feed_head().await?.position,
        };
        if position > head {
            let detail = "the log of this installation has no such position";
            return Err(Problem::bad("at_least.unknown", detail));
        }
        Ok(())
    }
}

/// Who asks, if their token is in force at the moment of the session and opens that.
fn allowed(session: &Session, access: Access) -> Result<&Caller, Stop> {
    let caller = session.caller.as_ref().ok_or_else(Problem::unauthenticated)?;
    match caller.require(access) {
        Ok(()) => Ok(caller),
        Err(problem) => Err(Stop::Denied(Box::new((caller.clone(), problem)))),
    }
}

fn at_least(text: &str) -> Result<Position, Problem> {
    as_of::position(text)
        .ok_or_else(|| Problem::bad("at_least.invalid", "`at_least` is a position"))
}
