//! What nobody sees is named, and nothing else.

use super::*;

#[test]
fn invisible_characters_are_named_in_their_place() {
    for (text, shown) in [
        ("1\u{202F}234,56", "1<U+202F NARROW NO-BREAK SPACE>234,56"),
        ("1\u{A0}234", "1<U+00A0 NO-BREAK SPACE>234"),
        ("\u{FEFF}name", "<U+FEFF ZERO WIDTH NO-BREAK SPACE>name"),
        ("a\tb\u{1}", "a<U+0009 CHARACTER TABULATION>b<U+0001 CONTROL CHARACTER>"),
        ("x\u{E0041}", "x<U+E0041 TAG CHARACTER>"),
    ] {
        assert_eq!(named(text), shown);
        assert_eq!(named(shown), shown, "once is enough");
    }
}

#[test]
fn what_can_be_seen_stays_as_it_is() {
    for text in ["", "1 234,56 €", "São Paulo", "東京", "l'été", "👍"] {
        assert!(matches!(named(text), Cow::Borrowed(same) if same == text));
    }
}

#[test]
fn the_names_stand_in_the_order_of_their_characters() {
    assert!(NAMES.windows(2).all(|pair| pair[0].1 < pair[1].0));
    assert!(NAMES.iter().all(|(first, last, _)| first <= last));
}
