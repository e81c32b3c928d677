//! Acts of administration over HTTP: who may do them, and that they are written down.

use axum::http::{HeaderMap, StatusCode};
use events::{
    Channel,
    access::{Access, Scope},
    ids::{AdministrationId, CommandId},
};

use super::{App, problem::Problem};
use crate::{
    access::{Act, RecordAct},
    aggregate::Decide,
    caller::Caller,
    handle::{Accepted, CommandError, Request},
    refusal::Refusal,
};

/// Which tokens open every route of administration.
pub const ADMINISTRATION: Access = Access::Scope(Scope::Admin);

/// A caller who may administer, on the way to one act.
#[derive(Clone)]
pub struct Administrator {
    app: App,
    caller: Caller,
    /// The act, as attempts name it: `Backup`.
    act: &'static str,
}

impl App {
    /// Lets only administrators on. That somebody else tried is kept.
    ///
    /// # Errors
    /// 401 without a valid token, 403 without the scope.
    pub async fn administrator(
        &self,
        headers: &HeaderMap,
        act: &'static str,
    ) -> Result<Administrator, Problem> {
        let caller = self.caller(headers).await?;
        let may = ADMINISTRATION.allows(&caller.scopes);
        let administrator = Administrator { app: self.clone(), caller, act };
        if may {
            return Ok(administrator);
        }
        Err(administrator.refused(Refusal::AccessDenied.into()).await)
    }
}

impl Administrator {
    /// Refuses the act by a rule (422), and keeps that it was tried.
    pub async fn refuse(&self, code: &'static str, detail: &str) -> Problem {
        self.refused(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)).await
    }

    /// The same refusal, and keeps that it was tried.
    pub async fn refused(&self, problem: Problem) -> Problem {
        self.app.refuse(&self.caller, self.act, None, problem).await
    }

    /// Writes down what became of the act.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn record(&self, act: Act) -> Result<Accepted, CommandError> {
        let command_id = CommandId((self.app.draw_id)());
        let administration = AdministrationId(self.app.handler.store.log_id().0);
        let request = Request {
            command_id,
            name: RecordAct::NAME,
            command: Box::new(RecordAct { administration, act }),
            expected: None,
            effective_at: None,
            reason: None,
            actor: self.caller.actor(),
            authority: Some(self.caller.authority()),
            on_behalf_of: None,
            channel: Channel::Api,
            causation_id: command_id.0,
            correlation_id: command_id.0,
            freshened: None,
        };
        self.app.handler.handle(request).await
    }
}
