//! What operators do to a running service: rebuild, check, back up. For tokens with the scope `admin`.

use std::{path::PathBuf, sync::Arc};

use axum::{Json, Router, extract::State, http::HeaderMap, response::Response, routing::post};
use command_service::http::{App, Problem};
use events::access::Scope;
use projection_service::{read_side::ReadSide, replay::ReplayProgress};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    backup::{Sources, back_up},
    progress::stream_of,
    replay_report::{ReplayReport, phase},
    verify::verify,
};

/// What the operator's routes work on.
#[derive(Clone)]
pub struct Admin {
    /// The write side: it knows who may do what.
    pub app: App,
    /// The read models.
    pub read_side: ReadSide,
    /// What a backup copies.
    pub sources: Arc<Sources>,
}

/// The operator's routes.
#[must_use = "routes do nothing until they are served"]
pub fn router(admin: Admin) -> Router {
    Router::new()
        .route("/admin/replay", post(replay))
        .route("/admin/verify", post(check))
        .route("/admin/backup", post(backup))
        .with_state(admin)
}

impl Admin {
    async fn allow(&self, headers: &HeaderMap) -> Result<(), Problem> {
        self.app.allow(headers, Scope::Admin).await
    }
}

async fn replay(State(admin): State<Admin>, headers: HeaderMap) -> Result<Response, Problem> {
    admin.allow(&headers).await?;
    let read_side = admin.read_side.clone();
    Ok(stream_of(move |progress, gone| async move {
        let hear = move |now: ReplayProgress| {
            progress.at(&phase(&now), now.position.0, now.head.0);
        };
        let report = read_side.replay(&hear, gone).await.map_err(|error| error.to_string())?;
        serde_json::to_value(ReplayReport::from(report)).map_err(|error| error.to_string())
    }))
}

async fn check(State(admin): State<Admin>, headers: HeaderMap) -> Result<Response, Problem> {
    admin.allow(&headers).await?;
    let sources = Arc::clone(&admin.sources);
    Ok(stream_of(move |progress, _| async move {
        let hear = move |done, total| progress.at("events", done, total);
        let log = events::store::StreamReader::log_id(&*sources.log);
        let verified = verify(&*sources.log, log, hear).await.map_err(|error| error.to_string())?;
        serde_json::to_value(verified).map_err(|error| error.to_string())
    }))
}

/// Where a backup goes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupTo {
    /// The folder to make, on the machine of the service.
    pub to: PathBuf,
}

async fn backup(
    State(admin): State<Admin>,
    headers: HeaderMap,
    Json(BackupTo { to }): Json<BackupTo>,
) -> Result<Response, Problem> {
    admin.allow(&headers).await?;
    let sources = Arc::clone(&admin.sources);
    Ok(stream_of(move |_, _| async move {
        let head = back_up(&sources, &to).await.map_err(|error| format!("{error:#}"))?;
        Ok(json!({ "position": head.position.to_string(), "folder": to }))
    }))
}
