//! `annals replay`: rebuild beside the live read models, compare, switch, and say what was seen.

use serde_json::json;

use super::{print, watch_work};
use crate::{
    config::{Replay, Service},
    exit::{Code, Exit},
    replay_report::ReplayReport,
    service::{Connected, Missing},
};

/// Rebuilds every read model.
///
/// # Errors
/// When the service cannot be reached, the rebuild fails, or a table differs.
pub async fn run(service: &Service, replay: Replay) -> Result<(), Exit> {
    let connected = Connected::to(service, &replay.target, Missing::Refuse).await?;
    let seen = watch_work(&connected.client, "/admin/replay", &json!({})).await;
    connected.close().await;
    let report: ReplayReport = serde_json::from_value(seen?).map_err(Exit::failed)?;
    print(&report.to_string());
    if report.is_equal() {
        Ok(())
    } else {
        Err(Exit::new(Code::Tampered, "the rebuilt read models differ from the live ones"))
    }
}
