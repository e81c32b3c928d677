//! The bar that shows how a migration goes, and the wish to stop it.

use indicatif::ProgressBar;
use tokio::sync::watch;

use crate::exit::Exit;

/// Shows how far it is, and hears whether to stop.
#[derive(Clone)]
pub struct Watch {
    bar: ProgressBar,
    stop: watch::Receiver<bool>,
}

impl Watch {
    /// Shows it on `bar`; `stop` turning true stops it between two batches.
    #[must_use]
    pub const fn new(bar: ProgressBar, stop: watch::Receiver<bool>) -> Self {
        Self { bar, stop }
    }

    /// So much is done of so much. Ends everything where that is wished.
    pub(super) fn at(&self, what: &str, done: u64, total: u64) -> Result<(), Exit> {
        self.show(what, done, total);
        if *self.stop.borrow() { Err(stopped()) } else { Ok(()) }
    }

    /// So much is done of so much.
    pub(super) fn show(&self, what: &str, done: u64, total: u64) {
        self.bar.set_length(total.max(done));
        self.bar.set_position(done);
        self.bar.set_message(what.to_owned());
    }

    /// Whether it shall stop.
    pub(super) fn is_stopped(&self) -> bool {
        *self.stop.borrow()
    }

    /// Waits for the wish to stop.
    pub(super) async fn stopped(&self) -> Exit {
        if self.stop.clone().wait_for(|stop| *stop).await.is_err() {
            // Nobody is left who could wish it.
            std::future::pending::<()>().await;
        }
        stopped()
    }
}

fn stopped() -> Exit {
    Exit::failed("the migration was stopped: run the same command again, and it goes on from there")
}
