//! `annals migrate`: an installation of one process becomes a cluster.

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

use super::{print, progress_bar};
use crate::{
    config::Migrate,
    draw::system_clock,
    exit::Exit,
    migrate::{Migrated, Watch, migrate},
};

/// Moves it, and says what was seen on both sides. Ctrl-C stops it between two batches.
///
/// # Errors
/// See [`migrate`].
pub async fn run(options: Migrate) -> Result<(), Exit> {
    let (stop, stopped) = watch::channel(false);
    let mut terminate = signal(SignalKind::terminate()).map_err(Exit::failed)?;
    let mut hangup = signal(SignalKind::hangup()).map_err(Exit::failed)?;
    let listening = tokio::spawn(async move {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
        stop.send_replace(true);
    });
    let bar = progress_bar();
    let moved = migrate(&options, system_clock(), &Watch::new(bar.clone(), stopped)).await;
    bar.finish_and_clear();
    listening.abort();
    let (from, secrets) = (options.from.display(), options.beside.secrets.display());
    match moved? {
        None => print(&format!("migrated already: {from} is in that database, nothing was done\n")),
        Some(Migrated { events, commands, attempts, keys, tables }) => print(&format!(
            "migrated: {events} events, {commands} commands, {attempts} refused commands, {keys} \
             keys and {tables} tables of read models are the same on both sides\n\
             Next: start the services with --secrets {secrets}; {from} stays as it is, do not start \
             it again\n"
        )),
    }
    Ok(())
}
