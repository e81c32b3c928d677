//! The checks are held against builds that are wrong about the disk: each has to be caught.

use std::any::Any;

use tests::Launch;
use tokio::{runtime::Handle, task::spawn_blocking};

use super::{
    errors::{flush_fails, founded, turn},
    shim::Disk,
};
use crate::killed::Known;

/// Within how many power cuts a mistake has to be seen.
const BUDGET: u64 = 4;

/// Runs a check that has to end in a panic, and gives what it said.
async fn caught<F: Future<Output = ()>>(check: impl FnOnce() -> F + Send + 'static) -> String {
    let runtime = Handle::current();
    let checking = spawn_blocking(move || runtime.block_on(check())).await;
    let why = checking.expect_err("nothing was seen of it").into_panic();
    said(&*why).to_owned()
}

fn said(why: &(dyn Any + Send)) -> &str {
    why.downcast_ref::<String>().expect("the check says why")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_syncs_at_checkpoints_only_is_caught_by_a_power_cut() {
    let why = caught(async || {
        let disk = Disk::new();
        let start = || disk.under(Launch::planted("synchronous-normal", &disk.data())).start();
        let mut process = start();
        let mut known = Known::found(&process.http(), 2).await;
        for _ in 0..BUDGET {
            let fresh = known.load_and_kill(process).await;
            disk.cut_power(&mut known.dice);
            process = start();
            known.check(&process.http(), fresh).await;
        }
    })
    .await;
    // Its whole beginning may be gone, and with it the token.
    assert!(why.contains("is lost") || why.contains("it did not start"), "{why}");
    eprintln!("synchronous-normal was caught: {why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_swallows_a_failed_flush_is_caught() {
    let _turn = turn().await;
    let why = caught(async || {
        let from = founded();
        for first in 1..=15 {
            flush_fails(&from, first, Some("swallowed-flush")).await;
        }
    })
    .await;
    assert!(why.contains("is lost"), "{why}");
    eprintln!("swallowed-flush was caught: {why}");
}
