//! `annals migrate`: an installation of one process becomes a cluster.

use crate::{config::Migrate, exit::Exit};

pub async fn run(_migrate: Migrate) -> Result<(), Exit> {
    Err(Exit::failed("x"))
}
