//! Bodies in pieces, too long, too slow, broken off.

use std::io;

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderValue, header},
};
use futures_util::stream;
use serde::Deserialize;

use super::{object, whole};

fn json() -> HeaderMap {
    let kind = HeaderValue::from_static("application/json");
    HeaderMap::from_iter([(header::CONTENT_TYPE, kind)])
}

fn pieces(pieces: Vec<Result<&'static str, io::ErrorKind>>) -> Body {
    let frames = pieces.into_iter().map(|piece| piece.map(Bytes::from).map_err(io::Error::from));
    Body::from_stream(stream::iter(frames))
}

#[tokio::test]
async fn a_body_is_the_sum_of_its_pieces() {
    for (given, read) in [(vec![], ""), (vec![Ok("ab")], "ab"), (vec![Ok("a"), Ok("b")], "ab")] {
        let body = whole(&json(), pieces(given), 2).await.expect("it fits");
        assert_eq!(body, read);
    }
    assert_eq!(whole(&json(), Body::from("abc"), 3).await.expect("it fits"), "abc");
}

#[tokio::test]
async fn what_is_wrong_with_a_body_has_a_status_of_its_own() {
    for (body, status, code) in [
        (Body::from("abc"), 413, "body.too_large"),
        (pieces(vec![Ok("abc")]), 413, "body.too_large"),
        (pieces(vec![Ok("a"), Ok("bc")]), 413, "body.too_large"),
        (pieces(vec![Ok("a"), Ok("b"), Ok("c")]), 413, "body.too_large"),
        (pieces(vec![Ok("a"), Err(io::ErrorKind::TimedOut)]), 408, "body.too_slow"),
        (pieces(vec![Ok("a"), Err(io::ErrorKind::QuotaExceeded)]), 503, "overloaded"),
        (pieces(vec![Err(io::ErrorKind::UnexpectedEof)]), 400, "body.incomplete"),
    ] {
        let problem = whole(&json(), body, 2).await.expect_err("it does not fit");
        assert_eq!((problem.status, problem.code), (status, code));
    }
    let problem = whole(&HeaderMap::new(), Body::from("{}"), 2).await.expect_err("no type");
    assert_eq!((problem.status, problem.code), (415, "body.unsupported_media_type"));
}

#[tokio::test]
async fn an_operation_takes_its_object_and_says_what_it_is() {
    #[derive(Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    struct To {
        to: String,
    }
    let taken = object::<To>(&json(), Body::from(r#"{"to":"a"}"#), 100, "an object").await;
    assert_eq!(taken.expect("the object").to, "a");
    for body in ["{}", r#"["a"]"#, r#"{"to":7}"#, r#"{"to":"a","too":1}"#] {
        let refused = object::<To>(&json(), Body::from(body), 100, "an object").await;
        let problem = refused.expect_err("not the object");
        assert_eq!((problem.status, problem.code), (422, "body.invalid"), "{body}");
        assert_eq!(problem.detail, "the body is an object");
    }
    let refused = object::<To>(&json(), Body::from(r#"{"to":"#), 100, "an object").await;
    assert_eq!(refused.expect_err("half an object").code, "json.malformed");
}
