//! Lists refuse what they do not know, and read on where the page before ended.

use projection_service::table::Value;
use uuid::Uuid;

use super::{Part, Statement};
use crate::{
    customers::lists::{ACCOUNT_LIST, CONTACT_LIST},
    http::params::Params,
    sales::lists::OPPORTUNITY_LIST,
};

fn params(query: &str) -> Params {
    Params::parse(&format!("/?{query}").parse().unwrap()).unwrap()
}

#[test]
fn marks_become_numbered_places() {
    let mut statement = Statement::new("select 1 where ");
    statement.push("a = ? and b in (?, ?)", [1_i64, 2, 3]);
    statement.push(" and c = ?", ["x"]);
    assert_eq!(statement.text, "select 1 where a = $1 and b in ($2, $3) and c = $4");
    assert_eq!(statement.binds, [Value::Int(1), Value::Int(2), Value::Int(3), "x".into()]);
}

#[test]
fn unknown_orders_and_filters_are_refused() {
    for (query, code) in [
        ("sort=colour", "sort.unknown"),
        ("sort=", "sort.unknown"),
        ("colour=red", "parameter.unknown"),
        ("state=Sleeping", "parameter.invalid"),
        ("owner=ana", "parameter.invalid"),
        ("created_from=2026-01-01", "parameter.invalid"),
        ("name=", "parameter.invalid"),
    ] {
        let problem = ACCOUNT_LIST.wish(params(query)).unwrap_err();
        assert_eq!((problem.status, problem.code), (422, code), "{query}");
    }
}

#[test]
fn an_order_without_an_index_of_its_own_needs_its_filter() {
    let refused = OPPORTUNITY_LIST.wish(params("sort=estimated_close_date")).unwrap_err();
    assert_eq!(refused.code, "sort.needs_filter");
    assert!(OPPORTUNITY_LIST.wish(params("sort=-estimated_close_date&state=Open")).is_ok());
}

#[test]
fn rows_without_a_value_come_last() {
    let wish = CONTACT_LIST.wish(params("sort=-name")).unwrap();
    assert_eq!(CONTACT_LIST.parts(&wish, None), [Part::Valued, Part::Empty]);
    let in_the_empty_part = [Value::Null, Uuid::nil().into()];
    assert_eq!(CONTACT_LIST.parts(&wish, Some(&in_the_empty_part)), [Part::Empty]);
    let statement = CONTACT_LIST.statement(&wish, Part::Empty, 9, Some(&in_the_empty_part), 3);
    assert!(statement.text.ends_with("name_folded is null and id < $3 order by id desc limit $4"));
    let wish = ACCOUNT_LIST.wish(params("")).unwrap();
    assert_eq!(ACCOUNT_LIST.parts(&wish, None), [Part::Valued]);
}
