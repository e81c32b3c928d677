//! Parameters are known, stand once, and have values that make sense.

use super::{Params, containing};

fn params(query: &str) -> Params {
    Params::parse(&format!("/accounts?{query}").parse().unwrap()).unwrap()
}

#[test]
fn what_nobody_took_is_refused() {
    let mut all = params("limit=5&colour=red");
    assert_eq!(all.limit().unwrap(), 5);
    let problem = all.finish().unwrap_err();
    assert_eq!((problem.status, problem.code), (422, "parameter.unknown"));
    assert_eq!(problem.params["parameter"], "colour");
}

#[test]
fn a_parameter_stands_once() {
    let twice = Params::parse(&"/accounts?limit=1&limit=2".parse().unwrap());
    assert_eq!(twice.unwrap_err().code, "parameter.repeated");
}

#[test]
fn a_page_has_from_1_to_200_items() {
    for text in ["0", "-1", "201", "1000000", "abc", "", "1.5"] {
        let problem = params(&format!("limit={text}")).limit().unwrap_err();
        assert_eq!((problem.status, problem.code), (422, "parameter.invalid"), "{text}");
    }
    assert_eq!(params("limit=200").limit().unwrap(), 200);
    assert_eq!(params("").limit().unwrap(), 50);
}

#[test]
fn the_identity_of_a_question_leaves_out_how_much_and_how_fresh() {
    let one = params("state=Active&name=a&limit=1").identity();
    let other = params("cursor=x&name=a&at_least=7&state=Active").identity();
    assert_eq!(one, other);
    assert_ne!(one, params("state=Active&name=b").identity());
}

#[test]
fn the_wildcards_of_a_caller_are_ordinary_letters() {
    assert_eq!(containing("50%_a\\b"), "%50\\%\\_a\\\\b%");
}
