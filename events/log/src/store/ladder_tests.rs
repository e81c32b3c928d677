//! The place of the carrying, as it is written down.

use uuid::Uuid;

use super::Place;

#[test]
fn a_place_is_read_as_it_was_written() {
    let last = Some(Uuid::from_u128(77));
    let places = [
        Place::START,
        Place::Events(9),
        Place::Ledger(0, None),
        Place::Ledger(4, last),
        Place::Attempts(3),
    ];
    for place in places {
        assert_eq!(Place::parse(&place.text()), Some(place));
    }
}

#[test]
fn what_is_no_place_is_not_taken_for_one() {
    for text in ["", "events", "events x", "events 1 2", "ledger 1 x", "rows 4", "attempts 1 2 3"] {
        assert_eq!(Place::parse(text), None, "{text}");
    }
}
