//! `annals projection-service`: keeps the read models in step with the log. Of several, one works.

use std::sync::Arc;

use command_service::{
    clock::{ClockGuard, Clocks},
    handle::Handler,
    http::App,
};
use events_log::{
    bus::Bus,
    keys::{Keyring, PostgresKeys},
    store::{EventFeed, EventLog, StreamReader},
};
use projection_service::{
    follow::Log,
    models,
    read_side::{Place, Settings},
    standby,
};
use tokio::sync::watch;

use super::{
    PROJECTION_PORT, Secrets, Servers,
    servers::{exit_of, exit_of_keys},
    witness,
};
use crate::{
    admin,
    config::{Cluster, Service},
    draw::draw_id,
    embedded::{READ_CACHE, READ_CONNECTIONS},
    exit::Exit,
    guard::watch_clock,
    health::{self, Health},
    refusals,
    running::{Running, Tasks, listen},
};

/// Opens the log, the keys and the read models, and follows whenever no other process does.
///
/// # Errors
/// When the address or a server cannot be used, or there is no log yet.
pub async fn start(service: &Service, cluster: &Cluster, clocks: Clocks) -> Result<Running, Exit> {
    let listener = listen(service.address(PROJECTION_PORT), service.behind_proxy).await?;
    let servers = Servers::of(cluster)?;
    let secrets = Secrets::at(&cluster.secrets);
    secrets.check()?;
    let guard = ClockGuard::new(clocks);
    let store = servers.open_log(guard.clock(), None).await?;
    let log = store.log_id();
    let bus = servers.open_bus(log).await?;
    let keys = PostgresKeys::open(&servers.keys, &secrets.master_key(), log, false).await;
    let keys = Arc::new(keys.map_err(|error| exit_of_keys(&error))?);
    let secret = secrets.installation_key(None)?;
    // Rows that know more than the log are not made again before somebody has said that it is lost.
    witness::look(&store, &keys, &servers.read, &secret, None).await?;
    let keyring = Keyring::new(keys, log);
    let feed: Arc<dyn EventFeed> = store.clone();
    let settings = Settings {
        place: Place::Postgres(servers.read.clone()),
        models: Arc::new(models::all().map_err(Exit::failed)?),
        log: Log {
            feed: feed.clone(),
            bus: bus.clone().map(|bus| bus as Arc<dyn Bus>),
            unsealer: keyring.unsealer().clone(),
            log_id: log,
        },
        cache_bytes: READ_CACHE,
        connections: READ_CONNECTIONS,
    };
    let lease = standby::lease(&servers.read, log, draw_id()).await;
    let lease = lease.map_err(|error| exit_of(&error))?;
    let (active, is_active) = watch::channel(None);
    let mut tasks = Tasks::new();
    let stopped = tasks.stopped();
    tasks.start(async move {
        standby::run(settings, &lease, stopped, active).await.map_err(Exit::failed)
    });

    // Who may replay is asked of the tokens in the log, and what came of it is written down there.
    let port: Arc<dyn EventLog> = store.clone();
    let handler = Handler::new(port, keyring, guard.clock(), &secret).guarded(guard);
    let hear = handler.hear_of_clock().await;
    hear.map_err(|error| Exit::from(anyhow::Error::from(error)))?;
    let handler = Arc::new(handler);
    watch_clock(&mut tasks, &handler);
    let kept = handler.attempts().clone();
    tasks.keep_counts(&kept);
    let app = App::new(handler, Arc::new(draw_id));
    let health = Health::of(log, "projection-service", feed).with_active(is_active.clone());
    let health = match &bus {
        Some(bus) => health.with_bus(bus.status()),
        None => health,
    };
    let router =
        admin::replay_route(app, move || is_active.borrow().clone()).merge(health::router(health));
    let address = listener.local_addr().map_err(Exit::failed)?;
    tasks.serve(listener, router, service);
    let closing = Box::pin(async move {
        refusals::close(&kept).await;
        store.shutdown().await;
    });
    Ok(Running::new(address, log, tasks, vec![closing]))
}
