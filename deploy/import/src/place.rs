//! Puts values where the paths of a mapping say.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

/// The most places of one list of a command.
const MAX_LIST: usize = 500;

/// The parts of a path (`address.street.0`).
pub(super) fn path_of(path: &str) -> Result<Vec<String>> {
    for segment in path.split('.') {
        ensure!(!segment.is_empty(), "`{path}` has an empty part");
        ensure!(
            segment.parse::<usize>().is_ok_and(|index| index < MAX_LIST)
                || !segment.bytes().all(|byte| byte.is_ascii_digit()),
            "a list has at most {MAX_LIST} places"
        );
    }
    Ok(path.split('.').map(str::to_owned).collect())
}

/// Puts a value where its path says (`address.street.0`). A number is a place in a list; see
/// [`close_gaps`].
pub(super) fn place(target: &mut Value, path: &[String], value: Value) {
    let Some((first, rest)) = path.split_first() else {
        *target = value;
        return;
    };
    if first.bytes().all(|byte| byte.is_ascii_digit()) && !target.is_object() {
        if !target.is_array() {
            *target = json!([]);
        }
        if let (Value::Array(list), Ok(index)) = (target, first.parse::<usize>()) {
            if index >= list.len() {
                list.resize(index + 1, Value::Null);
            }
            place(&mut list[index], rest, value);
        }
        return;
    }
    if !target.is_object() {
        *target = json!({});
    }
    if let Value::Object(object) = target {
        place(object.entry(first.clone()).or_insert(Value::Null), rest, value);
    }
}

/// Closes up the places of lists whose values were left out.
pub(super) fn close_gaps(value: &mut Value) {
    match value {
        Value::Array(list) => {
            list.retain(|item| !item.is_null());
            list.iter_mut().for_each(close_gaps);
        }
        Value::Object(object) => object.values_mut().for_each(close_gaps),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
#[path = "place_tests.rs"]
mod tests;
