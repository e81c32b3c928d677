//! Where paths lead.

use super::*;

fn placed(values: &[(&str, &str)]) -> Value {
    let mut target = json!({});
    for (path, value) in values {
        place(&mut target, &path_of(path).unwrap(), json!(value));
    }
    close_gaps(&mut target);
    target
}

#[test]
fn a_path_leads_through_objects_and_lists() {
    assert_eq!(
        placed(&[("name", "A"), ("address.city", "B"), ("address.street.0", "C")]),
        json!({ "name": "A", "address": { "city": "B", "street": ["C"] } })
    );
}

#[test]
fn places_that_were_left_out_are_closed_up() {
    assert_eq!(placed(&[("street.2", "C"), ("street.0", "A")]), json!({ "street": ["A", "C"] }));
    assert_eq!(
        placed(&[("lines.1.a", "x"), ("lines.1.b", "y"), ("lines.3.a", "z")]),
        json!({ "lines": [{ "a": "x", "b": "y" }, { "a": "z" }] })
    );
}

#[test]
fn a_path_must_make_sense() {
    for path in ["", "a..b", "a.", "a.500", "a.99999999999999999999"] {
        assert!(path_of(path).is_err(), "{path}");
    }
}
