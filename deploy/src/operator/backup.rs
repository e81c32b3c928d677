//! `annals backup`: copy what cannot be rebuilt.

use std::path::absolute;

use super::{print, watch_work};
use crate::{
    admin::BackupTo,
    config::{Backup, Service},
    exit::Exit,
    service::{Connected, Missing},
};

/// Copies the log, the keys and the tokens into a new folder.
///
/// # Errors
/// When the service cannot be reached, or the folder cannot be made.
pub async fn run(service: &Service, backup: Backup) -> Result<(), Exit> {
    let to = absolute(&backup.to).map_err(Exit::failed)?;
    let connected = Connected::to(service, &backup.target, Missing::Refuse).await?;
    let body = serde_json::to_value(BackupTo { to: to.clone() }).map_err(Exit::failed)?;
    let seen = watch_work(&connected.client, "/admin/backup", &body).await;
    connected.close().await;
    let seen = seen?;
    let position = seen.get("position").and_then(|value| value.as_str()).unwrap_or_default();
    print(&format!(
        "backed up to {} up to position {position}. It holds the keys: guard it like them.\n\
         To restore: annals --data-folder <a copy of that folder>; read models are rebuilt by themselves.\n",
        to.display()
    ));
    Ok(())
}
