//! A mark says what was written, or nothing at all.

use uuid::Uuid;

use super::*;

const KEY: [u8; 32] = [7; 32];

fn mark() -> Mark {
    Mark {
        log: LogId(Uuid::from_u128(1)),
        epoch: 2,
        position: Position(57),
        leaf: Some(Leaf([0xab; 32])),
        recorded_at: Instant::from_micros(1_700_000_000_000_000),
        keys: Some(KeyBatch { number: 12, run: Uuid::from_u128(3) }),
    }
}

#[test]
fn a_mark_is_read_back_as_it_was_written() {
    let of_nothing = Mark {
        position: Position::START,
        leaf: None,
        recorded_at: Instant::from_micros(0),
        keys: None,
        ..mark()
    };
    for mark in [mark(), of_nothing] {
        assert_eq!(Mark::parse(&mark.to_text(&KEY), &KEY), Ok(mark));
    }
}

#[test]
fn a_mark_of_another_installation_proves_nothing() {
    assert_eq!(Mark::parse(&mark().to_text(&KEY), &[8; 32]), Err(Unproven));
}

#[test]
fn every_flipped_bit_of_a_mark_is_noticed() {
    let text = mark().to_text(&KEY).into_bytes();
    for at in 0..text.len() {
        for bit in 0..8 {
            let mut flipped = text.clone();
            flipped[at] ^= 1 << bit;
            // The case of a hexadecimal digit of the code says nothing.
            let read = std::str::from_utf8(&flipped).map(|text| Mark::parse(text, &KEY));
            assert!(
                !matches!(read, Ok(Ok(other)) if other != mark()),
                "bit {bit} of byte {at} makes another mark"
            );
            let is_letter_of_code = at > text.len() - 66 && flipped[at].is_ascii_hexdigit();
            assert!(
                matches!(read, Err(_) | Ok(Err(Unproven))) || is_letter_of_code,
                "bit {bit} of byte {at} is not noticed"
            );
        }
    }
}

#[test]
fn a_mark_that_was_cut_short_proves_nothing() {
    let text = mark().to_text(&KEY);
    for length in 0..text.len() {
        assert_eq!(Mark::parse(&text[..length], &KEY), Err(Unproven), "{length} bytes");
    }
    assert_eq!(Mark::parse(&format!("{text}\n"), &KEY), Err(Unproven));
}
