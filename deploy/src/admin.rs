//! What operators do to a running service: rebuild, check, back up. For tokens with the scope `admin`.

use std::{path::PathBuf, sync::Arc};

use axum::{
    Router,
    extract::Request,
    http::{HeaderMap, StatusCode},
    response::Response,
    routing::post,
};
use command_service::{
    access::Act,
    http::{Administrator, App, Problem, object},
};
use events::{
    access::{BackupTaken, Outcome, Replayed},
    ids::LogId,
};
use events_log::{
    keys::Unsealer,
    store::audit::{Audit, HearAudit},
};
use projection_service::{read_side::ReadSide, replay::ReplayProgress};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    acts,
    backup::{Place, Sources, back_up},
    progress::stream_of,
    replay_report::{ReplayReport, phase},
    serve::problem,
    verify::{Verified, verify},
    verify_keys::verify_keys,
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
            let administrator = app.administrator(&headers, "Replay").await?;
            let Some(read_side) = active() else {
                let detail = "another projection service keeps the read models: ask that one";
                return Ok(problem(StatusCode::SERVICE_UNAVAILABLE, "replay.standby", detail));
            };
            Ok::<_, Problem>(replay(administrator, read_side))
        }
    };
    Router::new().route("/admin/replay", post(replay))
}

fn replay(administrator: Administrator, read_side: ReadSide) -> Response {
    let act = |seen: Option<&Value>, outcome| {
        let report = seen.and_then(|seen| ReplayReport::deserialize(seen).ok());
        let equal = report.map(|report| report.is_equal());
        Act::Replayed(Replayed { position: acts::position(seen), equal, outcome })
    };
    stream_of(move |progress, gone| {
        let work = async move {
            let hear = move |now: ReplayProgress| {
                progress.at(&phase(&now), now.position.0, now.head.0);
            };
            let report = read_side.replay(&hear, gone).await.map_err(|error| error.to_string())?;
            serde_json::to_value(ReplayReport::from(report)).map_err(|error| error.to_string())
        };
        acts::run(administrator, work, act)
    })
}

/// `POST /admin/verify`: checks the whole log. Reading is no act that is written down.
#[must_use = "routes do nothing until they are served"]
pub fn verify_route(app: App, store: Arc<dyn Audit>, log: LogId, keys: Unsealer) -> Router {
    let check = move |headers: HeaderMap| {
        let (app, store, keys) = (app.clone(), store.clone(), keys.clone());
        async move {
            app.administrator(&headers, "Verify").await?;
            Ok::<_, Problem>(stream_of(move |progress, _| async move {
                let told = progress.clone();
                let hear: HearAudit = Arc::new(move |what, done, total| told.at(what, done, total));
                let mut verified =
                    verify(&*store, log, hear).await.map_err(|error| error.to_string())?;
                if verified.findings.is_empty() {
                    let hear = |done, total| progress.at("keys of events", done, total);
                    let lost = verify_keys(&*store, &keys, hear).await;
                    verified.findings.extend(lost.map_err(|error| format!("{error:#}"))?);
                }
                serde_json::to_value(verified).map_err(|error| error.to_string())
            }))
        }
    };
    Router::new().route("/admin/verify", post(check))
}

/// The largest body of an operation, in bytes.
const MAX_BODY: usize = 16 * 1024;

/// What a backup is called.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupTo {
    /// The folder to make below the folder of backups: letters, digits, `.`, `_` and `-`.
    pub name: String,
}

/// `POST /admin/backup`: copies the data folder to a new folder below `backups`, which was named at
/// start. No caller says where on the machine anything is written.
#[must_use = "routes do nothing until they are served"]
pub fn backup_route(app: App, sources: Arc<Sources>, backups: Option<PathBuf>) -> Router {
    let backup = move |request: Request| {
        let (app, sources, backups) = (app.clone(), sources.clone(), backups.clone());
        async move {
            let (parts, body) = request.into_parts();
            let administrator = app.administrator(&parts.headers, "Backup").await?;
            let expected = "an object with `name`, what the backup is called";
            let BackupTo { name } = match object(&parts.headers, body, MAX_BODY, expected).await {
                Ok(body) => body,
                Err(problem) => return Err(administrator.refused(problem).await),
            };
            let place = match Place::new(backups.as_deref(), &name) {
                Ok(place) => place,
                Err(error) => {
                    return Err(administrator.refuse(error.code(), &error.to_string()).await);
                }
            };
            Ok(backup(administrator, sources, place))
        }
    };
    Router::new().route("/admin/backup", post(backup))
}

fn backup(administrator: Administrator, sources: Arc<Sources>, place: Place) -> Response {
    let name = place.name.clone();
    let act = move |seen: Option<&Value>, outcome| {
        // What is not complete was not done, though it is worth having.
        let outcome = match damage(seen) {
            Some(why) => Outcome::Failed { why: acts::one_line(&why) },
            None => outcome,
        };
        Act::BackupTaken(BackupTaken { name, position: acts::position(seen), outcome })
    };
    let work = async move {
        let (head, verified) =
            back_up(&sources, &place.folder).await.map_err(|error| format!("{error:#}"))?;
        let position = head.position.to_string();
        Ok(json!({ "position": position, "folder": place.folder, "verified": verified }))
    };
    stream_of(move |_, _| acts::run(administrator, work, act))
}

/// What is wrong with a copy that was made.
fn damage(seen: Option<&Value>) -> Option<String> {
    let verified = Verified::deserialize(seen?.get("verified")?).ok()?;
    let first = verified.first()?;
    let count = verified.count();
    Some(format!("the copy is damaged, {count} findings: {first}"))
}

/// `POST /admin/backup` where the data lie in databases: those have better means.
#[must_use = "routes do nothing until they are served"]
pub fn no_backup_route(app: App) -> Router {
    let backup = move |headers: HeaderMap| {
        let app = app.clone();
        async move {
            let administrator = app.administrator(&headers, "Backup").await?;
            let detail = "back up the database of the log and then that of the keys with \
                          pg_dump, each apart, and the folder of secrets apart from both. A base \
                          backup (pg_basebackup) or an archive of WAL carries all databases of its \
                          server: where the read models lie on it, every name and mail in clear, \
                          also of people who are erased later";
            Err::<Response, _>(administrator.refuse("backup.by_database", detail).await)
        }
    };
    Router::new().route("/admin/backup", post(backup))
}
