//! `annals verify`: check the whole log.

use std::sync::Arc;

use events_log::store::{StreamReader as _, sqlite::SqliteStore};
use serde_json::json;

use super::{print, watch_work};
use crate::{
    config::{Service, Verify},
    draw::system_clock,
    exit::{Code, Exit},
    folder::Folder,
    service::{Connected, Missing},
    verify::{Verified, verify},
    verify_keys::{KIND, STORE},
};

/// Checks the whole log.
///
/// # Errors
/// When the service cannot be reached, or the past was changed.
pub async fn run(service: &Service, verify: Verify) -> Result<(), Exit> {
    let seen = ask(service, &verify).await;
    let verified = match seen {
        Ok(verified) => verified,
        // What is damaged may be what the product needs to start, or to know the caller.
        Err(exit) if verify.target.url.is_none() => match look(service).await {
            Some(verified) if verified.first().is_some() => verified,
            Some(_) | None => return Err(exit),
        },
        Err(exit) => return Err(exit),
    };
    tell(&verified)
}

async fn ask(service: &Service, verify: &Verify) -> Result<Verified, Exit> {
    let connected = Connected::to(service, &verify.target, Missing::Refuse).await?;
    let seen = watch_work(&connected.client, "/admin/verify", &json!({})).await;
    connected.close().await;
    serde_json::from_value(seen?).map_err(Exit::failed)
}

/// Checks the log of a folder that nobody uses, without starting anything; none where it cannot even
/// be opened.
async fn look(service: &Service) -> Option<Verified> {
    let path = service.data_folder.clone();
    if !path.join("log.db").is_file() {
        return None;
    }
    let folder = Folder::own(&path).ok()?;
    let file = folder.file("log.db");
    let opening =
        tokio::task::spawn_blocking(move || SqliteStore::open_existing(file, system_clock(), 1));
    let store = opening.await.ok()?.ok()?;
    let verified = verify(&store, store.log_id(), Arc::new(|_, _, _| {})).await;
    store.shutdown().await;
    verified.ok()
}

/// Prints what was found, and says it in one line; none when all is well.
pub(super) fn told(verified: &Verified) -> Option<String> {
    let first = verified.first()?;
    for findings in &verified.findings {
        print(&format!("{}: {} found\n", findings.kind, findings.count));
        for finding in &findings.first {
            print(&format!("  {finding}\n"));
        }
        let rest = findings.count.saturating_sub(findings.first.len() as u64);
        if rest > 0 {
            print(&format!("  and {rest} more\n"));
        }
    }
    let count = verified.count();
    let more = if count > 1 { format!(" ({count} findings in all)") } else { String::new() };
    let is_only = |kinds: &[&str]| verified.findings.iter().all(|of| kinds.contains(&&*of.kind));
    let what = if is_only(&[STORE]) {
        "the key store is damaged"
    } else if is_only(&[KIND, STORE]) {
        "a key cannot be had that is needed"
    } else {
        "the log was changed"
    };
    Some(format!("{what} at {first}{more}"))
}

fn tell(verified: &Verified) -> Result<(), Exit> {
    if let Some(line) = told(verified) {
        return Err(Exit::new(Code::Tampered, line));
    }
    let Verified { events, streams, commands, attempts, head, .. } = verified;
    print(&format!(
        "verified: {events} events in {streams} streams up to position {head}, {commands} commands, \
         {attempts} refusals: every hash, position, version, link, time and schema is as it was \
         recorded, and ledger and indexes agree with the log.\n\
         Whether the read models do, `annals replay` shows.\n"
    ));
    Ok(())
}
