//! How numbers are given.

use events::ids::QuoteId;

use super::*;
use crate::testing::given;

fn quote(id: u128) -> RecordRef {
    QuoteId(Uuid::from_u128(id)).into()
}

const QUOTES_2026: NumberSequence = NumberSequence { kind: NumberKind::Quote, year: 2026 };

#[test]
fn numbers_count_up_from_one_without_a_gap() {
    let next = |record| AllocateNumber { sequence: QUOTES_2026, record };
    let allocated = |n, record| NumberAllocated { sequence: QUOTES_2026, n, record };
    given::<Numbering>([])
        .when(next(quote(1)), |_| ())
        .then([allocated(1, quote(1))])
        .when(next(quote(2)), |_| ())
        .then([allocated(2, quote(2))]);
}

#[test]
fn each_kind_and_year_has_a_sequence_of_its_own() {
    let orders = NumberSequence { kind: NumberKind::Order, ..QUOTES_2026 };
    let next_year = NumberSequence { year: 2027, ..QUOTES_2026 };
    let stream =
        |sequence| AllocateNumber { sequence, record: quote(1) }.record(CommandId(Uuid::nil()));
    assert_ne!(stream(QUOTES_2026), stream(orders));
    assert_ne!(stream(QUOTES_2026), stream(next_year));
    assert_eq!(stream(QUOTES_2026), stream(QUOTES_2026));
}

#[test]
fn a_sequence_that_is_used_up_gives_no_number() {
    let last = NumberAllocated { sequence: QUOTES_2026, n: u64::MAX, record: quote(1) };
    given::<Numbering>([last.into()])
        .when(AllocateNumber { sequence: QUOTES_2026, record: quote(2) }, |_| ())
        .then_refused("internal");
}
