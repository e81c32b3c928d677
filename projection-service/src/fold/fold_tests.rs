//! Laws of folding: what is stored never depends on how the log was cut into batches.

use std::sync::Arc;

use events::{Payload, Position};
use events_log::store::EventFeed;
use proptest::{collection::vec, prelude::*};
use tokio::runtime::Runtime;

use super::{Decoded, Folded, Folder};
use crate::{
    models::ReadModels,
    read_store::{Commit, ReadStore, SqliteReadStore, TableChanges},
    testing::{Expected, LINE, Op, Script, TALLY, THING, TestLog, dump, models, thing},
};

/// The events of a log as long as the script; the first founds the organisation.
async fn decoded(count: usize) -> Vec<Decoded> {
    let log = TestLog::founded().await;
    log.append(count.saturating_sub(1)).await;
    let events = log.store.read(Position::START, count).await.unwrap();
    let decode = |recorded: Arc<events::Recorded>| {
        let payload = Payload::decode(&recorded.event).unwrap();
        Decoded { recorded, payload, unreadable: Vec::new() }
    };
    events.into_iter().map(decode).collect()
}

/// Folds a batch and stores it, loading what is missing.
async fn store_batch(folder: &mut Folder, store: &SqliteReadStore, batch: &[Decoded]) {
    let mut next = 0;
    loop {
        match folder.fold(batch, next) {
            Folded::Whole => break,
            Folded::Load { next: at, wanted } => {
                assert!(!wanted.is_empty());
                let rows = store.load(wanted.clone()).await.unwrap();
                folder.learn(wanted, rows);
                next = at;
            }
            other => unreachable!("{other:?}"),
        }
    }
    if let Some(commit) = folder.take() {
        store.commit(commit).await.unwrap();
    }
}

fn an_op() -> impl Strategy<Value = Op> {
    let id = 0_u8..5;
    prop_oneof![
        (id.clone(), 0_i64..9).prop_map(|(id, amount)| Op::Put(id, amount)),
        id.clone().prop_map(Op::Raise),
        id.clone().prop_map(Op::Remove),
        (0_i64..9).prop_map(Op::Line),
        id.prop_map(Op::Count),
    ]
}

fn an_event() -> impl Strategy<Value = Vec<Op>> {
    prop_oneof![4 => vec(an_op(), 0..5), 1 => (0_u8..5).prop_map(|id| vec![Op::Begin(id)])]
}

/// How long a batch is, and whether the service starts anew after it.
fn cuts() -> impl Strategy<Value = Vec<(usize, bool)>> {
    vec((1_usize..12, prop::bool::weighted(0.2)), 1..20)
}

async fn fold_in_batches(
    ops: Vec<Vec<Op>>,
    cuts: Vec<(usize, bool)>,
    cache_bytes: usize,
) -> Result<(), TestCaseError> {
    let events = decoded(ops.len()).await;
    let end = Position(u64::try_from(ops.len()).unwrap());
    let script: Script =
        Arc::new(move |position| ops[usize::try_from(position.0).unwrap() - 1].clone());
    let models = models(script.clone());
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteReadStore::open(&folder.path().join("read.db"), models.tables()).unwrap();

    let fresh = |checkpoint| Folder::new(models.clone(), checkpoint, cache_bytes);
    let mut state = fresh(store.checkpoint().await.unwrap());
    let (mut rest, mut cuts) = (&events[..], cuts.into_iter().cycle());
    while let Some((count, starts_anew)) = cuts.next().filter(|_| !rest.is_empty()) {
        let (batch, behind) = rest.split_at(count.min(rest.len()));
        store_batch(&mut state, &store, batch).await;
        rest = behind;
        if starts_anew {
            state = fresh(store.checkpoint().await.unwrap());
        }
    }

    let mut snapshot = store.snapshot().await.unwrap();
    prop_assert_eq!(snapshot.position(), end);
    let expected = Expected::of(&script, end);
    prop_assert_eq!(dump(&mut *snapshot, &TALLY, end).await, expected.tallies());
    for cut in (0..=end.0).rev().map(Position) {
        let expected = Expected::of(&script, cut);
        prop_assert_eq!(dump(&mut *snapshot, &THING, cut).await, expected.things());
        prop_assert_eq!(dump(&mut *snapshot, &LINE, cut).await, expected.lines());
    }
    drop(snapshot);
    store.close().await;
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Also says that the rows as of any position are the fold of the log up to there.
    #[test]
    fn rows_do_not_depend_on_batch_bounds(
        ops in vec(an_event(), 1..40),
        cuts in cuts(),
        cache_bytes in prop_oneof![Just(0), Just(2_000), Just(1_000_000)],
    ) {
        Runtime::new().unwrap().block_on(fold_in_batches(ops, cuts, cache_bytes))?;
    }
}

fn fold_all(models: &Arc<ReadModels>, events: &[Decoded]) -> Commit {
    let mut folder = Folder::new(models.clone(), Default::default(), 1_000_000);
    assert!(matches!(folder.fold(events, 0), Folded::Whole));
    folder.take().unwrap()
}

#[tokio::test]
async fn changes_of_one_event_collapse_and_those_of_two_do_not() {
    let script: Script = Arc::new(|position| match position.0 {
        1 => vec![Op::Put(1, 10), Op::Put(1, 11)],
        2 => vec![Op::Put(1, 11)],
        _ => vec![Op::Put(2, 20), Op::Remove(2)],
    });
    let commit = fold_all(&models(script), &decoded(3).await);
    let TableChanges::History { closed, begun, .. } = &commit.tables[0] else { unreachable!() };
    assert!(closed.is_empty());
    let begun: Vec<_> = begun
        .iter()
        .map(|interval| (interval.row.clone(), interval.from.0, interval.to.map(|to| to.0)))
        .collect();
    assert_eq!(begun, [(thing(1, 11), 1, Some(2)), (thing(1, 11), 2, None)]);
}

#[tokio::test]
async fn the_first_event_tells_the_zone_of_its_own_day() {
    let commit = fold_all(&models(Arc::new(|_| vec![])), &decoded(1).await);
    assert_eq!(commit.reached.zone.as_deref(), Some("America/Sao_Paulo"));
    assert_eq!((commit.expected, commit.reached.position), (Position(0), Position(1)));
    assert!(commit.tables.is_empty());
}

#[tokio::test]
async fn one_load_serves_the_whole_batch() {
    let script: Script = Arc::new(|position| {
        let id = u8::try_from(position.0).unwrap();
        vec![Op::Raise(id), Op::Count(id)]
    });
    let events = decoded(40).await;
    let checkpoint = fold_all(&models(script.clone()), &events[..1]).reached;
    let mut folder = Folder::new(models(script), checkpoint, 1_000_000);
    let Folded::Load { next: 0, wanted } = folder.fold(&events[1..], 0) else { unreachable!() };
    let keys: Vec<_> = wanted.iter().map(|wanted| (wanted.table.name, wanted.keys.len())).collect();
    assert_eq!(keys, [("thing", 39), ("tally", 39)]);
    let rows = wanted.iter().map(|wanted| vec![None; wanted.keys.len()]).collect();
    folder.learn(wanted, rows);
    assert!(matches!(folder.fold(&events[1..], 0), Folded::Whole));
}

#[tokio::test]
async fn a_new_store_needs_no_loads_while_all_rows_fit_in_memory() {
    let script: Script =
        Arc::new(|position| vec![Op::Raise(u8::try_from(position.0 % 7).unwrap()), Op::Begin(100)]);
    let (models, events) = (models(script), decoded(50).await);
    let mut folder = Folder::new(models, Default::default(), 1_000_000);
    for batch in events.chunks(9) {
        assert!(matches!(folder.fold(batch, 0), Folded::Whole));
        assert!(folder.take().is_some());
    }
}

#[tokio::test]
async fn a_row_that_is_not_the_first_of_its_key_spoils_the_batch() {
    let script: Script = Arc::new(|position| match position.0 {
        1 => vec![Op::Put(1, 1)],
        _ => vec![Op::Misfit(1)],
    });
    let mut folder = Folder::new(models(script), Default::default(), 1_000_000);
    let Folded::Spoilt { next: 1, stop } = folder.fold(&decoded(2).await, 0) else {
        unreachable!()
    };
    assert_eq!((stop.position, stop.code), (Position(2), "projector.misfit"));
    assert_eq!(stop.detail, "a row for table `thing` is not the first of its key");
}
