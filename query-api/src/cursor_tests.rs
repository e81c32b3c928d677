//! Cursors belong to one question of one caller, and to nobody else.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use events::Position;
use projection_service::table::Value;
use uuid::Uuid;

use super::{Place, Question};
use crate::testing::{START, instant};

fn question() -> Question {
    Question {
        path: "/accounts".to_owned(),
        parameters: "state=Active".to_owned(),
        caller: Uuid::from_u128(7),
    }
}

fn place() -> Place {
    let key = vec![Value::from("contoso"), Value::Null, Value::Int(-3), Uuid::nil().into()];
    Place { position: Position(42), instant: instant(START), key }
}

fn refused(question: &Question, cursor: &str) -> bool {
    question.place(cursor).is_err_and(|problem| problem.code == "cursor.invalid")
}

#[test]
fn a_cursor_gives_back_the_place_it_was_made_of() {
    let cursor = question().cursor(&place()).unwrap();
    assert_eq!(question().place(&cursor).unwrap(), place());
}

#[test]
fn another_question_or_caller_refuses_it() {
    let cursor = question().cursor(&place()).unwrap();
    let others = [
        Question { path: "/contacts".to_owned(), ..question() },
        Question { parameters: "state=Inactive".to_owned(), ..question() },
        Question { caller: Uuid::from_u128(8), ..question() },
    ];
    assert!(others.iter().all(|other| refused(other, &cursor)));
}

#[test]
fn a_changed_cursor_is_refused() {
    let cursor = question().cursor(&place()).unwrap();
    let written = String::from_utf8(URL_SAFE_NO_PAD.decode(&cursor).unwrap()).unwrap();
    for (old, new) in [("42", "43"), ("contoso", "fabrikam"), ("\"v\":1", "\"v\":2"), ("-3", "3")] {
        assert!(written.contains(old), "{old} in {written}");
        let changed = URL_SAFE_NO_PAD.encode(written.replace(old, new));
        assert!(refused(&question(), &changed), "{new}");
    }
    for text in ["", "x", "e30", &cursor[1..], &format!("{cursor}AA")] {
        assert!(refused(&question(), text), "{text}");
    }
}
