//! One fault after the other, drawn from a seed, and everything is checked after each.

use std::collections::BTreeMap;

use events_log::bus::nemesis::Dice;
use tests::{Cluster, number_from};

use super::{
    SHAPE, TURN,
    check::{Known, nobody_has_ended},
    faults::{Fault, Nemesis},
    traffic::Traffic,
};

/// What is to happen.
pub(super) struct Plan {
    pub(super) seed: u64,
    /// Drawn from these, each as often as the others.
    pub(super) faults: &'static [Fault],
    pub(super) rounds: u64,
    /// After how many rounds the read models are compared with a replay.
    pub(super) replay_every: u64,
    /// The mistake that is compiled in.
    pub(super) planted: Option<&'static str>,
}

/// What happened.
pub(super) struct Seen {
    pub(super) known: Known,
    /// How often each fault struck while there was something to be harmed.
    pub(super) hits: BTreeMap<Fault, u64>,
}

/// How many faults that hit nothing strike again.
const AGAIN: u64 = 6;

/// Runs it. Panics where something is not as it has to be.
pub(super) async fn run(plan: Plan) -> Seen {
    let mut cluster = Cluster::start_planted(SHAPE, plan.planted);
    let mut dice = Dice::new(plan.seed);
    let mut known = Known::found(&cluster.http(0, 0)).await;
    let mut nemesis = Nemesis::new(&mut cluster, !plan.seed);
    let mut hits = BTreeMap::new();
    let mut left = Vec::new();
    let is_whole = plan.rounds >= u64::try_from(plan.faults.len()).unwrap();
    for round in 1.. {
        if round > plan.rounds {
            // What struck while there was nothing to be harmed proves nothing: it strikes again.
            let missed = plan.faults.iter().filter(|fault| hits.get(*fault) == Some(&0));
            left = missed.copied().collect();
            if !is_whole || left.is_empty() || round > plan.rounds + AGAIN {
                break;
            }
        } else if left.is_empty() {
            left = plan.faults.to_vec();
        }
        let index = usize::try_from(dice.roll(u64::try_from(left.len()).unwrap())).unwrap();
        let fault = left.swap_remove(index);
        let traffic = Traffic::start(&cluster, &mut dice, known.records);
        let flows = traffic.flow(1 + dice.roll(60)).await;
        nobody_has_ended(&mut cluster);
        assert!(flows, "the writers stand still before anything was done");
        let suffered = nemesis.strike(fault, &mut cluster, &traffic).await;
        *hits.entry(fault).or_default() += u64::from(suffered.hit);
        let flows = traffic.flow(1).await;
        nobody_has_ended(&mut cluster);
        assert!(flows, "the writers stand still");
        known.check(&mut cluster, traffic, suffered.healed, &mut dice).await;
        if round >= plan.rounds || round % plan.replay_every == 0 {
            known.replay_is_equal(&cluster).await;
        }
        eprintln!(
            "round {round}: {fault:?} (hit: {}), {} events, longest lag {:.1?}, longest replay {:.1?}",
            suffered.hit,
            known.history.events(),
            known.longest_lag,
            known.longest_replay,
        );
    }
    Seen { known, hits }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_breaks_in_a_cluster_nothing_is_lost_and_nothing_happens_twice() {
    let _turn = TURN.lock().await;
    let seed = number_from("ANNALS_SEED").unwrap_or(20_261_125);
    let all = u64::try_from(Fault::ALL.len()).unwrap();
    let rounds = number_from("ANNALS_ROUNDS").unwrap_or(all);
    eprintln!("seed {seed}, {rounds} rounds");
    let plan = Plan { seed, faults: &Fault::ALL, rounds, replay_every: 5, planted: None };
    let Seen { known, hits } = run(plan).await;
    let hit: u64 = hits.values().sum();
    eprintln!(
        "seed {seed}: {rounds} rounds, {hit} of them hit something: {hits:?}; {} commands \
         acknowledged, of which {} times nobody knew at first; {} events, {} orders, {} reads of \
         what was written, {} replays of at most {:.1?}; none lost, none twice, none stale; at most {:.1?} until \
         nothing lagged any more, {:.1?} until the bus carried again; with 95 % confidence a fault \
         does harm in less than {:.1} % of cases",
        known.kept.len(),
        known.unknown,
        known.history.events(),
        known.history.orders(),
        known.reads,
        known.replays,
        known.longest_replay,
        known.longest_lag,
        known.longest_bus,
        300.0 / f64::from(u32::try_from(hit).unwrap()),
    );
    if rounds >= all {
        for fault in Fault::ALL {
            assert!(hits[&fault] > 0, "{fault:?} hit nothing: this proved nothing about it");
        }
    }
    assert!(known.reads > 0 && known.unknown > 0, "nothing was read, or nothing was in doubt");
}
