//! Which servers a cluster stands on, and how they are opened.

use std::{path::Path, sync::Arc};

use events::ids::LogId;
use events_log::{
    bus::nats::{NatsBus, NatsError, NatsOptions},
    keys::KeyError,
    postgres::{PostgresError, Server, Wire},
    store::{
        Clock,
        postgres::{PostgresOptions, PostgresStore},
    },
};

use super::LOG_CONNECTIONS;
use crate::{
    carried::carried,
    config::Cluster,
    config_file::password,
    exit::{Code, Exit},
};

/// The servers, as they were named.
#[derive(Clone, Debug)]
pub struct Servers {
    /// Of the log.
    pub log: Server,
    /// Of the keys.
    pub keys: Server,
    /// Of the read models.
    pub read: Server,
    /// Of the bus.
    pub nats: Option<NatsOptions>,
}

impl Servers {
    /// Reads what was said about them. Nothing is connected yet.
    ///
    /// # Errors
    /// When an address makes no sense, leads elsewhere without TLS, or a file cannot be read.
    pub fn of(cluster: &Cluster) -> Result<Self, Exit> {
        let databases = Databases {
            postgres: &cluster.postgres,
            keys: cluster.keys_postgres.as_deref(),
            read: cluster.read_postgres.as_deref(),
            password_file: cluster.postgres_password_file.as_deref(),
            trust_network: cluster.trust_network,
        };
        let (log, keys, read) = databases.read()?;
        Ok(Self { log, keys, read, nats: nats(cluster) })
    }

    /// Opens the log; makes it as `new` where it is not there and that is allowed.
    ///
    /// # Errors
    /// When the database cannot be reached, or must not be used as it is.
    pub async fn open_log(
        &self,
        clock: Clock,
        new: Option<LogId>,
    ) -> Result<Arc<PostgresStore>, Exit> {
        open_log(&self.log, clock, new).await
    }

    /// Opens the bus, if there is one. A bus that does not answer is tried again for ever.
    ///
    /// # Errors
    /// When it must not be used as it is.
    pub async fn open_bus(&self, log: LogId) -> Result<Option<Arc<NatsBus>>, Exit> {
        let Some(options) = &self.nats else { return Ok(None) };
        let bus = NatsBus::open(options.clone(), log).await.map_err(|error| match error {
            NatsError::Unreachable { .. } => Exit::new(Code::Unreachable, error),
            NatsError::Refused { .. } => Exit::new(Code::Folder, error),
        })?;
        Ok(Some(Arc::new(bus)))
    }
}

/// Opens the log on a server; makes it as `new` where it is not there and that is allowed.
pub(crate) async fn open_log(
    server: &Server,
    clock: Clock,
    new: Option<LogId>,
) -> Result<Arc<PostgresStore>, Exit> {
    let options = PostgresOptions {
        log_id: new.unwrap_or(LogId(uuid::Uuid::nil())),
        clock,
        connections: LOG_CONNECTIONS,
        may_create: new.is_some(),
        hear: carried(),
    };
    let store = PostgresStore::open(server, options).await.map_err(|error| exit_of(&error))?;
    for warning in store.warnings() {
        tracing::warn!(%server, "{warning}");
    }
    Ok(Arc::new(store))
}

/// The addresses of databases, as they were given.
pub(crate) struct Databases<'a> {
    pub(crate) postgres: &'a str,
    pub(crate) keys: Option<&'a str>,
    pub(crate) read: Option<&'a str>,
    pub(crate) password_file: Option<&'a Path>,
    pub(crate) trust_network: bool,
}

impl Databases<'_> {
    /// The database of the log, of the keys, of the read models.
    pub(crate) fn read(&self) -> Result<(Server, Server, Server), Exit> {
        let wire = if self.trust_network { Wire::Trusted } else { Wire::Tls };
        let secret = self.password_file.map(password).transpose()?;
        let server = |address: &str| {
            let server = Server::parse(address, wire);
            let server = server.map_err(|error| Exit::new(Code::Usage, error))?;
            Ok::<_, Exit>(match &secret {
                Some(secret) => server.with_password(secret),
                None => server,
            })
        };
        let log = server(self.postgres)?;
        let other = |address: Option<&str>| address.map_or_else(|| Ok(log.clone()), server);
        Ok((log.clone(), other(self.keys)?, other(self.read)?))
    }
}

fn nats(cluster: &Cluster) -> Option<NatsOptions> {
    Some(NatsOptions {
        servers: cluster.nats.clone()?,
        stream: cluster.nats_stream.clone(),
        credentials: cluster.nats_credentials.clone(),
        password: cluster.nats_password_file.clone(),
        token: cluster.nats_token_file.clone(),
        ca: cluster.nats_ca.clone(),
        certificate: cluster.nats_certificate.clone().zip(cluster.nats_key.clone()),
        trust_network: cluster.trust_network,
        replicas: cluster.nats_replicas,
        max_bytes: cluster.nats_max_bytes,
    })
}

/// How a service ends when a database cannot be used.
#[must_use]
pub fn exit_of(error: &PostgresError) -> Exit {
    match error {
        PostgresError::Unreachable { .. } | PostgresError::Failed { .. } => {
            Exit::new(Code::Unreachable, error)
        }
        PostgresError::Refused { .. } => Exit::new(Code::Folder, error),
    }
}

/// How a service ends when the keys cannot be used.
pub(crate) fn exit_of_keys(error: &KeyError) -> Exit {
    match error {
        KeyError::Unavailable(_) | KeyError::Full => Exit::new(Code::Unreachable, error),
        _ => Exit::new(Code::Folder, error),
    }
}
