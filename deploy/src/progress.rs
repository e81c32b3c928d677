//! Long work over HTTP: lines of JSON, some about its progress, the last about its end.

use std::{future::Future, pin::pin, time::Duration};

use axum::{
    body::Body,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::{mpsc, watch};

/// One line.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// So much is done of so much.
    Progress {
        /// What is being done: `events`, `commands`.
        what: String,
        /// How many are done.
        done: u64,
        /// How many there are.
        total: u64,
    },
    /// It is done, and this is what it saw.
    Done(Value),
    /// It failed, and nothing was changed by it.
    Failed(String),
}

/// Hears of progress. Never waits: a line that finds no room is left out.
#[derive(Clone)]
pub struct Progress(mpsc::Sender<Line>);

impl Progress {
    /// So much is done of so much.
    pub fn at(&self, what: &str, done: u64, total: u64) {
        // A full channel has newer lines on the way; a closed one has nobody who listens.
        self.0.try_send(Line::Progress { what: what.to_owned(), done, total }).ok();
    }
}

/// How long work may take to end in order once nobody listens any more.
const GRACE: Duration = Duration::from_secs(10);

/// Answers with the lines of some long work. When the caller goes away the receiver that the work
/// was given turns true, so that it can stop where it can be taken up again.
pub fn stream_of<F>(work: impl FnOnce(Progress, watch::Receiver<bool>) -> F) -> Response
where
    F: Future<Output = Result<Value, String>> + Send + 'static,
{
    let (sender, receiver) = mpsc::channel(64);
    let (gone, is_gone) = watch::channel(false);
    let work = work(Progress(sender.clone()), is_gone);
    tokio::spawn(async move {
        let mut work = pin!(work);
        let end = tokio::select! {
            end = &mut work => end,
            () = sender.closed() => {
                gone.send_replace(true);
                tokio::time::timeout(GRACE, work).await.ok();
                return;
            }
        };
        // The caller may be gone by now.
        sender.send(end.map_or_else(Line::Failed, Line::Done)).await.ok();
    });
    let lines = stream::unfold(receiver, |mut receiver| async move {
        let line = receiver.recv().await?;
        let mut bytes = serde_json::to_vec(&line).unwrap_or_default();
        bytes.push(b'\n');
        Some((Ok::<_, std::convert::Infallible>(bytes), receiver))
    });
    let mut response = Body::from_stream(lines).into_response();
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    response
}
