//! Bodies that are not quite JSON, and the words they are refused with.

use super::*;

#[test]
fn plain_json_passes() {
    assert_eq!(check(br#"{"a":[1,-2.5,"x",true,null,{"b":{}}]}"#), Ok(()));
}

#[test]
fn a_key_that_stands_twice_is_refused_at_any_depth() {
    for body in [r#"{"a":1,"a":2}"#, r#"[{"x":{"b":1,"c":2,"b":3}}]"#] {
        assert_eq!(check(body.as_bytes()).map_err(|error| error.code()), Err("json.duplicate_key"));
    }
}

#[test]
fn the_same_key_in_two_objects_passes() {
    assert_eq!(check(br#"[{"a":1},{"a":2}]"#), Ok(()));
}

#[test]
fn nesting_passes_up_to_the_limit_and_no_further() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert_eq!(check(nested(32).as_bytes()), Ok(()));
    for levels in [33, 127, 128, 129, 100_000] {
        assert_eq!(check(nested(levels).as_bytes()), Err(JsonError::TooDeep), "{levels} levels");
    }
}

#[test]
fn what_is_no_json_is_refused_with_its_place() {
    for body in ["", "{", "{\"a\":1,}", "// x\n1", "NaN", "{'a':1}", "{} {}", "[1] x", "\u{feff}1"]
    {
        assert_eq!(
            check(body.as_bytes()).map_err(|error| error.code()),
            Err("json.malformed"),
            "{body:?}"
        );
    }
    assert_eq!(check(b"{\n\"a\" 1}"), Err(JsonError::Syntax { line: 2, column: 5 }));
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    for body in [&b"\"\xff\""[..], b"\"\\ud800\"", b"\"\xc0\xaf\""] {
        assert_eq!(check(body).map_err(|error| error.code()), Err("json.malformed"));
    }
}
