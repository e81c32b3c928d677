//! The error a caller sees (RFC 9457): a stable code, a sentence, what the rule went by.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use events::DecodeError;
use events_log::{keys::KeyError, store::StoreError};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

/// Why a question was not answered.
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
    /// What the rule went by.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub params: Map<String, Value>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or("Failed");
        Self { status: status.as_u16(), code, title, detail: detail.into(), params: Map::new() }
    }

    pub(crate) fn bad(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    pub(crate) fn refused(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
    }

    /// A parameter whose value is not one that it takes.
    pub(crate) fn parameter(name: &str, detail: impl AsRef<str>) -> Self {
        Self::refused("parameter.invalid", format!("`{name}` {}", detail.as_ref()))
            .with("parameter", name)
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.params.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn unauthenticated() -> Self {
        let detail = "a valid bearer token is needed; start-up says where the first one is kept";
        Self::new(StatusCode::UNAUTHORIZED, "auth.required", detail)
    }

    pub(crate) fn not_found() -> Self {
        let detail = "there is no such record, or there was none at that time";
        Self::new(StatusCode::NOT_FOUND, "record.not_found", detail)
    }

    /// Something of a record cannot be read now, though nobody erased it.
    pub(crate) fn unreadable(record: impl std::fmt::Display) -> Self {
        let detail = format!(
            "{record} has personal values whose key is missing or damaged; the operator has to put \
             the key store back"
        );
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "key.unreadable", detail)
    }

    pub(crate) fn behind() -> Self {
        let detail = "the read models have not come as far as was asked for in time";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "query.behind", detail)
    }

    pub(crate) fn too_many_followers() -> Self {
        let detail = "as many callers wait for events as may; ask again without `wait`, or later";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail)
    }

    /// The cause is for our log, not for the caller.
    pub(crate) fn unavailable(cause: impl std::fmt::Display) -> Self {
        tracing::error!(%cause, "a question could not be answered");
        let detail = "questions are not answered now";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "query.unavailable", detail)
    }

    /// What is stored is not what was written. The cause is for our log, not for the caller.
    pub(crate) fn damaged(cause: impl std::fmt::Display) -> Self {
        tracing::error!(%cause, "what is stored is not what was written");
        let detail = "what is stored cannot be read; the operator's log says where";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "query.damaged", detail)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Damaged(cause) => {
                tracing::error!(%cause, "the event log is damaged");
                let detail =
                    "what this touches is not as it was stored; the operator's log says where";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "log.damaged", detail)
            }
            cause @ (StoreError::Unavailable(_) | StoreError::Full) => Self::unavailable(cause),
        }
    }
}

impl From<KeyError> for Problem {
    fn from(error: KeyError) -> Self {
        match error {
            cause @ (KeyError::Unavailable(_) | KeyError::Full | KeyError::Refused(_)) => {
                Self::unavailable(cause)
            }
            KeyError::Unreadable(key) => Self::unreadable(format!("what key {} sealed", key.0)),
            cause @ (KeyError::Damaged | KeyError::Forged | KeyError::NoPlace) => {
                Self::damaged(cause)
            }
        }
    }
}

impl From<DecodeError> for Problem {
    fn from(cause: DecodeError) -> Self {
        Self::damaged(cause)
    }
}

impl From<serde_json::Error> for Problem {
    fn from(cause: serde_json::Error) -> Self {
        // The message of a JSON error may repeat a value; its place does not.
        let place = format!("JSON at {}:{}", cause.line(), cause.column());
        Self::damaged(place)
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
