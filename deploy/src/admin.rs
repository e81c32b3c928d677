//! What operators do to a running service: rebuild, check, back up. For tokens with the scope `admin`.

use std::{path::PathBuf, sync::Arc};

use axum::{
    Router,
    extract::Request,
    http::{HeaderMap, StatusCode},
    response::Response,
    routing::post,
};
use command_service::http::{App, Problem, object};
use events::{
    access::Scope,
    ids::LogId,
    store::audit::{Audit, HearAudit},
};
use projection_service::{read_side::ReadSide, replay::ReplayProgress};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    backup::{Sources, back_up},
    progress::stream_of,
    replay_report::{ReplayReport, phase},
    serve::problem,
    verify::verify,
};

/// `POST /admin/replay`: rebuilds the read models of whichever read side is active here now.
#[must_use = "routes do nothing until they are served"]
pub fn replay_route(
    app: App,
    active: impl Fn() -> Option<ReadSide> + Clone + Send + Sync + 'static,
) -> Router {
    let replay = move |headers: HeaderMap| {
        let (app, active) = (app.clone(), active.clone());
        async move {
            app.allow(&headers, Scope::Admin).await?;
            let Some(read_side) = active() else {
                let detail = "another projection service keeps the read models: ask that one";
                return Ok(problem(StatusCode::SERVICE_UNAVAILABLE, "replay.standby", detail));
            };
            Ok::<_, Problem>(replay(read_side))
        }
    };
    Router::new().route("/admin/replay", post(replay))
}

fn replay(read_side: ReadSide) -> Response {
    stream_of(move |progress, gone| async move {
        let hear = move |now: ReplayProgress| {
            progress.at(&phase(&now), now.position.0, now.head.0);
        };
        let report = read_side.replay(&hear, gone).await.map_err(|error| error.to_string())?;
        serde_json::to_value(ReplayReport::from(report)).map_err(|error| error.to_string())
    })
}

/// `POST /admin/verify`: checks the whole log.
#[must_use = "routes do nothing until they are served"]
pub fn verify_route(app: App, store: Arc<dyn Audit>, log: LogId) -> Router {
    let check = move |headers: HeaderMap| {
        let (app, store) = (app.clone(), store.clone());
        async move {
            app.allow(&headers, Scope::Admin).await?;
            Ok::<_, Problem>(stream_of(move |progress, _| async move {
                let hear: HearAudit =
                    Arc::new(move |what, done, total| progress.at(what, done, total));
                let verified =
                    verify(&*store, log, hear).await.map_err(|error| error.to_string())?;
                serde_json::to_value(verified).map_err(|error| error.to_string())
            }))
        }
    };
    Router::new().route("/admin/verify", post(check))
}

/// The largest body of an operation, in bytes.
const MAX_BODY: usize = 16 * 1024;

/// Where a backup goes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupTo {
    /// The folder to make, on the machine of the service.
    pub to: PathBuf,
}

/// `POST /admin/backup`: copies the data folder.
#[must_use = "routes do nothing until they are served"]
pub fn backup_route(app: App, sources: Arc<Sources>) -> Router {
    let backup = move |request: Request| {
        let (app, sources) = (app.clone(), sources.clone());
        async move {
            let (parts, body) = request.into_parts();
            app.allow(&parts.headers, Scope::Admin).await?;
            let expected = "an object with `to`, the folder to make";
            let BackupTo { to } = object(&parts.headers, body, MAX_BODY, expected).await?;
            Ok::<_, Problem>(stream_of(move |_, _| async move {
                let head = back_up(&sources, &to).await.map_err(|error| format!("{error:#}"))?;
                Ok(json!({ "position": head.position.to_string(), "folder": to }))
            }))
        }
    };
    Router::new().route("/admin/backup", post(backup))
}

/// `POST /admin/backup` where the data lie in databases: those have better means.
#[must_use = "routes do nothing until they are served"]
pub fn no_backup_route(app: App) -> Router {
    let backup = move |headers: HeaderMap| {
        let app = app.clone();
        async move {
            app.allow(&headers, Scope::Admin).await?;
            let detail = "back up the databases of the log and of the keys with PostgreSQL's own \
                          means (pg_dump, pg_basebackup), the log first, and the folder of secrets";
            Ok::<_, Problem>(problem(
                StatusCode::UNPROCESSABLE_ENTITY,
                "backup.by_database",
                detail,
            ))
        }
    };
    Router::new().route("/admin/backup", post(backup))
}
