//! A command service sleeps for longer than its leases last, while the other works: its relay and its
//! process managers wake up and believe that they are the ones.

use std::time::Duration;

use events_log::bus::nemesis::Dice;
use tests::{Cluster, until};
use tokio::time::Instant;

use super::{
    SHAPE, TURN,
    check::Known,
    traffic::{Traffic, for_a_while},
};

/// Longer than a lease.
const ASLEEP: Duration = Duration::from_secs(6);

#[tokio::test(flavor = "multi_thread")]
async fn who_was_asleep_while_another_worked_doubles_nothing() {
    let _turn = TURN.lock().await;
    let mut cluster = Cluster::start(SHAPE);
    let mut dice = Dice::new(1);
    let mut known = Known::found(&cluster.http(0, 0)).await;
    // At the latest in the second round the sleeper has both leases.
    for asleep in [0, 1, 0] {
        let traffic = Traffic::start(&cluster, &mut dice, known.records);
        assert!(traffic.flow(20).await, "the writers stand still");
        cluster.commands[asleep].signal("STOP");
        for_a_while(ASLEEP).await;
        cluster.commands[asleep].signal("CONT");
        let healed = Instant::now();
        assert!(traffic.flow(20).await, "the writers stand still");
        known.check(&mut cluster, traffic, healed, &mut dice).await;
        let head = f64::from(u32::try_from(known.history.events()).unwrap());
        let relay = &cluster.commands[1 - asleep];
        until("who was awake relays", async || {
            relay.metric("annals_relay_position").await == Some(head)
        })
        .await;
    }
    assert!(known.unknown > 0, "nobody waited for the sleeper");
    known.replay_is_equal(&cluster).await;
}
