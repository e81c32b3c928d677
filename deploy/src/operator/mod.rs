//! The operator's commands: each a client of the running service.

pub mod commands;
pub mod import;
pub mod replay;
pub mod token;
mod recover;
pub mod verify;
pub mod backup;
pub mod demo;
pub mod migrate;

use std::io::Write;

use deploy_console::telling::progress;
use hyper::StatusCode;
use indicatif::ProgressBar;
use serde_json::Value;

use crate::{
    client::{Client, Refused},
    exit::{Code, Exit},
    progress::Line,
    shown::all_shown,
};

/// Runs some long work of the service and shows its progress; answers with what it saw.
async fn watch_work(client: &Client, path: &str, body: &Value) -> Result<Value, Exit> {
    let bar = progress_bar();
    let mut outcome = None;
    let lines = client.post_lines(path, body, |line| match serde_json::from_slice::<Line>(line) {
        Ok(Line::Progress { what, done, total }) => {
            bar.set_length(total);
            bar.set_position(done);
            bar.set_message(what);
        }
        Ok(Line::Done(seen)) => outcome = Some(Ok(seen)),
        Ok(Line::Failed(why)) => outcome = Some(Err(Exit::failed(why))),
        Err(_) => outcome = Some(Err(Exit::failed("the service answered something else"))),
    });
    let answered = lines.await;
    bar.finish_and_clear();
    answered.map_err(|error| Exit::new(code_of(&error), format!("{error:#}")))?;
    outcome.unwrap_or_else(|| Err(Exit::failed("the service ended before the work did")))
}

/// How it ends when the service does not do it: a call that it refuses was wrong, and did nothing.
fn code_of(error: &anyhow::Error) -> Code {
    let Some(refused) = error.downcast_ref::<Refused>() else { return Code::Unreachable };
    let is_of_token = matches!(refused.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
    if refused.status.is_client_error() && !is_of_token { Code::Usage } else { Code::Unreachable }
}

/// A bar on standard error: events per second and the time that is left.
fn progress_bar() -> ProgressBar {
    progress("{bar:40} {pos}/{len} {msg}, {per_sec}, {eta} left")
}

/// Waits until questions show everything that was written, and says up to where.
async fn until_shown(client: &Client) -> Result<(), Exit> {
    let shown = all_shown(client, |reached, head| {
        tell(&format!("the read models are at {reached} of {head}\n"));
    });
    let position = shown.await.map_err(Exit::failed)?;
    print(&format!("every question shows it: position {position}\n"));
    Ok(())
}

/// Says on standard error how it goes. A closed one is no failure.
fn tell(text: &str) {
    std::io::stderr().write_all(text.as_bytes()).ok();
}

/// Writes a result to standard output. A closed one is no failure.
fn print(text: &str) {
    let mut out = std::io::stdout();
    out.write_all(text.as_bytes()).ok();
    out.flush().ok();
}
