//! What a natural key finds.

use super::*;

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn code(index: &Index, key: &str) -> String {
    index.find(0, "account", key).unwrap_err().code.into_owned()
}

#[test]
fn a_key_finds_the_record_its_row_made() {
    let mut index = Index::new(1);
    index.announce(0, "Acme", id(1));
    index.settle(0, "Acme", Ok(()));
    assert_eq!(index.find(0, "account", "Acme").unwrap(), id(1));
    assert_eq!(code(&index, "acme"), "import.lookup_not_found");
}

#[test]
fn a_key_of_two_records_finds_neither_even_when_one_was_refused() {
    let mut index = Index::new(1);
    index.announce(0, "Acme", id(1));
    index.settle(0, "Acme", Err("import.blank: no"));
    index.announce(0, "Acme", id(2));
    index.settle(0, "Acme", Ok(()));
    assert_eq!(code(&index, "Acme"), "import.lookup_ambiguous");
}

#[test]
fn a_key_whose_row_made_no_record_says_why() {
    let mut index = Index::new(1);
    index.announce(0, "Acme", id(1));
    index.settle(0, "Acme", Err("import.bad_number: no number"));
    let refusal = index.find(0, "account", "Acme").unwrap_err();
    assert_eq!(refusal.code, "import.lookup_not_found");
    assert!(refusal.detail.contains("import.bad_number"));
}

#[test]
fn the_same_record_twice_is_one() {
    let mut index = Index::new(1);
    index.announce(0, "Acme", id(1));
    index.announce(0, "Acme", id(1));
    index.settle(0, "Acme", Ok(()));
    assert_eq!(index.find(0, "account", "Acme").unwrap(), id(1));
}

#[test]
fn keys_of_several_columns_are_told_apart() {
    let key = |values: [&'static str; 2]| key_text(values.into_iter());
    assert_ne!(key(["a", "bc"]), key(["ab", "c"]));
    assert_ne!(key(["a", ""]), key(["", "a"]));
}
