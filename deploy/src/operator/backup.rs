//! `annals backup`: copy what cannot be rebuilt.

use super::{print, verify::told, watch_work};
use crate::{
    admin::BackupTo,
    config::{Backup, Service},
    exit::{Code, Exit},
    service::{Connected, Missing},
    verify::Verified,
};

/// Copies the log and the wrapped keys into a new folder.
///
/// # Errors
/// When the service cannot be reached, or the folder cannot be made.
pub async fn run(service: &Service, backup: Backup) -> Result<(), Exit> {
    let connected = Connected::to(service, &backup.target, Missing::Refuse).await?;
    let body = serde_json::to_value(BackupTo { name: backup.name }).map_err(Exit::failed)?;
    let seen = watch_work(&connected.client, "/admin/backup", &body).await;
    connected.close().await;
    let seen = seen?;
    let position = seen.get("position").and_then(|value| value.as_str()).unwrap_or_default();
    let folder = seen.get("folder").and_then(|value| value.as_str()).unwrap_or_default();
    let verified = seen.get("verified").cloned().unwrap_or_default();
    let verified: Verified = serde_json::from_value(verified).map_err(Exit::failed)?;
    if let Some(line) = told(&verified) {
        return Err(Exit::new(Code::Tampered, format!("{folder} is not complete: {line}")));
    }
    print(&format!(
        "backed up to {folder} up to position {position}. It holds no token, and the keys wrapped \
         under master.key, which is NOT in it: keep a copy of that file apart, without it nobody \
         reads a personal value again.\nTo restore: a copy of that folder (mode 0700) with \
         master.key put into it; annals --data-folder <it> token recover; annals --data-folder <it>. Read models \
         are rebuilt by themselves.\n"
    ));
    Ok(())
}
