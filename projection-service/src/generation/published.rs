//! How the read side goes, as processes that only answer are told: a row that changes with the
//! status alone. Positions are read where they stand, beside the rows.

use crate::follow::{Progress, Status};

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
