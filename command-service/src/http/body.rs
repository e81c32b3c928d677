//! Bodies: read when the caller is known to be allowed to send one, and never beyond a limit.

use std::{error::Error, io};

use axum::{
    body::{Body, Bytes, HttpBody},
    http::{HeaderMap, StatusCode},
};
use bytes::BytesMut;
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::{headers::require_json, problem::Problem, strict_json};
use crate::body::is_object;

/// Reads a body of JSON of at most `limit` bytes.
///
/// # Errors
/// 415 for a body that does not say that it is JSON, 413 for one that is longer or says so, 408 for one
/// that comes too slowly, 503 where slow ones take all the room there is for them, 400 for one that breaks
/// off.
pub(crate) async fn whole(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, Problem> {
    require_json(headers)?;
    // A length that was declared is judged before a byte is waited for.
    if usize::try_from(body.size_hint().lower()).map_or(true, |declared| declared > limit) {
        return Err(too_large());
    }
    read(body, limit).await
}

async fn read(body: Body, limit: usize) -> Result<Bytes, Problem> {
    let mut frames = body.into_data_stream();
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) = frames.next().await {
        let frame = frame.map_err(|error| broken(&error))?;
        if frame.len() > limit - first.len().max(rest.len()) {
            return Err(too_large());
        }
        // Most bodies come in one piece, which is not copied.
        if first.is_empty() && rest.is_empty() {
            first = frame;
        } else {
            if rest.is_empty() {
                rest.extend_from_slice(&first);
            }
            rest.extend_from_slice(&frame);
        }
    }
    Ok(if rest.is_empty() { first } else { rest.freeze() })
}

/// Reads a JSON object into the type of an operation that is no command.
///
/// # Errors
/// As for the body of a command; 422 for an object that is not the one that is asked for.
pub async fn object<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: Body,
    limit: usize,
    expected: &str,
) -> Result<T, Problem> {
    let body = whole(headers, body, limit).await?;
    strict_json::check(&body)?;
    let invalid = || {
        let detail = format!("the body is {expected}");
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "body.invalid", detail)
    };
    let raw: &RawValue = serde_json::from_slice(&body).map_err(|_| invalid())?;
    if !is_object(raw) {
        return Err(invalid());
    }
    serde_json::from_str(raw.get()).map_err(|_| invalid())
}

fn too_large() -> Problem {
    let detail = "the body is larger than this route takes";
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body.too_large", detail)
}

/// Why a body did not come whole. The server says by the kind of the error that it waited long enough, or
/// has no more room for bodies that come slowly.
fn broken(error: &(dyn Error + 'static)) -> Problem {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
        if kind == Some(io::ErrorKind::TimedOut) {
            let detail = "the body came too slowly";
            return Problem::new(StatusCode::REQUEST_TIMEOUT, "body.too_slow", detail);
        }
        if kind == Some(io::ErrorKind::QuotaExceeded) {
            return Problem::overloaded();
        }
        cause = error.source();
    }
    Problem::new(StatusCode::BAD_REQUEST, "body.incomplete", "the body did not arrive whole")
}

#[cfg(test)]
#[path = "body_tests.rs"]
mod tests;
