//! Questions that a token does not open: that they were asked is evidence, which is kept beside the log.
//!
//! This crate cannot write there. Whoever serves it says how a refusal is kept, and nothing else.

use std::{pin::Pin, sync::Arc};

use axum::http::StatusCode;
use events::ids::{TokenId, UserId};
use events_log::store::StoreError;

use super::{App, caller::Caller, problem::Problem};

/// A question that a known caller was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedQuestion {
    /// Who asked.
    pub user: UserId,
    /// With which token.
    pub token: TokenId,
    /// The method and the pattern of the route: `GET /accounts/{id}`. Never the path itself.
    pub route: String,
    /// The rule.
    pub code: &'static str,
}

/// What became of a refusal that was to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It was kept.
    Within,
    /// It was kept, and the token was refused so often that it hears nothing else.
    Beyond,
}

/// Keeps refusals, durably.
pub trait Refusals: Send + Sync {
    /// Keeps one.
    fn keep(
        &self,
        refused: RefusedQuestion,
    ) -> Pin<Box<dyn Future<Output = Result<Kept, StoreError>> + Send + '_>>;
}

impl App {
    /// Refusals are kept there.
    #[must_use]
    pub fn with_refusals(self, refusals: Arc<dyn Refusals>) -> Self {
        Self { refusals: Some(refusals), ..self }
    }

    /// Keeps that a caller was refused; answers with what the caller hears.
    pub(crate) async fn refuse(&self, caller: &Caller, route: String, problem: Problem) -> Problem {
        let Some(refusals) = &self.refusals else { return problem };
        let (user, token) = (caller.user, caller.token);
        match refusals.keep(RefusedQuestion { user, token, route, code: problem.code }).await {
            Ok(Kept::Within) => problem,
            Ok(Kept::Beyond) => {
                let detail = "this token was refused too often; that it was is kept, in a count";
                Problem::new(StatusCode::TOO_MANY_REQUESTS, "refusals.too_many", detail)
            }
            Err(error) => error.into(),
        }
    }
}
