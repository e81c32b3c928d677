//! `annals command-service`: the write API, the relay, the process managers. Several may run on one log.

use std::sync::Arc;

use command_service::{
    clock::{ClockGuard, Clocks},
    http::App,
    relay::relay_while_held,
};
use events::ids::LogId;
use events_log::{
    bus::Publisher,
    keys::PostgresKeyImport,
    postgres::Lease,
    store::{EventFeed, StreamReader},
};

use super::{COMMAND_PORT, Secrets, Servers, exit_of_keys, founding::open_and_found};
use crate::{
    admin,
    config::{Cluster, Service},
    draw::draw_id,
    exit::Exit,
    guard::watch_over,
    health::{self, Health},
    refusals,
    running::{Running, Tasks, listen},
};

/// Opens the log and the keys, does what is left of the first start, and serves.
///
/// # Errors
/// When the address or a server cannot be used. Nothing was written then.
pub async fn start(service: &Service, cluster: &Cluster, clocks: Clocks) -> Result<Running, Exit> {
    let listener = listen(service.address(COMMAND_PORT), service.behind_proxy).await?;
    let servers = Servers::of(cluster)?;
    let secrets = Secrets::at(&cluster.secrets);
    secrets.check()?;
    let process = draw_id();
    let guard = ClockGuard::new(clocks);
    let store = servers.open_log(guard.clock(), new_log(&servers).await?).await?;
    let log = store.log_id();
    let bus = servers.open_bus(log).await?;
    let founded = open_and_found(&servers, &store, &secrets, service, guard, process).await?;
    let (handler, is_new) = (founded.handler, founded.is_new);
    if let Some(bus) = bus.as_ref().filter(|_| founded.is_older)
        && let Err(error) = bus.empty().await
    {
        tracing::error!(%error,
            "the bus still holds what an older log was accepted in place of: delete its stream");
    }

    let mut tasks = Tasks::new();
    let feed: Arc<dyn EventFeed> = store.clone();
    if let Some(bus) = &bus {
        let publisher: Arc<dyn Publisher> = bus.clone();
        let lease = Lease::new(store.database().clone(), "relay", process);
        let (feed, stopped) = (feed.clone(), tasks.stopped());
        tasks.start(async move {
            relay_while_held(&lease, feed, publisher, stopped).await.map_err(Exit::failed)
        });
    }
    let (unsealer, keeper) = (founded.unsealer, founded.keeper);
    watch_over(&mut tasks, &handler, &keeper, &unsealer, founded.marked);
    let lease = Lease::new(store.database().clone(), "processes", process);
    let (processes, stopped) = (handler.clone(), tasks.stopped());
    let followed = feed.clone();
    tasks.start(async move {
        processes.follow_processes_while_held(&lease, followed, stopped).await.map_err(Exit::failed)
    });
    let failing = store.clone();
    tasks.watch(async move { Exit::failed(failing.failed().await) });

    let kept = handler.attempts().clone();
    tasks.keep_counts(&kept);
    let app = App::new(handler.clone(), Arc::new(draw_id));
    let health = Health::of(log, "command-service", feed.clone())
        .with_clock(handler)
        .with_keys(unsealer.clone());
    let health = match &bus {
        Some(bus) => health.with_bus(bus.status()),
        None => health,
    };
    let router = command_service::http::router(app.clone())
        .merge(admin::verify_route(app.clone(), store.clone(), log, unsealer))
        .merge(admin::no_backup_route(app))
        .merge(health::router(health));
    let address = listener.local_addr().map_err(Exit::failed)?;
    tasks.serve(listener, router, service);
    let closing = Box::pin(async move {
        refusals::close(&kept).await;
        keeper.write_last().await;
        store.shutdown().await;
    });
    let running = Running::new(address, log, tasks, vec![closing]);
    Ok(running.with_token(is_new, secrets.token()))
}

/// The id of a log that may be made; none beside keys that are there: theirs was lost, and a new one
/// would be a second history.
async fn new_log(servers: &Servers) -> Result<Option<LogId>, Exit> {
    let has_keys = PostgresKeyImport::is_begun(&servers.keys).await;
    let has_keys = has_keys.map_err(|error| exit_of_keys(&error))?;
    Ok((!has_keys).then(|| LogId(draw_id())))
}
