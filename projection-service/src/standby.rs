//! Of several processes that could make the read models of one database, one does; another takes
//! over when it ends, or falls silent.

use std::time::Duration;

use events::ids::LogId;
use events_log::{
    postgres::{Lease, PostgresError, Server, while_held},
    store::StoreError,
};
use tokio::{sync::watch, time::timeout};
use uuid::Uuid;

use crate::{
    follow::{FENCED, Progress, Status},
    generation::prepare,
    read_side::{OpenError, ReadSide, Settings},
    read_store::ReadStoreError,
};

/// The lease of whoever makes the read models.
pub const LEASE: &str = "projection";
/// How soon it is tried again to open what could not be opened.
const PAUSE: Duration = Duration::from_secs(1);

/// The claim of a process, which nobody else has the `holder` of, on making the read models there.
/// What is missing of their register is made.
///
/// # Errors
/// When the database cannot be used, or its read models are of another log or a later build.
pub async fn lease(server: &Server, log_id: LogId, holder: Uuid) -> Result<Lease, PostgresError> {
    // One connection renews, one gives back.
    Ok(Lease::new(prepare(server, log_id, 2).await?, LEASE, holder))
}

/// Makes the read models whenever the lease is held, until `stop` says so. The read side is shown
/// while there is one.
///
/// # Errors
/// When the read models must not be made: they are of another log or a later build, or damaged.
pub async fn run(
    settings: Settings,
    lease: &Lease,
    stop: watch::Receiver<bool>,
    shown: watch::Sender<Option<ReadSide>>,
) -> Result<(), OpenError> {
    while_held(lease, stop, |told| lead(settings.clone(), shown.clone(), told)).await
}

async fn lead(
    settings: Settings,
    shown: watch::Sender<Option<ReadSide>>,
    mut told: watch::Receiver<bool>,
) -> Result<(), OpenError> {
    let Some(side) = open(settings, &mut told).await? else { return Ok(()) };
    tracing::info!("this process makes the read models");
    shown.send_replace(Some(side.clone()));
    let mut progress = side.progress();
    tokio::select! {
        _ = told.wait_for(|told| *told) => {}
        // Somebody else writes: it is seen again who may.
        _ = progress.wait_for(is_fenced) => {}
    }
    shown.send_replace(None);
    side.close().await;
    tracing::info!("this process stands by");
    Ok(())
}

fn is_fenced(progress: &Progress) -> bool {
    matches!(&progress.status, Status::Stopped(stop) if stop.code == FENCED)
}

/// Opens the read side, and tries until that works. None where it is not to be opened any more.
async fn open(
    settings: Settings,
    told: &mut watch::Receiver<bool>,
) -> Result<Option<ReadSide>, OpenError> {
    loop {
        let error = match ReadSide::open(settings.clone()).await {
            Ok(side) => return Ok(Some(side)),
            Err(error) => error,
        };
        match &error {
            OpenError::ReadStore(ReadStoreError::Superseded | ReadStoreError::Fenced { .. }) => {
                return Ok(None);
            }
            OpenError::ReadStore(ReadStoreError::Unavailable(_) | ReadStoreError::Full)
            | OpenError::Postgres(
                PostgresError::Unreachable { .. } | PostgresError::Failed { .. },
            )
            | OpenError::Log(StoreError::Unavailable(_) | StoreError::Full) => {
                tracing::warn!(%error, "the read models cannot be made now");
            }
            OpenError::ReadStore(ReadStoreError::Damaged(_) | ReadStoreError::Conflict { .. })
            | OpenError::Postgres(PostgresError::Refused { .. })
            | OpenError::Log(StoreError::Damaged(_)) => return Err(error),
        }
        if timeout(PAUSE, told.wait_for(|told| *told)).await.is_ok() {
            return Ok(None);
        }
    }
}

#[cfg(test)]
#[path = "standby_tests.rs"]
mod tests;
