//! Tells how the read side goes: those who watch it here, and other processes.

use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, time::timeout};

use crate::{
    follow::{Progress, Status},
    generation::{Published, Register},
    read_store::ReadStoreError,
};

/// How soon it is tried again to tell other processes how it goes.
const RETELL: Duration = Duration::from_secs(1);

/// Passes the progress of whichever generation is live on to those who watch the read side.
pub(super) async fn forward(
    mut source: watch::Receiver<watch::Receiver<Progress>>,
    target: watch::Sender<Progress>,
) {
    loop {
        let mut progress = source.borrow_and_update().clone();
        loop {
            let latest = progress.borrow_and_update().clone();
            // A loop that ends makes room for the next one, which only goes on.
            if latest.status != Status::Ended {
                target.send_replace(latest);
            }
            tokio::select! {
                changed = source.changed() => match changed {
                    Ok(()) => break,
                    Err(_) => return,
                },
                changed = progress.changed() => if changed.is_err() {
                    // Its loop has ended; another one may come.
                    if source.changed().await.is_err() {
                        return;
                    }
                    break;
                }
            }
        }
    }
}

/// Tells other processes how it goes, whenever the status changes.
pub(super) async fn publish(
    register: Arc<Register>,
    mut progress: watch::Receiver<Progress>,
    mut closing: watch::Receiver<bool>,
) {
    let mut told = None;
    loop {
        let latest = progress.borrow_and_update().clone();
        let now = Published::of(&latest);
        if latest.status != Status::Ended && told.as_ref() != Some(&now) {
            match register.publish(&latest).await {
                Ok(()) => told = Some(now),
                Err(ReadStoreError::Superseded) => return,
                Err(error) => tracing::debug!(%error, "nobody is told how the read models go"),
            }
        }
        // What could not be told is told a little later.
        tokio::select! {
            _ = closing.wait_for(|closing| *closing) => return,
            changed = timeout(RETELL, progress.changed()) => if matches!(changed, Ok(Err(_))) {
                return;
            }
        }
    }
}
