//! Who has a document is not sent it again.

use axum::http::{HeaderMap, HeaderValue, header};

use super::StaticDocument;

#[test]
fn who_names_the_tag_of_a_document_is_not_sent_it() {
    let document = StaticDocument::new("application/json", "{}");
    let answer = document.answer(&HeaderMap::new());
    assert_eq!(answer.status(), 200);
    let tag = answer.headers()[header::ETAG].to_str().expect("a text").to_owned();
    assert!(tag.starts_with('"') && tag.len() == 34, "{tag}");
    for (named, status) in [
        (tag.clone(), 304),
        (format!("W/{tag}"), 304),
        (format!("\"x\" , {tag}"), 304),
        ("*".to_owned(), 304),
        ("\"x\"".to_owned(), 200),
        (tag.trim_matches('"').to_owned(), 200),
    ] {
        let value = HeaderValue::from_str(&named).expect("a value");
        let answer = document.answer(&HeaderMap::from_iter([(header::IF_NONE_MATCH, value)]));
        assert_eq!(answer.status(), status, "{named}");
        assert_eq!(answer.headers()[header::ETAG], tag.as_str());
    }
    let other = StaticDocument::new("application/json", "{ }").answer(&HeaderMap::new());
    assert_ne!(other.headers()[header::ETAG], tag.as_str());
}
