//! The bus on a real server: its laws, and what happens to it.

mod faults;
mod refusals;
mod publishing;

use std::{path::Path, time::Duration};

use tempfile::TempDir;
use tokio::time::timeout;

use super::*;
use crate::{
    bus::{contract, testing::LOG},
    testing::NatsServer,
};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server of the test's own, in a folder that goes with it.
struct Test {
    server: NatsServer,
    folder: TempDir,
}

impl Test {
    fn start(name: &str) -> Option<Self> {
        Self::start_with(name, "")
    }

    fn start_with(name: &str, config: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let server = NatsServer::start_with(name, folder.path(), config)?;
        Some(Self { server, folder })
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn options(&self) -> NatsOptions {
        NatsOptions { servers: self.server.url(), ..NatsOptions::default() }
    }

    /// A bus with its stream.
    async fn bus(&self) -> NatsBus {
        let bus = NatsBus::open(self.options(), LOG).await.unwrap();
        bus.last().await.unwrap();
        bus
    }

    /// JetStream itself.
    async fn context(&self) -> async_nats::jetstream::Context {
        async_nats::jetstream::new(async_nats::connect(self.server.url()).await.unwrap())
    }
}

async fn until(bus: &NatsBus, is_so: impl FnMut(&BusStatus) -> bool) -> BusStatus {
    let mut status = bus.status();
    timeout(PATIENCE, status.wait_for(is_so)).await.expect("in time").unwrap().clone()
}

macro_rules! laws {
    ($($law:ident)*) => {$(
        #[tokio::test]
        async fn $law() {
            let Some(test) = Test::start(concat!("nats::", stringify!($law))) else { return };
            contract::$law(&test.bus().await).await;
        }
    )*};
}

laws! {
    what_is_published_arrives_in_order
    messages_arrive_unchanged
    subscribers_do_not_share
    a_subscriber_may_go
    the_limit_is_kept
    silence_is_an_empty_answer
    a_message_ends_the_wait
    a_dropped_wait_loses_nothing
    the_last_position_is_known
}
