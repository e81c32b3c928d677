//! Which bytes are a reason, and what is said of the others.

use axum::http::HeaderValue;

use super::*;

fn read(bytes: &[u8]) -> Result<String, (u16, &'static str, String)> {
    let mut headers = HeaderMap::new();
    headers.insert(REASON, HeaderValue::from_bytes(bytes).unwrap());
    match reason(&headers) {
        Ok(said) => Ok(said.unwrap().as_str().to_owned()),
        Err(problem) => Err((problem.status, problem.code, problem.detail)),
    }
}

#[test]
fn a_reason_is_ascii_or_utf_8_or_encoded_as_rfc_8187_says() {
    for (bytes, said) in [
        ("a forgotten note", "a forgotten note"),
        ("Preço alto", "Preço alto"),
        ("UTF-8''Pre%C3%A7o%20alto", "Preço alto"),
        ("utf-8'pt-BR'Pre%c3%a7o%20alto", "Preço alto"),
        ("UTF-8''%e2%82%ac%20rates", "€ rates"),
        ("it's what 'they' said", "it's what 'they' said"),
        ("'quoted'", "'quoted'"),
        ("100% sure", "100% sure"),
    ] {
        assert_eq!(read(bytes.as_bytes()).as_deref(), Ok(said), "{bytes}");
    }
    assert_eq!(reason(&HeaderMap::new()).map_err(|problem| problem.code), Ok(None));
}

#[test]
fn latin_1_is_named_and_what_to_do_is_said() {
    let (status, code, detail) = read(b"Pre\xE7o alto").unwrap_err();
    assert_eq!((status, code), (400, "header.malformed"));
    for part in ["Latin-1", "Annals-Reason", "UTF-8''Pre%C3%A7o", "`reason`", "POST /commands"] {
        assert!(detail.contains(part), "{detail}");
    }
}

#[test]
fn what_begins_like_the_form_must_be_of_it() {
    for bytes in ["UTF-8''Preço", "UTF-8''a b", "UTF-8''%E7", "UTF-8''%4", "UTF-8''%zz"] {
        let (status, code, _) = read(bytes.as_bytes()).unwrap_err();
        assert_eq!((status, code), (400, "header.malformed"), "{bytes}");
    }
    let (status, code, _) = read(b"UTF-8''%00").unwrap_err();
    assert_eq!((status, code), (422, "reason.invalid"));
}

#[test]
fn a_reason_that_stands_twice_is_refused() {
    let mut headers = HeaderMap::new();
    headers.append(REASON, HeaderValue::from_static("one"));
    headers.append(REASON, HeaderValue::from_static("two"));
    assert_eq!(reason(&headers).map_err(|problem| problem.code), Err("header.repeated"));
}
