//! The error a caller sees (RFC 9457): a stable code, a sentence, what the rule went by.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use events_log::{keys::KeyError, store::StoreError};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::strict_json::JsonError;
use crate::{command::ParseError, handle::CommandError, refusal::Refusal};

/// Why a request failed.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// The stable code: clients match on it.
    pub code: &'static str,
    /// The same in a few words, for people.
    pub title: &'static str,
    /// What is wrong with this very request.
    pub detail: String,
    /// Which field of the body, as a JSON pointer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// What the rule went by.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub params: Map<String, Value>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or("Failed");
        Self {
            status: status.as_u16(),
            code,
            title,
            detail: detail.into(),
            pointer: None,
            params: Map::new(),
        }
    }

    pub(crate) fn at(mut self, pointer: impl Into<String>) -> Self {
        self.pointer = Some(pointer.into()).filter(|pointer| !pointer.is_empty());
        self
    }

    pub(crate) fn unauthenticated() -> Self {
        let detail = "a valid bearer token is needed; start-up says where the first one is kept";
        Self::new(StatusCode::UNAUTHORIZED, "auth.required", detail)
    }

    pub(crate) fn refused_too_often() -> Self {
        let detail = "this token was refused too often; that it was is kept, in a count";
        Self::new(StatusCode::TOO_MANY_REQUESTS, "refusals.too_many", detail)
    }

    /// As whoever lets requests in says it.
    pub(crate) fn overloaded() -> Self {
        let detail =
            "bodies that come slowly take all the room there is for them; nothing was done";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail)
    }

    pub(crate) fn behind() -> Self {
        let detail = "the command was not answered in time; its id tells whether it took effect";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "command.timeout", detail)
    }
}

/// The status that a rule's refusal is answered with.
pub(crate) fn status_of_code(code: &str) -> u16 {
    let status = match code {
        "access.denied" => StatusCode::FORBIDDEN,
        "record.not_found" => StatusCode::NOT_FOUND,
        "record.version_conflict" => StatusCode::PRECONDITION_FAILED,
        "internal" => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    status.as_u16()
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self {
            title: "The command was refused",
            params: refusal.params(),
            status: status_of_code(refusal.code()),
            ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, refusal.code(), refusal.to_string())
        }
    }
}

impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Self {
        let unavailable = StatusCode::SERVICE_UNAVAILABLE;
        match &error {
            CommandError::Refused(refusal) => refusal.clone().into(),
            CommandError::Reused => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "command.reused", error.to_string())
            }
            CommandError::Contended => {
                Self::new(unavailable, "command.contended", error.to_string())
            }
            CommandError::TooLarge => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, "command.too_large", error.to_string())
            }
            CommandError::Store(StoreError::Full) | CommandError::Keys(KeyError::Full) => {
                Self::new(
                    StatusCode::INSUFFICIENT_STORAGE,
                    "store.full",
                    "no room is left for new events",
                )
            }
            CommandError::Store(StoreError::Damaged(cause)) => {
                tracing::error!(%cause, "the event log is damaged");
                let detail =
                    "what this touches is not as it was stored; the operator's log says where";
                Self::new(unavailable, "log.damaged", detail)
            }
            CommandError::Clock(_) => {
                let detail = format!("{error}; set it right, or confirm it with ConfirmClock");
                Self::new(unavailable, "clock.jumped", detail)
            }
            // The cause is for our log, not for the caller.
            CommandError::Store(cause) => {
                tracing::error!(%cause, "the event store failed");
                Self::new(unavailable, "store.unavailable", "commands are not accepted now")
            }
            CommandError::Keys(KeyError::Unreadable(key)) => {
                let mut problem = Self::new(
                    unavailable,
                    "key.unreadable",
                    "the record has personal values whose key is missing or damaged; the operator \
                     has to put the key store back",
                );
                problem.params.insert("key".to_owned(), key.0.to_string().into());
                problem
            }
            CommandError::Keys(cause) => {
                tracing::error!(%cause, "the key store failed");
                Self::new(unavailable, "keys.unavailable", "commands are not accepted now")
            }
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        CommandError::Store(error).into()
    }
}

impl From<JsonError> for Problem {
    fn from(error: JsonError) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error.code(), error.to_string())
    }
}

impl From<ParseError> for Problem {
    fn from(error: ParseError) -> Self {
        let ParseError { pointer, detail } = error;
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "command.invalid", detail).at(pointer)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(&self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if [StatusCode::SERVICE_UNAVAILABLE, StatusCode::TOO_MANY_REQUESTS].contains(&status) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
