//! The power goes at random moments under load: what had been acknowledged is on the disk, once.
//!
//! The process's disk is `shim.c`: bytes that were not synced are gone, or there in part. A copy of
//! files through the page cache would hold them all and prove nothing.
//! `ANNALS_SEED` and `ANNALS_ROUNDS` choose other moments and more of them.

use tests::number_from;

use super::shim::Disk;
use crate::killed::{Known, replay_is_equal};

/// How many power cuts a run has where nothing else is said.
const ROUNDS: u64 = 20;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_there_once_after_every_power_cut() {
    let seed = number_from("ANNALS_SEED").unwrap_or(20_261_127);
    let rounds = number_from("ANNALS_ROUNDS").unwrap_or(ROUNDS);
    let disk = Disk::new();
    let mut process = disk.start();
    let mut known = Known::found(&process.http(), seed).await;
    for round in 1..=rounds {
        let fresh = known.load_and_kill(process).await;
        disk.cut_power(&mut known.dice);
        process = disk.start();
        known.check(&process.http(), fresh).await;
        if round == rounds || known.dice.happens(15) {
            replay_is_equal(&disk.data());
        }
    }
    assert!(known.in_flight > 0, "no cut hit a request: this proved nothing");
    eprintln!(
        "seed {seed}: {rounds} power cuts, {} of them under requests in flight; {} commands \
         acknowledged, {} events, none lost, none twice: with 95 % confidence a cut does harm in \
         less than {:.1} % of cases",
        known.in_flight,
        known.kept.len(),
        known.history.events(),
        300.0 / f64::from(u32::try_from(known.in_flight).unwrap()),
    );
}
