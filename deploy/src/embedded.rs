//! The whole product in one process: SQLite files in a data folder, an in-process bus.

use std::{path::PathBuf, sync::Arc};

use axum::Router;
use command_service::{
    clock::{ClockGuard, Clocks},
    handle::{Clock, Handler},
    http::App,
    relay::relay,
};
use events::ids::LogId;
use events_log::{
    bus::{Bus, InProcessBus},
    keys::{KeyFiles, Keyring, SqliteKeys, Unsealer},
    store::{
        EventFeed, EventLog, StreamReader,
        sqlite::{OpenOptions, SqliteStore},
    },
};
use projection_service::{
    follow::Log,
    models,
    read_side::{Place, ReadSide, Settings},
};

use crate::{
    admin,
    backup::{Sources, folder_of_backups},
    carried::carried,
    cluster::COMMAND_PORT,
    config::Service,
    draw::{draw_id, draw_secret},
    exit::{Code, Exit},
    folder::{Folder, write_private},
    founding::found,
    guard,
    health::{self, Health},
    mark::{self, Keeper},
    refusals::{self, KeptRefusals},
    running::{Running, Tasks, listen},
};

/// How many batches the in-process bus holds for a slow follower, which then reads the store.
const BUS_BATCHES: usize = 1_024;
/// How many threads read the log.
const LOG_READERS: usize = 2;
/// About how many bytes of rows folding keeps in memory.
pub(crate) const READ_CACHE: usize = 16 * 1024 * 1024;
/// How many questions are answered at once; two cores do not answer more.
pub(crate) const READ_CONNECTIONS: u32 = 8;

/// Opens the data folder and starts everything on it.
///
/// # Errors
/// When the folder, the address or a file cannot be used. Nothing was touched then.
pub async fn start(service: &Service, clocks: Clocks) -> Result<Running, Exit> {
    let listener = listen(service.address(COMMAND_PORT), service.behind_proxy).await?;
    let folder =
        Folder::own(&service.data_folder).map_err(|error| Exit::new(Code::Folder, error))?;
    let backups = service.backups.as_deref().map(folder_of_backups).transpose();
    let backups = backups.map_err(|error| Exit::new(Code::Folder, error))?;
    let is_new = folder.is_new;
    let looked = match guard::look(&folder, service.accept_older_log) {
        Ok(looked) => looked,
        Err(exit) => {
            folder.leave();
            return Err(exit);
        }
    };
    let guard = ClockGuard::new(clocks.clone());
    let opened = open(&folder, looked.has_events, guard.clone()).await?;
    let log = opened.store.log_id();
    let hear = opened.handler.hear_of_clock().await;
    hear.map_err(|error| Exit::from(anyhow::Error::from(error)))?;
    let Opened { handler, store, keeper, unsealer, .. } = &opened;
    guard::settle(looked, handler, &**store, keeper, unsealer).await?;
    found(&opened.handler, log, service, &folder.file("token"), draw_secret)
        .await
        .map_err(|error| Exit::from(anyhow::Error::from(error)))?;

    let mut tasks = Tasks::new();
    guard::watch_over(&mut tasks, handler, keeper, unsealer, looked.marked());
    let read_side = start_following(&mut tasks, &folder, &opened).await?;
    let router = routes(&opened, &read_side, clocks.wall, folder.path().to_owned(), backups);
    let address = listener.local_addr().map_err(Exit::failed)?;
    tasks.serve(listener, router, service);
    let token = folder.file("token");
    write_private(&folder.file("annals.addr"), format!("http://{address}").as_bytes())
        .map_err(Exit::failed)?;
    let closing = Box::pin(async move {
        refusals::close(opened.handler.attempts()).await;
        opened.keeper.write_last().await;
        opened.store.shutdown().await;
        // Whoever finds no address starts the product themselves.
        std::fs::remove_file(folder.file("annals.addr")).ok();
        drop(folder);
    });
    Ok(Running::new(address, log, tasks, vec![closing]).with_token(is_new, token))
}

pub(crate) struct Opened {
    pub(crate) store: Arc<SqliteStore>,
    keys: Arc<SqliteKeys>,
    pub(crate) unsealer: Unsealer,
    pub(crate) handler: Arc<Handler>,
    pub(crate) keeper: Arc<Keeper>,
}

/// Opens log and keys of a folder that is owned.
pub(crate) async fn open(
    folder: &Folder,
    has_events: bool,
    guard: Arc<ClockGuard>,
) -> Result<Opened, Exit> {
    let clock = guard.clock();
    let bad_folder = |error: anyhow::Error| Exit::new(Code::Folder, format!("{error:#}"));
    let path = folder.file("log.db");
    let options = OpenOptions {
        log_id: LogId(draw_id()),
        clock: clock.clone(),
        readers: LOG_READERS,
        hear: carried(),
    };
    let opening = tokio::task::spawn_blocking(move || SqliteStore::open(path, options));
    let store = opening.await.map_err(Exit::failed)?.map_err(|error| bad_folder(error.into()))?;
    let store = Arc::new(store);
    let log = store.log_id();
    let files = KeyFiles {
        keys: folder.file("keys.db"),
        master_key: folder.file("master.key"),
        log,
        // With events a missing key file is a loss; a new one would make everybody look erased.
        may_create: !has_events,
    };
    let opening = tokio::task::spawn_blocking(move || SqliteKeys::open(&files));
    let opened = match opening.await.map_err(Exit::failed)? {
        Ok(keys) => folder
            .secret("installation.key", draw_secret)
            .map(|secret| (Arc::new(keys), secret))
            .map_err(|error| Exit::new(Code::Folder, error)),
        Err(error) => Err(bad_folder(error.into())),
    };
    let (keys, secret) = match opened {
        Ok(opened) => opened,
        Err(exit) => {
            // Closed in order, so that no file of the database stays behind.
            store.shutdown().await;
            return Err(exit);
        }
    };
    let place = mark::Place::Folder(folder.path().to_owned());
    let keeper = Arc::new(Keeper::new(place, log, store.clone(), keys.clone(), secret));
    let port: Arc<dyn EventLog> = store.clone();
    let keyring = Keyring::new(keys.clone(), log);
    // Who reads shares the writer's cache: a key that was just made is needed by both.
    let unsealer = keyring.unsealer().clone();
    let handler = Arc::new(Handler::new(port, keyring, clock, &secret).guarded(guard));
    Ok(Opened { store, keys, unsealer, handler, keeper })
}

/// Starts what follows the log: relay, process managers, read models.
async fn start_following(
    tasks: &mut Tasks,
    folder: &Folder,
    opened: &Opened,
) -> Result<ReadSide, Exit> {
    let Opened { store, unsealer, handler, .. } = opened;
    let feed: Arc<dyn EventFeed> = store.clone();
    let bus = Arc::new(InProcessBus::new(BUS_BATCHES));
    let subscribable: Arc<dyn Bus> = bus.clone();
    let all = models::all().map_err(Exit::failed)?;
    let read = folder.folder("read").map_err(|error| Exit::new(Code::Folder, error))?;
    let settings = Settings {
        place: Place::Folder(read),
        models: Arc::new(all),
        log: Log {
            feed: feed.clone(),
            bus: Some(subscribable),
            unsealer: unsealer.clone(),
            log_id: store.log_id(),
        },
        cache_bytes: READ_CACHE,
        connections: READ_CONNECTIONS,
    };
    let read_side = ReadSide::open(settings)
        .await
        .map_err(|error| Exit::new(Code::Folder, format!("{:#}", anyhow::Error::from(error))))?;

    let (relay_feed, stopped) = (feed.clone(), tasks.stopped());
    tasks.start(async move { relay(relay_feed, bus, stopped).await.map_err(Exit::failed) });
    let (processes, stopped) = (handler.clone(), tasks.stopped());
    tasks.start(
        async move { processes.follow_processes(feed, stopped).await.map_err(Exit::failed) },
    );
    let (reading, stopped) = (read_side.clone(), tasks.stopped());
    tasks.start(async move {
        reading.run(stopped).await;
        Ok(())
    });
    tasks.keep_counts(handler.attempts());
    let failing = store.clone();
    tasks.watch(async move { Exit::failed(failing.failed().await) });
    Ok(read_side)
}

fn routes(
    opened: &Opened,
    read_side: &ReadSide,
    clock: Clock,
    folder: PathBuf,
    backups: Option<PathBuf>,
) -> Router {
    let Opened { store, keys, unsealer, handler, keeper } = opened;
    let log = store.log_id();
    let feed: Arc<dyn EventFeed> = store.clone();
    let app = App::new(handler.clone(), Arc::new(draw_id));
    let questions =
        query_api::App::new(read_side.view(), feed.clone(), store.clone(), unsealer.clone(), clock)
            .with_refusals(KeptRefusals::in_log(handler.attempts().clone()));
    let keeper = keeper.clone();
    let sources = Arc::new(Sources { log: store.clone(), keys: keys.clone(), folder, keeper });
    let replayed = read_side.clone();
    let health = Health::of(log, "annals", feed.clone()).with_view(read_side.view());
    let health = health.with_clock(handler.clone()).with_keys(unsealer.clone());
    command_service::http::router(app.clone())
        .merge(query_api::router(questions))
        .merge(admin::replay_route(app.clone(), move || Some(replayed.clone())))
        .merge(admin::verify_route(app.clone(), store.clone(), log, unsealer.clone()))
        .merge(admin::backup_route(app, sources, backups))
        .merge(health::router(health))
}
