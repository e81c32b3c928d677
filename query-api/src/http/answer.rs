//! The shape of every answer: JSON, with the position at which it holds in body and headers.

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};
use events::Version;
use schemars::JsonSchema;
use serde::Serialize;

use super::{frame::Frame, problem::Problem};

const POSITION: HeaderName = HeaderName::from_static("annals-position");
const HEAD: HeaderName = HeaderName::from_static("annals-head");
const LOG: HeaderName = HeaderName::from_static("annals-log");

/// What a handler gives back.
pub(crate) type Answered = Result<Response, Problem>;

/// A page of a list.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Page<T> {
    /// The items.
    pub(crate) items: Vec<T>,
    /// What to ask with `cursor=` for the next page; none on the last one.
    pub(crate) next: Option<String>,
    /// The position at which all pages hold.
    pub(crate) position: String,
}

/// Answers with a body that says its position itself.
pub(crate) fn json(frame: &Frame, body: &impl Serialize) -> Answered {
    Ok(raw(frame, serde_json::to_vec(body)?))
}

/// Answers with a document that is JSON already: an object, to which the position is added.
pub(crate) fn document(frame: &Frame, document: &str, version: Option<Version>) -> Answered {
    let fields = document
        .strip_prefix('{')
        .ok_or_else(|| Problem::damaged("a document is no JSON object"))?;
    let body = format!("{{\"position\":\"{}\",{fields}", frame.position);
    let mut response = raw(frame, body.into_bytes());
    if let Some(version) = version {
        insert(response.headers_mut(), header::ETAG, &format!("\"{version}\""));
    }
    Ok(response)
}

fn raw(frame: &Frame, body: Vec<u8>) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    stamp(headers, frame);
    response
}

/// Says of an answer at which position of which log it holds, where that log ended when the question
/// came in, and that nobody else may keep it.
pub(crate) fn stamp(headers: &mut HeaderMap, frame: &Frame) {
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    insert(headers, POSITION, &frame.position.to_string());
    if let Some(head) = frame.head {
        insert(headers, HEAD, &head.to_string());
    }
    insert(headers, LOG, &frame.log.to_string());
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
