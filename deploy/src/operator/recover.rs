//! `annals token recover`: a token for who owns the data and has none. The log says that it was made.

use std::{fs, path::Path, sync::Arc};

use aws_lc_rs::rand;
use command_service::{
    access::{RecoverToken, Sha256Hex},
    aggregate::Decide,
    clock::ClockGuard,
    handle::{Handler, Request},
};
use events::{
    access::{PresentedToken, Scope},
    ids::{CommandId, LogId, TokenId, UserId},
};
use events_log::{
    keys::{Keyring, PostgresKeys},
    store::{EventLog, StreamReader},
};
use uuid::Uuid;

use super::{
    print, tell,
    token::{fresh_id, parse_scopes},
};
use crate::{
    cluster::{Databases, Secrets, check_installation, exit_of_keys, look_at_log, open_log},
    config::{Recover, Service},
    draw::system_clocks,
    embedded::{self, Opened},
    exit::{Code, Exit},
    folder::{Folder, write_private},
    founding::first_user,
    guard,
};

/// Makes a token, past all others.
///
/// # Errors
/// When a service runs on the data folder, the data or the file cannot be used, or there is no such
/// user.
pub(crate) async fn run(service: &Service, recover: Recover) -> Result<(), Exit> {
    let wanted = Wanted { user: recover.user, scopes: parse_scopes(&recover.scopes)? };
    match &recover.postgres {
        None => in_folder(service, recover.out.as_deref(), wanted).await,
        Some(postgres) => in_cluster(postgres, &recover, wanted).await,
    }
}

/// What kind of token.
struct Wanted {
    user: Option<Uuid>,
    scopes: Vec<Scope>,
}

async fn in_folder(service: &Service, out: Option<&Path>, wanted: Wanted) -> Result<(), Exit> {
    if !service.data_folder.join("log.db").exists() {
        let line = format!("{} is no data folder of annals", service.data_folder.display());
        return Err(Exit::new(Code::Folder, line));
    }
    let folder =
        Folder::own(&service.data_folder).map_err(|error| Exit::new(Code::Folder, error))?;
    let out = out.map_or_else(|| folder.file("token"), Path::to_owned);
    is_free(&out)?;
    let looked = match guard::look(&folder, service.accept_older_log) {
        Ok(looked) => looked,
        Err(exit) => {
            folder.leave();
            return Err(exit);
        }
    };
    let clock = ClockGuard::new(system_clocks());
    let opened = embedded::open(&folder, looked.has_events, clock).await?;
    let Opened { handler, store, keeper, unsealer, .. } = &opened;
    hear_of_clock(handler).await?;
    guard::settle(looked, handler, &**store, keeper, unsealer).await?;
    let made = make(&opened.handler, opened.store.log_id(), wanted, &out).await;
    let marked = opened.keeper.write().await;
    opened.store.shutdown().await;
    made.and_then(|()| marked.map_err(Exit::from))
}

/// Other processes may run on the log meanwhile: what is appended is judged like everything else.
async fn in_cluster(postgres: &str, recover: &Recover, wanted: Wanted) -> Result<(), Exit> {
    let secrets = Secrets::at(&recover.beside.secrets);
    secrets.check()?;
    let out = recover.out.clone().unwrap_or_else(|| secrets.token());
    is_free(&out)?;
    let databases = Databases {
        postgres,
        keys: recover.beside.keys_postgres.as_deref(),
        read: None,
        password_file: recover.beside.postgres_password_file.as_deref(),
        trust_network: recover.beside.trust_network,
    };
    let (log_server, key_server, read_server) = databases.read()?;
    let guard = ClockGuard::new(system_clocks());
    let store = open_log(&log_server, guard.clock(), None).await?;
    let log = store.log_id();
    let keys = PostgresKeys::open(&key_server, &secrets.master_key(), log, false).await;
    let keys = Arc::new(keys.map_err(|error| exit_of_keys(&error))?);
    let secret = secrets.installation_key(None)?;
    check_installation(store.database(), &log_server, &secret).await?;
    look_at_log(&store, &keys, &read_server, &secret, None).await?;
    let port: Arc<dyn EventLog> = store.clone();
    let handler =
        Handler::new(port, Keyring::new(keys, log), guard.clock(), &secret).guarded(guard);
    hear_of_clock(&handler).await?;
    let made = make(&handler, log, wanted, &out).await;
    store.shutdown().await;
    made
}

/// Lets the guard of the clock begin, and says where it is doubted: what is written then is dated as the
/// clock should show.
async fn hear_of_clock(handler: &Handler) -> Result<(), Exit> {
    handler.hear_of_clock().await.map_err(|error| Exit::from(anyhow::Error::from(error)))?;
    if let Some(doubt) = handler.doubt() {
        tell(&format!(
            "the clock {}: it shows {}; the token is recorded as of {}\n",
            doubt.reason.name(),
            doubt.shown,
            doubt.expected
        ));
    }
    Ok(())
}

/// A file that is there may be somebody's only token: it stays.
fn is_free(out: &Path) -> Result<(), Exit> {
    if out.symlink_metadata().is_err() {
        return Ok(());
    }
    let line = format!("{} is there already: name another file with --out", out.display());
    Err(Exit::new(Code::Usage, line))
}

async fn make(handler: &Handler, log: LogId, wanted: Wanted, out: &Path) -> Result<(), Exit> {
    let user = wanted.user.map_or_else(|| first_user(log), UserId);
    let mut secret = [0; 32];
    rand::fill(&mut secret).map_err(|_| Exit::failed("the system has no randomness"))?;
    let token = TokenId(fresh_id());
    // The file first: a token that nobody can read would be of no use.
    write_private(out, PresentedToken::text(token, &secret).as_bytes())
        .map_err(|error| Exit::new(Code::Usage, format!("{}: {error}", out.display())))?;
    let command_id = CommandId(fresh_id());
    let recover = RecoverToken {
        token_id: token,
        user,
        scopes: wanted.scopes,
        secret_sha256: Sha256Hex::from_bytes(PresentedToken::digest(&secret)),
    };
    let request = Request::of_system(command_id, RecoverToken::NAME, Box::new(recover));
    if let Err(error) = handler.handle(request).await {
        // It opens nothing; leaving it would only puzzle.
        fs::remove_file(out).ok();
        return Err(Exit::failed(error));
    }
    print(&format!(
        "recovered: {token} of user {user}, its text is in {} (mode 0600); the log says so \
         (token.recovered).\nOthers may have the lost one: look with annals token list, and annals \
         token revoke <id>.\n",
        out.display()
    ));
    Ok(())
}
