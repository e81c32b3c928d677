//! What can be done to a cluster, and how it is undone.

use std::{fs, path::PathBuf, time::Duration};

use events_log::{bus::nemesis::Dice, postgres::LOG_SCHEMA};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tests::{Cluster, Role, until};
use tokio::{task::block_in_place, time::Instant};

use super::{
    stream,
    traffic::{Traffic, for_a_while},
};

/// One kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    KillCommandService,
    KillProjectionService,
    KillQueryApi,
    KillNats,
    KillPostgres,
    StopCommandService,
    StopProjectionService,
    StopQueryApi,
    StopNats,
    StopPostgres,
    RestartPostgres,
    EndSessions,
    EndTransactions,
    HoldHead,
    DeleteFolder,
    EmptyFolder,
    OldFolder,
    PurgeStream,
    DeleteStream,
    DeleteConsumers,
}

impl Fault {
    pub(super) const ALL: [Self; 20] = [
        Self::KillCommandService,
        Self::KillProjectionService,
        Self::KillQueryApi,
        Self::KillNats,
        Self::KillPostgres,
        Self::StopCommandService,
        Self::StopProjectionService,
        Self::StopQueryApi,
        Self::StopNats,
        Self::StopPostgres,
        Self::RestartPostgres,
        Self::EndSessions,
        Self::EndTransactions,
        Self::HoldHead,
        Self::DeleteFolder,
        Self::EmptyFolder,
        Self::OldFolder,
        Self::PurgeStream,
        Self::DeleteStream,
        Self::DeleteConsumers,
    ];
}

/// Who does it.
pub(super) struct Nemesis {
    dice: Dice,
    /// A copy of the stream's folder, from long ago.
    old: PathBuf,
}

/// What a fault did.
pub(super) struct Suffered {
    /// When it was over.
    pub(super) healed: Instant,
    /// Whether it struck while something was under way that it could harm.
    pub(super) hit: bool,
}

impl Nemesis {
    /// One that draws from that seed. The stream's folder is copied as it is now.
    pub(super) fn new(cluster: &mut Cluster, seed: u64) -> Self {
        let old = cluster.folder().join("old-jetstream");
        block_in_place(|| {
            cluster.nats.kill();
            stream::copy(&cluster.nats.store(), &old);
            cluster.nats.restart();
        });
        Self { dice: Dice::new(seed), old }
    }

    /// How long the next fault lasts: 50 milliseconds to 5 seconds, short ones as often as long.
    fn draw_while(&mut self) -> Duration {
        let longest = [100, 300, 1_000, 2_000, 5_000][self.number(5)];
        Duration::from_millis(50 + self.dice.roll(longest - 50))
    }

    fn number(&mut self, count: usize) -> usize {
        usize::try_from(self.dice.roll(u64::try_from(count).unwrap())).unwrap()
    }

    /// Lets a fault happen under that traffic, and undoes it.
    pub(super) async fn strike(
        &mut self,
        fault: Fault,
        cluster: &mut Cluster,
        traffic: &Traffic,
    ) -> Suffered {
        let lasting = self.draw_while();
        // Not right after an answer, but anywhere between two.
        for _ in 0..self.dice.roll(2_000) {
            tokio::task::yield_now().await;
        }
        let services = &traffic.round.services;
        let hit = match fault {
            Fault::KillCommandService | Fault::StopCommandService => {
                let at = self.number(cluster.commands.len());
                let hit = Traffic::in_flight(&services[at..=at]).await > 0;
                harm(fault == Fault::KillCommandService, &mut cluster.commands[at], lasting).await;
                hit
            }
            Fault::KillQueryApi | Fault::StopQueryApi => {
                let at = self.number(cluster.queries.len());
                let hit = Traffic::in_flight(&traffic.queries[at..=at]).await > 0;
                harm(fault == Fault::KillQueryApi, &mut cluster.queries[at], lasting).await;
                hit
            }
            Fault::KillProjectionService | Fault::StopProjectionService => {
                let at = active(cluster).await;
                let hit = Traffic::in_flight(services).await > 0;
                let kills = fault == Fault::KillProjectionService;
                harm(kills, &mut cluster.projections[at], lasting).await;
                hit
            }
            Fault::KillPostgres
            | Fault::StopPostgres
            | Fault::RestartPostgres
            | Fault::EndSessions
            | Fault::EndTransactions
            | Fault::HoldHead => {
                let hit = Traffic::in_flight(services).await > 0;
                harm_postgres(fault, cluster, lasting).await && hit
            }
            _ => {
                let hit = Traffic::in_flight(services).await > 0;
                self.harm_nats(fault, cluster, lasting).await && hit
            }
        };
        Suffered { healed: Instant::now(), hit }
    }

    /// Whether there was something to be harmed.
    async fn harm_nats(&self, fault: Fault, cluster: &mut Cluster, lasting: Duration) -> bool {
        let folder = cluster.nats.store();
        match fault {
            Fault::PurgeStream => return stream::purge(cluster).await > 0,
            Fault::DeleteStream => return stream::delete(cluster).await,
            Fault::DeleteConsumers => return stream::delete_consumers(cluster).await > 0,
            Fault::StopNats => {
                let id = cluster.nats.id().expect("it runs");
                tests::signal(id, "STOP");
                for_a_while(lasting).await;
                tests::signal(id, "CONT");
                return true;
            }
            _ => {}
        }
        let messages = stream::messages(cluster).await;
        if fault == Fault::EmptyFolder {
            stream::empty(&folder);
        }
        cluster.nats.kill();
        match fault {
            Fault::DeleteFolder => fs::remove_dir_all(&folder).unwrap(),
            Fault::OldFolder => {
                fs::remove_dir_all(&folder).unwrap();
                stream::copy(&self.old, &folder);
            }
            _ => {}
        }
        for_a_while(lasting).await;
        block_in_place(|| cluster.nats.restart());
        messages > 0
    }
}

/// Kills a role, or puts it to sleep, for that long.
async fn harm(kills: bool, role: &mut Role, lasting: Duration) {
    if kills {
        role.kill();
        for_a_while(lasting).await;
        block_in_place(|| role.start());
    } else {
        role.signal("STOP");
        for_a_while(lasting).await;
        role.signal("CONT");
    }
}

/// The projection service that works.
pub(super) async fn active(cluster: &Cluster) -> usize {
    let mut active = None;
    until("a projection service is active", async || {
        for (number, role) in cluster.projections.iter().enumerate() {
            if role.ready().await["read_side"]["position"].is_string() {
                active = Some(number);
            }
        }
        active.is_some()
    })
    .await;
    active.unwrap()
}

/// Whether there was something to be harmed.
async fn harm_postgres(fault: Fault, cluster: &mut Cluster, lasting: Duration) -> bool {
    let postgres = &mut cluster.postgres;
    match fault {
        Fault::StopPostgres => {
            postgres.signal_all("STOP");
            for_a_while(lasting).await;
            postgres.signal_all("CONT");
        }
        Fault::KillPostgres => {
            block_in_place(|| postgres.kill());
            for_a_while(lasting).await;
            block_in_place(|| postgres.restart());
        }
        Fault::RestartPostgres => block_in_place(|| postgres.restart()),
        Fault::EndSessions => {
            let mut connection = PgConnection::connect(&postgres.admin_url()).await.unwrap();
            let sql = "select count(pg_terminate_backend(pid)) from pg_stat_activity \
                       where pid <> pg_backend_pid()";
            let ended: i64 = sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap();
            return ended > 0;
        }
        Fault::EndTransactions => return end_transactions(&postgres.admin_url(), lasting).await,
        _ => {
            let mut connection = PgConnection::connect(postgres.url()).await.unwrap();
            let sql = format!("begin; select * from {LOG_SCHEMA}.log_head for update");
            connection.execute(AssertSqlSafe(sql)).await.unwrap();
            for_a_while(lasting).await;
            // The server may have ended a session that did nothing for so long.
            connection.close().await.ok();
        }
    }
    true
}

/// Ends sessions at the worst moment there is: between two statements of a transaction. Lies in wait
/// for them for that long; whether any came.
async fn end_transactions(url: &str, lasting: Duration) -> bool {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let since = Instant::now();
    let mut ended = 0;
    // The server shows a transaction the same sessions however often it asks: one for each look.
    let sql = "select count(pg_terminate_backend(pid)) from pg_stat_activity \
               where state = 'idle in transaction' and pid <> pg_backend_pid()";
    while since.elapsed() < lasting {
        let found: i64 = sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap();
        ended += found;
    }
    ended > 0
}
