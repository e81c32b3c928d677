//! The read models on both sides: made from either log, and compared row by row.

use std::{sync::Arc, time::Duration};

use events::Position;
use events_log::{
    keys::{KeyReader, Unsealer},
    postgres::Server,
    store::{EventFeed, postgres::PostgresStore},
};
use projection_service::{
    compare::{TableReport, Verdict},
    follow::{Log, Status},
    models::{self, ReadModels},
    read_side::{Place, ReadSide, Settings},
};
use tokio::time::{Instant, timeout};

use super::{check::different, source::Source, watch::Watch};
use crate::{
    embedded::{READ_CACHE, READ_CONNECTIONS},
    exit::{Code, Exit},
};

/// How long a place may take to be available again.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is shown how it goes.
const RHYTHM: Duration = Duration::from_millis(200);

/// Makes the read models of the copied log in the database, and compares them with those of the data
/// folder. How many tables there are, all of them equal.
pub(super) async fn check_read_models(
    source: &Source,
    target: &Arc<PostgresStore>,
    keys: Arc<dyn KeyReader>,
    read: &Server,
    watch: &Watch,
) -> Result<usize, Exit> {
    let models = Arc::new(models::all().map_err(Exit::failed)?);
    let folder = source.folder.folder("read").map_err(|error| Exit::new(Code::Folder, error))?;
    let here =
        settings(source, Place::Folder(folder), &models, source.store.clone(), source.keys.clone());
    let there = settings(source, Place::Postgres(read.clone()), &models, target.clone(), keys);
    let old = ReadSide::open(here).await.map_err(cannot_open)?;
    let new = match ReadSide::open(there).await {
        Ok(new) => new,
        Err(error) => {
            old.close().await;
            return Err(cannot_open(error));
        }
    };
    let checked = compare(source, &old, &new, watch).await;
    new.close().await;
    old.close().await;
    checked
}

fn settings(
    source: &Source,
    place: Place,
    models: &Arc<ReadModels>,
    feed: Arc<dyn EventFeed>,
    keys: Arc<dyn KeyReader>,
) -> Settings {
    let log_id = source.log;
    Settings {
        place,
        models: models.clone(),
        log: Log { feed, bus: None, unsealer: Unsealer::new(keys, log_id), log_id },
        cache_bytes: READ_CACHE,
        connections: READ_CONNECTIONS,
    }
}

async fn compare(
    source: &Source,
    old: &ReadSide,
    new: &ReadSide,
    watch: &Watch,
) -> Result<usize, Exit> {
    let head = source.head.position;
    for side in [old, new] {
        tokio::select! {
            exit = watch.stopped() => return Err(exit),
            in_step = in_step(side, head, watch) => in_step?,
        }
    }
    let tell = |table: &'static str| watch.show(&format!("rows of {table} compared"), 0, 0);
    let (cut, tables) = tokio::select! {
        exit = watch.stopped() => return Err(exit),
        compared = old.compare_with(new, &tell) => compared.map_err(Exit::failed)?,
    };
    if cut != head {
        return Err(different(format!("the read models stand at position {cut}, not {head}")));
    }
    for TableReport { table, verdict, .. } in &tables {
        match verdict {
            Verdict::Equal => {}
            Verdict::Different(difference) => {
                let (key, what) = (&difference.key, &difference.what);
                return Err(different(format!("read model {table}, {key}: {what}")));
            }
            Verdict::Damaged(what) => {
                return Err(different(format!("read model {table}: {what}")));
            }
            Verdict::NotCompared => {
                return Err(different(format!("read model {table} could not be compared")));
            }
        }
    }
    Ok(tables.len())
}

/// Waits until a read side has taken every event.
async fn in_step(side: &ReadSide, head: Position, watch: &Watch) -> Result<(), Exit> {
    let mut progress = side.progress();
    let mut waiting_since = None;
    loop {
        let latest = progress.borrow_and_update().clone();
        watch.show("events in the read models", latest.position.0, head.0);
        match &latest.status {
            Status::Following if latest.position >= head => return Ok(()),
            Status::Stopped(stop) => {
                let (position, detail) = (stop.position, &stop.detail);
                return Err(Exit::failed(format!(
                    "event {position} cannot be projected: {detail}"
                )));
            }
            Status::Ended => return Err(Exit::failed("the read models have ended")),
            Status::Waiting { detail } => {
                let since = *waiting_since.get_or_insert_with(Instant::now);
                if since.elapsed() > PATIENCE {
                    return Err(Exit::failed(format!("the read models cannot be made: {detail}")));
                }
            }
            _ => waiting_since = None,
        }
        // Shown again in any case.
        timeout(RHYTHM, progress.changed()).await.ok();
    }
}

fn cannot_open(error: impl Into<anyhow::Error>) -> Exit {
    Exit::new(Code::Folder, format!("{:#}", error.into()))
}
