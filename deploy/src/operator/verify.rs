//! `annals verify`: check the whole log.

use serde_json::json;

use super::{print, watch_work};
use crate::{
    config::{Service, Verify},
    exit::{Code, Exit},
    service::{Connected, Missing},
    verify::Verified,
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
            let line = format!(
                "the log was changed at position {}, stream {}, version {}: {}",
                finding.position, finding.stream, finding.version, finding.what
            );
            Err(Exit::new(Code::Tampered, line))
        }
    }
}
