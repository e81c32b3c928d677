//! The first start of a cluster, by one process at a time: keys, organisation, first token.

use std::{sync::Arc, time::Duration};

use aws_lc_rs::hmac;
use command_service::{clock::ClockGuard, handle::Handler};
use events::Position;
use events_log::{
    keys::{Keyring, PostgresKeys, Unsealer},
    postgres::{Database, Lease, Server},
    store::{EventLog, StreamReader, postgres::PostgresStore},
};
use uuid::Uuid;

use super::{
    Secrets,
    servers::{Servers, exit_of, exit_of_keys},
    witness,
};
use crate::{
    config::Service,
    draw::draw_secret,
    exit::{Code, Exit},
    founding::found,
    guard::settle,
    mark::{self, Keeper},
};

/// How often it is looked whether another process has finished.
const RHYTHM: Duration = Duration::from_millis(200);
/// How long another process may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a founded installation is written with.
pub(super) struct Founded {
    pub(super) handler: Arc<Handler>,
    /// Keeps the mark of the log.
    pub(super) keeper: Arc<Keeper>,
    /// Opens personal values.
    pub(super) unsealer: Unsealer,
    /// The position up to which the mark vouches for the keys that the log names.
    pub(super) marked: Position,
    /// Whether an older log was accepted in place of a newer one.
    pub(super) is_older: bool,
    /// Whether this process made the first token.
    pub(super) is_new: bool,
}

/// Opens keys and secrets, and does what is left to do of the first start. Of several processes
/// that start at once one does it, the others wait.
pub(super) async fn open_and_found(
    servers: &Servers,
    store: &Arc<PostgresStore>,
    secrets: &Secrets,
    service: &Service,
    guard: Arc<ClockGuard>,
    process: Uuid,
) -> Result<Founded, Exit> {
    let lease = Lease::new(store.database().clone(), "founding", process);
    let waiting = async {
        let mut rhythm = tokio::time::interval(RHYTHM);
        loop {
            rhythm.tick().await;
            match lease.hold().await {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(error) => return Err(exit_of(&servers.log.failed(&error))),
            }
        }
    };
    let waited = tokio::time::timeout(PATIENCE, waiting).await;
    waited.map_err(|_| Exit::failed("another process does not finish the first start"))??;
    let founded = open_alone(servers, store, secrets, service, guard).await;
    lease.release().await;
    founded
}

async fn open_alone(
    servers: &Servers,
    store: &Arc<PostgresStore>,
    secrets: &Secrets,
    service: &Service,
    guard: Arc<ClockGuard>,
) -> Result<Founded, Exit> {
    let head = store.head().await.map_err(Exit::failed)?;
    let log = store.log_id();
    // With events a missing key is a loss; a new one would make everybody look erased.
    let is_new = head.position == Position::START;
    if is_new {
        secrets.make()?;
    }
    let keys = PostgresKeys::open(&servers.keys, &secrets.master_key(), log, is_new).await;
    let keys = Arc::new(keys.map_err(|error| exit_of_keys(&error))?);
    let secret = secrets.installation_key(is_new.then_some(draw_secret as fn() -> [u8; 32]))?;
    check_installation(store.database(), &servers.log, &secret).await?;
    let looked =
        witness::look(store, &keys, &servers.read, &secret, service.accept_older_log).await?;
    let place = mark::Place::Keys(keys.clone());
    let keeper = Arc::new(Keeper::new(place, log, store.clone(), keys.clone(), secret));
    let port: Arc<dyn EventLog> = store.clone();
    let keyring = Keyring::new(keys, log);
    let unsealer = keyring.unsealer().clone();
    let handler = Arc::new(Handler::new(port, keyring, guard.clock(), &secret).guarded(guard));
    let hear = handler.hear_of_clock().await;
    hear.map_err(|error| Exit::from(anyhow::Error::from(error)))?;
    settle(looked, &handler, &**store, &keeper, &unsealer).await?;
    found(&handler, log, service, &secrets.token(), draw_secret)
        .await
        .map_err(|error| Exit::from(anyhow::Error::from(error)))?;
    let (marked, is_older) = (looked.marked(), looked.is_older());
    Ok(Founded { handler, keeper, unsealer, marked, is_older, is_new })
}

/// Two services with different installation keys would take each other's repeats for reuse of an id.
pub(crate) async fn check_installation(
    database: &Database,
    server: &Server,
    secret: &[u8],
) -> Result<(), Exit> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let check = hmac::sign(&key, b"annals: is this the installation key?").as_ref().to_vec();
    let ours = check.clone();
    let asked = database.transaction("begin", move |connection| {
        Box::pin(async move {
            let make = "create table if not exists installation (only_row bigint primary key \
                        check (only_row = 1), check_value bytea not null)";
            sqlx::query(make).execute(&mut *connection).await?;
            let put = "insert into installation values (1, $1) on conflict do nothing";
            sqlx::query(put).bind(ours).execute(&mut *connection).await?;
            let get = "select check_value from installation";
            sqlx::query_scalar::<_, Vec<u8>>(get).fetch_one(connection).await
        })
    });
    let known = asked.await.map_err(|error| exit_of(&server.failed(&error)))?;
    if known == check {
        return Ok(());
    }
    let why = "its log was written with another installation.key";
    Err(Exit::new(Code::Folder, server.refused(why)))
}
