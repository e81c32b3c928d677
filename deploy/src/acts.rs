//! Acts of administration at work: each is run to its end, and written down with its outcome.

use std::future::Future;

use command_service::{access::Act, http::Administrator};
use events::{access::Outcome, values::Line};
use serde_json::Value;

/// The longest reason that is kept.
const MAX_WHY: usize = 300;

/// Runs an act to its end, also when its caller goes away, and writes down what became of it.
///
/// # Errors
/// When the act failed, or could not be written down.
pub(crate) async fn run(
    administrator: Administrator,
    work: impl Future<Output = Result<Value, String>> + Send + 'static,
    act: impl FnOnce(Option<&Value>, Outcome) -> Act + Send + 'static,
) -> Result<Value, String> {
    let whole = async move {
        let ended = work.await;
        let recorded = administrator.record(act(ended.as_ref().ok(), outcome(&ended))).await;
        match (ended, recorded) {
            (ended, Ok(_)) => ended,
            (Err(why), Err(_)) => Err(why),
            (Ok(_), Err(error)) => {
                Err(format!("it was done, but that could not be written down: {error}"))
            }
        }
    };
    // A task of its own: whoever only stops listening stops no act.
    tokio::spawn(whole).await.unwrap_or_else(|error| Err(error.to_string()))
}

fn outcome(ended: &Result<Value, String>) -> Outcome {
    match ended {
        Ok(_) => Outcome::Done,
        Err(why) => Outcome::Failed { why: one_line(why) },
    }
}

/// A reason as it is kept: one line, not too long.
pub(crate) fn one_line(why: &str) -> Line<MAX_WHY> {
    let shown = |c: char| if c.is_control() { ' ' } else { c };
    let text: String = why.chars().map(shown).take(MAX_WHY).collect();
    Line::new(text.trim())
        .or_else(|_| Line::new("it failed"))
        .unwrap_or_else(|_| unreachable!("plain words are a line"))
}

/// A position as an answer tells it.
pub(crate) fn position(seen: Option<&Value>) -> Option<u64> {
    seen?.get("position")?.as_str()?.parse().ok()
}

#[cfg(test)]
#[path = "acts_tests.rs"]
mod tests;
