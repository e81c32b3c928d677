//! `annals verify`: check the whole log.

use serde_json::json;

use super::{print, watch_work};
use crate::{
    config::{Service, Verify},
    exit::{Code, Exit},
    service::{Connected, Missing},
    verify::{Finding, Verified},
};

/// Checks the whole log.
///
/// # Errors
/// When the service cannot be reached, or the past was changed.
pub async fn run(service: &Service, verify: Verify) -> Result<(), Exit> {
    let connected = Connected::to(service, &verify.target, Missing::Refuse).await?;
    let seen = watch_work(&connected.client, "/admin/verify", &json!({})).await;
    connected.close().await;
    let verified: Verified = serde_json::from_value(seen?).map_err(Exit::failed)?;
    let Verified { events, streams, head, finding } = verified;
    match finding {
        None => {
            print(&format!(
                "verified: {events} events in {streams} streams up to position {head}: every \
                 hash, position, version, time and schema is as it was recorded\n"
            ));
            Ok(())
        }
        Some(finding) => {
            let Finding { position, stream, version, what } = finding;
            // What is missing or cannot be read has no stream.
            let place = if stream.is_empty() {
                String::new()
            } else {
                format!(", stream {stream}, version {version}")
            };
            let line = format!("the log was changed at position {position}{place}: {what}");
            Err(Exit::new(Code::Tampered, line))
        }
    }
}
