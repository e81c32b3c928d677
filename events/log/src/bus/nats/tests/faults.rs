//! Whatever happens to the server, a follower sees the log once and in order, and is back on the
//! bus afterwards.

use std::{fs, process::Command, sync::Arc};

use events::envelope::Recorded;
use futures_util::StreamExt;

use super::*;
use crate::bus::{Follower, testing::VecFeed};

/// How long a turn of the follower waits.
const TURN: Duration = Duration::from_millis(100);

/// A log, its relay and its follower.
struct Rig {
    feed: Arc<VecFeed>,
    bus: NatsBus,
    follower: Follower,
    seen: Vec<Arc<Recorded>>,
    /// Where the relay stands, while it knows.
    relayed: Option<u64>,
}

impl Rig {
    async fn new(test: &Test) -> Self {
        let feed = Arc::new(VecFeed::default());
        let bus = NatsBus::open(test.options(), LOG).await.unwrap();
        let follower = Follower::new(feed.clone(), None, Position::START).of_log(LOG);
        let mut rig = Self { feed, bus, follower, seen: Vec::new(), relayed: None };
        rig.settle_after(10).await;
        rig.listens().await;
        rig
    }

    /// A turn of the relay; whether the bus has everything.
    async fn relay(&mut self) -> bool {
        let log = self.feed.all();
        let at = match self.relayed {
            Some(at) => at,
            None => match self.bus.last().await {
                Ok(last) => last.map_or(log.len() as u64, |last| last.position.0),
                Err(_) => return false,
            },
        };
        let fresh = log.iter().skip(usize::try_from(at).unwrap());
        let messages = fresh.map(|event| Message {
            previous: Position(event.position.0 - 1),
            event: event.clone(),
        });
        let taken = self.bus.publish(messages.collect()).await;
        self.relayed = taken.is_ok().then_some(log.len() as u64);
        taken.is_ok()
    }

    /// A turn of the follower.
    async fn follow(&mut self) {
        if !self.follower.is_listening()
            && let Ok(ear) = self.bus.subscribe(self.follower.at()).await
        {
            self.follower.listen(ear);
        }
        self.seen.extend(self.follower.next(100, TURN).await.unwrap());
    }

    /// The log grows, with or without a bus, and the follower sees it at once.
    async fn settle_after(&mut self, count: u64) {
        let _messages = self.feed.grow(count);
        let mut rhythm = tokio::time::interval(Duration::from_millis(1));
        let seen = async {
            while self.seen.len() < self.feed.all().len() {
                rhythm.tick().await;
                self.relay().await;
                self.follow().await;
            }
        };
        timeout(PATIENCE, seen).await.expect("nothing waits for the bus");
    }

    /// Events come by the bus alone, within a while.
    async fn listens(&mut self) {
        // The others in this runtime want to run too.
        let mut rhythm = tokio::time::interval(Duration::from_millis(20));
        let heard = async {
            loop {
                rhythm.tick().await;
                let _messages = self.feed.grow(3);
                let reads = self.feed.reads();
                let is_relayed = self.relay().await;
                let before = self.seen.len();
                self.follow().await;
                if is_relayed && self.seen.len() == before + 3 && self.feed.reads() == reads {
                    return;
                }
                self.settle_after(0).await;
            }
        };
        timeout(PATIENCE, heard).await.expect("the follower is back on the bus");
    }

    async fn ends_well(mut self) {
        self.settle_after(25).await;
        self.listens().await;
        assert_eq!(self.seen, self.feed.all());
    }
}

#[tokio::test]
async fn the_server_is_killed_and_comes_back() {
    let Some(mut test) = Test::start("nats::the_server_is_killed") else { return };
    let mut rig = Rig::new(&test).await;
    for _ in 0..3 {
        test.server.kill();
        rig.settle_after(20).await;
        until(&rig.bus, |status| matches!(status, BusStatus::Away { .. })).await;
        test.server.restart();
        rig.settle_after(20).await;
        rig.listens().await;
    }
    rig.ends_well().await;
}

#[tokio::test]
async fn the_server_freezes_and_thaws() {
    let Some(test) = Test::start("nats::the_server_freezes") else { return };
    let mut rig = Rig::new(&test).await;
    let signal = |name: &str| {
        let id = test.server.id().unwrap().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    };
    signal("-STOP");
    rig.settle_after(20).await;
    until(&rig.bus, |status| matches!(status, BusStatus::Away { .. })).await;
    rig.settle_after(20).await;
    assert!(!rig.follower.is_listening(), "the watchdog has noticed");
    signal("-CONT");
    rig.ends_well().await;
}

#[tokio::test]
async fn the_stream_is_deleted() {
    let Some(test) = Test::start("nats::the_stream_is_deleted") else { return };
    let mut rig = Rig::new(&test).await;
    let context = test.context().await;
    for _ in 0..2 {
        context.delete_stream("ANNALS").await.unwrap();
        rig.settle_after(20).await;
        rig.listens().await;
    }
    rig.ends_well().await;
}

#[tokio::test]
async fn the_stream_is_purged() {
    let Some(test) = Test::start("nats::the_stream_is_purged") else { return };
    let mut rig = Rig::new(&test).await;
    let stream = test.context().await.get_stream("ANNALS").await.unwrap();
    for _ in 0..2 {
        stream.purge().await.unwrap();
        rig.settle_after(20).await;
        rig.listens().await;
    }
    rig.ends_well().await;
}

#[tokio::test]
async fn the_consumer_is_deleted() {
    let Some(test) = Test::start("nats::the_consumer_is_deleted") else { return };
    let mut rig = Rig::new(&test).await;
    let stream = test.context().await.get_stream("ANNALS").await.unwrap();
    for _ in 0..2 {
        let names: Vec<_> = stream.consumer_names().collect().await;
        assert!(!names.is_empty());
        for name in names {
            stream.delete_consumer(&name.unwrap()).await.unwrap();
        }
        rig.settle_after(20).await;
        rig.listens().await;
    }
    rig.ends_well().await;
}

#[tokio::test]
async fn the_servers_folder_is_emptied() {
    let Some(mut test) = Test::start("nats::the_servers_folder_is_emptied") else { return };
    let mut rig = Rig::new(&test).await;
    test.server.kill();
    fs::remove_dir_all(test.server.store()).unwrap();
    rig.settle_after(20).await;
    test.server.restart();
    rig.ends_well().await;
}

#[tokio::test]
async fn the_servers_folder_is_replaced_by_an_old_copy() {
    let Some(mut test) = Test::start("nats::an_old_copy") else { return };
    let mut rig = Rig::new(&test).await;
    let copy = test.path().join("copy");
    let copied = |from: &Path, to: &Path| {
        assert!(Command::new("cp").arg("-r").args([from, to]).status().unwrap().success());
    };
    test.server.kill();
    copied(&test.server.store(), &copy);
    test.server.restart();
    rig.settle_after(100).await;
    rig.listens().await;
    test.server.kill();
    fs::remove_dir_all(test.server.store()).unwrap();
    copied(&copy, &test.server.store());
    test.server.restart();
    rig.ends_well().await;
}
