//! Kept sums are what adding up the ledger gives, at every position and on every day.

use std::time::Duration;

use projection_service::table::Value;

use super::{BLOCK, MEASURES, Measures, Split, Sums, add};
use crate::testing::{World, brl, on_both};

on_both! { World:
    answers_are_the_same_whether_sums_are_kept_or_not,
}

/// A line of a made-up ledger.
struct Line {
    position: i64,
    day: i64,
    group: (Value, String),
    measures: Measures,
}

/// Five blocks and a half; every seventh line is about an earlier day.
fn ledger() -> Vec<Line> {
    (1..=BLOCK * 11 / 2)
        .filter(|position| position % 5 != 0)
        .map(|position| {
            let recorded = position / 100;
            let day = if position % 7 == 0 { recorded / 2 } else { recorded };
            let group = (Value::Int(position % 3), if position % 2 == 0 { "BRL" } else { "USD" });
            let mut measures = [0; MEASURES.len()];
            measures[0] = 1;
            measures[1] = i128::from(position % 1_000) - 300;
            Line { position, day, group: (group.0, group.1.to_owned()), measures }
        })
        .collect()
}

fn added<'a>(lines: impl Iterator<Item = &'a Line>) -> Sums {
    let mut sums = Sums::new();
    for line in lines {
        add(sums.entry(line.group.clone()).or_default(), &line.measures);
    }
    sums
}

fn split(ledger: &[Line]) -> Split {
    let mut split = Split::default();
    for block in 0..5 {
        let range = block * BLOCK + 1..=(block + 1) * BLOCK;
        let lines = ledger.iter().filter(|line| range.contains(&line.position));
        split.take(lines.map(|line| (line.day, line.group.clone(), line.measures)).collect());
    }
    split
}

/// The rest of the ledger is read from it.
fn completed(begun: (Sums, i64), ledger: &[Line], position: i64, day: i64) -> Sums {
    let (mut sums, after) = begun;
    let rest = added(
        ledger
            .iter()
            .filter(|line| line.position > after && line.position <= position && line.day <= day),
    );
    for (group, sum) in rest {
        add(sums.entry(group).or_default(), &sum);
    }
    sums.retain(|_, sum| *sum != Measures::default());
    sums
}

#[test]
fn what_was_known_at_a_position_is_the_same_from_kept_sums() {
    let ledger = ledger();
    let split = split(&ledger);
    for position in [1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, BLOCK * 5, BLOCK * 11 / 2] {
        let day = position / 100;
        let plain = completed((Sums::new(), 0), &ledger, position, day);
        let begun = split.known_at(BLOCK, position, day).unwrap();
        assert!(begun.1 + BLOCK > position || begun.1 == 5 * BLOCK);
        assert_eq!(completed(begun, &ledger, position, day), plain, "{position}");
    }
}

#[test]
fn what_was_true_on_a_day_is_the_same_from_kept_sums() {
    let ledger = ledger();
    let split = split(&ledger);
    let position = BLOCK * 11 / 2;
    for day in [-1, 0, 1, 40, 77, 150, 100_000] {
        let plain = completed((Sums::new(), 0), &ledger, position, day);
        let begun = split.true_on(BLOCK, position, day).unwrap();
        assert_eq!(begun.1, 5 * BLOCK);
        assert_eq!(completed(begun, &ledger, position, day), plain, "{day}");
    }
}

#[test]
fn sums_that_would_count_too_much_are_not_used() {
    let split = split(&ledger());
    assert!(split.true_on(BLOCK, 5 * BLOCK - 1, 1_000).is_none());
    assert!(split.known_at(BLOCK, 5 * BLOCK, 10).is_none());
}

async fn answers_are_the_same_whether_sums_are_kept_or_not(world: World) {
    world.add_account("Contoso").await;
    for number in 0..60_i64 {
        let backdated = (number % 4 == 0).then_some("2026-03-02T12:00:00Z");
        world.set_clock(&format!("2026-04-{:02}T12:00:00Z", 1 + number / 4));
        let name = format!("Deal {number}");
        world.add_deal(&name, "Contoso", brl(&format!("{}.01", 100 + number)), backdated).await;
    }
    // The first question begins to keep sums; they are there soon.
    let kept = async {
        while world.checkpoints.reached() < 56 {
            world.get("/expected-revenue").await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), kept).await.unwrap();
    for by in ["none", "owner", "stage", "quarter", "state", "product"] {
        for moment in [
            "as_of=5",
            "as_of=8",
            "as_of=9",
            "as_of=40",
            "as_of=64",
            "as_of=2026-04-07",
            "as_of=2026-04-15",
            "sense=effective&as_of=2026-03-05",
            "sense=effective&as_of=2026-04-08",
            "sense=effective",
        ] {
            let path = format!("/expected-revenue?by={by}&{moment}");
            let kept = world.get(&path).await.json();
            // A filter that leaves nothing out is answered from the ledger alone.
            let plain = world.get(&format!("{path}&currency=BRL")).await.json();
            assert_eq!(kept, plain, "{path}");
            assert!(kept["totals"][0]["open_count"].as_i64().unwrap() > 0, "{path}");
        }
    }
}
