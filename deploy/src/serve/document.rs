//! Documents that do not change while the process runs: made once, told apart by their `ETag`.

use axum::{
    body::Bytes,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use events::evidence::sha256;

/// A document that is the same for every caller.
#[derive(Clone, Debug)]
pub struct StaticDocument {
    kind: &'static str,
    body: Bytes,
    etag: String,
}

impl StaticDocument {
    /// A document of that media type.
    #[must_use]
    pub fn new(kind: &'static str, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let etag = format!("\"{}\"", hex::encode(&sha256(&body)[..16]));
        Self { kind, body, etag }
    }

    /// The document, or 304 for who has it (RFC 9110, 13.1.2).
    #[must_use]
    pub fn answer(&self, headers: &HeaderMap) -> Response {
        let about = [(header::ETAG, self.etag.as_str()), (header::CACHE_CONTROL, "no-cache")];
        if self.is_known(headers) {
            return (StatusCode::NOT_MODIFIED, about).into_response();
        }
        (about, [(header::CONTENT_TYPE, self.kind)], self.body.clone()).into_response()
    }

    fn is_known(&self, headers: &HeaderMap) -> bool {
        let values = headers.get_all(header::IF_NONE_MATCH).iter();
        values
            .filter_map(|value: &HeaderValue| value.to_str().ok())
            .flat_map(|text| text.split(','))
            .any(|tag| {
                let tag = tag.trim();
                tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == self.etag
            })
    }
}

#[cfg(test)]
#[path = "document_tests.rs"]
mod tests;
