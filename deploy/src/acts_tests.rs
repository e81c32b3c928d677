//! What is kept of a failure.

use super::*;

#[test]
fn a_reason_is_one_line_that_is_not_too_long() {
    assert_eq!(one_line("no room\nis left").as_str(), "no room is left");
    assert_eq!(one_line(&"x".repeat(1_000)).as_str().len(), MAX_WHY);
    assert_eq!(one_line("\n").as_str(), "it failed");
}

#[test]
fn a_position_is_read_from_what_the_act_saw() {
    let seen = serde_json::json!({ "position": "12" });
    assert_eq!(position(Some(&seen)), Some(12));
    assert_eq!(position(Some(&Value::Null)), None);
    assert_eq!(position(None), None);
}
