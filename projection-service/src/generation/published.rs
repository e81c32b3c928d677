//! How the read side goes, as processes that only answer are told: a row that changes with the
//! status alone. Positions are read where they stand, beside the rows.

use events::Position;
use sqlx::{Row as _, postgres::PgRow};

use crate::{
    fold::Stop,
    follow::{CODES, Progress, Status},
};

/// What is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Published {
    pub(super) generation: u32,
    pub(super) caught_up: bool,
    pub(super) state: &'static str,
    pub(super) position: Option<i64>,
    pub(super) code: Option<&'static str>,
    pub(super) detail: Option<String>,
}

const STARTING: &str = "starting";
const RUNNING: &str = "running";
const WAITING: &str = "waiting";
const STOPPED: &str = "stopped";
const ENDED: &str = "ended";

impl Published {
    /// Whether rows are behind the log for a moment changes with every batch, and is not told.
    pub(crate) fn of(progress: &Progress) -> Self {
        let Progress { generation, caught_up, .. } = *progress;
        let told =
            |state| Self { generation, caught_up, state, position: None, code: None, detail: None };
        match &progress.status {
            Status::Starting => told(STARTING),
            Status::CatchingUp | Status::Following | Status::Holding => told(RUNNING),
            Status::Waiting { detail } => {
                Self { detail: Some(detail.to_string()), ..told(WAITING) }
            }
            Status::Stopped(stop) => Self {
                position: Some(stop.position.sql()),
                code: Some(stop.code),
                detail: Some(stop.detail.clone()),
                ..told(STOPPED)
            },
            Status::Ended => told(ENDED),
        }
    }
}

/// The status that a row tells of, and whether the rows were in step with the log before. `behind`
/// says whether they are now.
pub(crate) fn seen(row: &PgRow, is_behind: bool) -> Result<(Status, bool), sqlx::Error> {
    let detail: Option<String> = row.try_get("detail")?;
    let detail = detail.unwrap_or_default();
    let status = match row.try_get("state")? {
        RUNNING if is_behind => Status::CatchingUp,
        RUNNING => Status::Following,
        WAITING => Status::Waiting { detail: detail.into() },
        STOPPED => {
            let code: Option<&str> = row.try_get("code")?;
            let known = CODES.into_iter().find(|known| Some(*known) == code);
            let position: Option<i64> = row.try_get("status_position")?;
            Status::Stopped(Stop {
                position: Position::from_sql(position.unwrap_or(0)),
                code: known.unwrap_or("read_side.stopped"),
                detail,
            })
        }
        ENDED => Status::Waiting { detail: "the process that makes them has ended".into() },
        _ => Status::Starting,
    };
    Ok((status, row.try_get("caught_up")?))
}
