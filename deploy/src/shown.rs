//! Waits until questions show what was written: figures that are asked for after an import are whole.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use hyper::StatusCode;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::client::{Client, Refused};

/// How long the read models may stand still before nobody waits for them any more.
const STILL: Duration = Duration::from_secs(60);
/// How often it is told how far they are.
const TELL: Duration = Duration::from_secs(5);
/// The pause before a service is asked again that has no place for a question now.
const PAUSE: Duration = Duration::from_millis(200);

/// Waits until every question shows what is in the log now, and says up to where that is. `tell`
/// hears every few seconds how far they are, and how far they have to come.
///
/// # Errors
/// When the service cannot be reached, the read models stand still for a minute, or Ctrl-C is
/// pressed. What was written is in the log all the same.
pub async fn all_shown(client: &Client, mut tell: impl FnMut(&str, &str)) -> Result<String> {
    let state = client.readiness().await?;
    let Some(head) = state["log"]["head"].as_str() else {
        bail!("what was written is in the log; the service does not say where that ends now");
    };
    let waiting = async {
        let mut wait = Wait::new();
        while !is_shown(client, head).await? {
            let state = client.readiness_of_queries().await?;
            let reached = state["read_side"]["position"].as_str().unwrap_or("0");
            let stopped = &state["read_side"]["status"]["stopped"];
            if !stopped.is_null() || wait.is_in_vain(reached) {
                bail!(
                    "what was written is in the log up to {head}; the read models stand still at \
                     {reached}{}",
                    because(stopped)
                );
            }
            if wait.is_time_to_tell() {
                tell(reached, head);
            }
        }
        Ok(head.to_owned())
    };
    tokio::select! {
        shown = waiting => shown,
        _ = tokio::signal::ctrl_c() => {
            bail!("what was written is in the log up to {head}; the read models are on their way")
        }
    }
}

/// Why they stand still, as far as they say.
fn because(stopped: &Value) -> String {
    match (stopped["code"].as_str(), stopped["detail"].as_str()) {
        (Some(code), Some(detail)) => format!(": {code}: {detail}"),
        _ => String::new(),
    }
}

/// Asks a question that waits for the position itself.
async fn is_shown(client: &Client, position: &str) -> Result<bool> {
    let path = format!("/organization?at_least={position}");
    let Err(error) = client.get_from_queries::<IgnoredAny>(&path).await else { return Ok(true) };
    let busy = [StatusCode::SERVICE_UNAVAILABLE, StatusCode::TOO_MANY_REQUESTS];
    let status = error.downcast_ref::<Refused>().map(|refused| refused.status);
    if !status.is_some_and(|status| busy.contains(&status)) {
        return Err(error);
    }
    wait_a_moment().await;
    Ok(false)
}

#[expect(clippy::disallowed_methods, reason = "a busy service says nothing when it is free again")]
async fn wait_a_moment() {
    tokio::time::sleep(PAUSE).await;
}

/// How long nothing has moved, and nothing was told.
struct Wait {
    reached: String,
    moved: Instant,
    told: Instant,
}

impl Wait {
    fn new() -> Self {
        Self { reached: String::new(), moved: Instant::now(), told: Instant::now() }
    }

    fn is_in_vain(&mut self, reached: &str) -> bool {
        if reached != self.reached {
            (self.reached, self.moved) = (reached.to_owned(), Instant::now());
        }
        self.moved.elapsed() > STILL
    }

    fn is_time_to_tell(&mut self) -> bool {
        let is_time = self.told.elapsed() > TELL;
        if is_time {
            self.told = Instant::now();
        }
        is_time
    }
}
