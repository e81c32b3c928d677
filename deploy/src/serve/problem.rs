//! The errors that the server makes itself, as a caller sees them (RFC 9457).

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

/// The media type of every error.
pub(super) const PROBLEM: &str = "application/problem+json";

/// An error with a stable code.
pub(crate) fn problem(status: StatusCode, code: &str, detail: &str) -> Response {
    let title = status.canonical_reason().unwrap_or("Failed");
    let body = serde_json::json!({
        "status": status.as_u16(), "code": code, "title": title, "detail": detail,
    });
    (status, [(header::CONTENT_TYPE, PROBLEM)], body.to_string()).into_response()
}

/// An error that a library made, in words of ours: its own would be text, or nothing.
pub(super) fn of_status(status: StatusCode) -> Response {
    let (code, detail) = match status {
        StatusCode::NOT_FOUND => ("route.unknown", "there is no such route"),
        StatusCode::METHOD_NOT_ALLOWED => (
            "method.not_allowed",
            "the route does not take this method; `Allow` names those it takes",
        ),
        StatusCode::PAYLOAD_TOO_LARGE => {
            ("body.too_large", "the body is larger than this route takes")
        }
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            ("body.unsupported_media_type", "the route does not take a body of this type")
        }
        _ if status.is_server_error() => ("internal", "the request could not be answered"),
        _ => ("request.invalid", "the request is not one that this route takes"),
    };
    problem(status, code, detail)
}
