//! Flags and environment: the only reader of either.

use std::{
    ffi::OsString,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use clap::{Args, Parser, ValueEnum};
use events::{
    money::Currency,
    values::{Line, Zone},
};

mod operation;

pub use self::operation::{
    Backup, Demo, Import, Migrate, Operation, Recover, Replay, Token, TokenOperation, Verify,
};
use crate::serve::{AllowedHost, Proxy};

/// A CRM backend whose records are the sum of their history.
///
/// Without a command everything runs in one process, on SQLite files in a data folder, on loopback.
/// The three services run one role each, on PostgreSQL and NATS.
#[derive(Debug, Parser)]
#[command(name = "annals", version, max_term_width = 100)]
pub struct Cli {
    /// A file of settings (TOML): each is the flag of the same name. Flags and environment come first.
    #[arg(long, global = true, env = "ANNALS_CONFIG")]
    pub config: Option<PathBuf>,
    /// What to do; without it, serve.
    #[command(subcommand)]
    pub command: Option<Operation>,
    /// Where the data lives, and how it is served.
    #[command(flatten)]
    pub service: Service,
    /// What is written to standard error.
    #[command(flatten)]
    pub log: Log,
    /// The mistake that this build, which is of no other use, makes.
    #[cfg(feature = "planted")]
    #[arg(long, global = true, value_parser = mistake)]
    pub planted: Option<events_log::planted::Mistake>,
}

/// The names of all variables of the environment.
pub fn variables() -> impl Iterator<Item = OsString> {
    std::env::vars_os().map(|(name, _)| name)
}

/// Whether somebody asked all programs for no colours (`NO_COLOR`).
#[must_use]
pub fn wants_no_colour() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// Where the data lives, and how it is served.
#[derive(Clone, Debug, Args)]
pub struct Service {
    /// The folder that holds the log, the keys and the read models. Made at first start.
    #[arg(long, global = true, env = "ANNALS_DATA_FOLDER", default_value = "annals-data")]
    pub data_folder: PathBuf,
    /// The address to serve on; port 0 takes any free one. Without it a port of loopback: 7440, for
    /// `query-api` 7441, for `projection-service` 7442.
    #[arg(long, global = true, env = "ANNALS_LISTEN")]
    pub listen: Option<SocketAddr>,
    /// The folder below which backups may be taken over HTTP and by `annals backup`; without it none is.
    #[arg(long, global = true, env = "ANNALS_BACKUPS")]
    pub backups: Option<PathBuf>,
    /// Allows an address beyond loopback: something in front of it ends TLS.
    #[arg(long, global = true, env = "ANNALS_BEHIND_PROXY")]
    pub behind_proxy: bool,
    /// Accepts a log that is older than is known of it: with the position that the refused start named,
    /// for the one start that is to accept it.
    #[arg(long, global = true, value_name = "POSITION")]
    pub accept_older_log: Option<u64>,
    /// Whose requests are let in, and whose word is taken about them.
    #[command(flatten)]
    pub front: Front,
    /// The name of the organisation. Only looked at on the first start.
    #[arg(long, global = true, env = "ANNALS_ORGANIZATION", default_value = "My organisation", value_parser = line)]
    pub organization: Line<160>,
    /// The zone in which its days begin and end (IANA). Only looked at on the first start.
    #[arg(long, global = true, env = "ANNALS_ZONE", default_value = "UTC", value_parser = zone)]
    pub zone: Zone,
    /// The currency it reports in (ISO 4217). Only looked at on the first start.
    #[arg(long, global = true, env = "ANNALS_CURRENCY", default_value = "USD")]
    pub currency: Currency,
}

impl Service {
    /// The address to serve on, with the port of a role where none was named.
    #[must_use]
    pub fn address(&self, port: u16) -> SocketAddr {
        self.listen.unwrap_or_else(|| (Ipv4Addr::LOCALHOST, port).into())
    }
}

/// Whose requests are let in, and whose word is taken about them.
#[derive(Clone, Debug, Default, Args)]
pub struct Front {
    /// A host that requests may name besides the address served on and loopback: a name, with a port
    /// where it matters (crm.example.com). May be given several times. Others are answered 421.
    #[arg(
        long,
        global = true,
        env = "ANNALS_ALLOWED_HOST",
        value_name = "HOST",
        value_delimiter = ','
    )]
    pub allowed_host: Vec<AllowedHost>,
    /// A proxy in front, or a network of them (10.0.0.0/8), that tells where requests come from by
    /// `X-Forwarded-For` or `Forwarded`. May be given several times. Without it the peer is the source.
    #[arg(
        long,
        global = true,
        env = "ANNALS_TRUSTED_PROXY",
        value_name = "ADDRESS",
        value_delimiter = ','
    )]
    pub trusted_proxy: Vec<Proxy>,
}

/// The servers that a cluster stands on.
#[derive(Clone, Debug, Args)]
pub struct Cluster {
    /// The database of the log: `postgres://user@host:port/database`. On the command line without a
    /// password: everybody sees it there.
    #[arg(long, env = "ANNALS_POSTGRES", hide_env_values = true)]
    pub postgres: String,
    /// The database of the keys, where it is another one: a copy of one is of no use without the other.
    #[arg(long, env = "ANNALS_KEYS_POSTGRES", hide_env_values = true)]
    pub keys_postgres: Option<String>,
    /// The database of the read models, where it is another one. They can be made again at any time.
    #[arg(long, env = "ANNALS_READ_POSTGRES", hide_env_values = true)]
    pub read_postgres: Option<String>,
    /// A file with the password of the databases.
    #[arg(long, env = "ANNALS_POSTGRES_PASSWORD_FILE")]
    pub postgres_password_file: Option<PathBuf>,
    /// The NATS servers, `nats://host:port[,..]`, without a login. Without them the read models follow the database.
    #[arg(long, env = "ANNALS_NATS")]
    pub nats: Option<String>,
    /// The JetStream stream that carries the log.
    #[arg(long, env = "ANNALS_NATS_STREAM", default_value = "ANNALS")]
    pub nats_stream: String,
    /// How many NATS servers keep a copy of the stream.
    #[arg(long, env = "ANNALS_NATS_REPLICAS", default_value_t = 1)]
    pub nats_replicas: usize,
    /// How many bytes the stream may take; without it only its age is bounded, by a week.
    #[arg(long, env = "ANNALS_NATS_MAX_BYTES")]
    pub nats_max_bytes: Option<u64>,
    /// A file with `user:password` for NATS.
    #[arg(long, env = "ANNALS_NATS_PASSWORD_FILE")]
    pub nats_password_file: Option<PathBuf>,
    /// A file with a token for NATS.
    #[arg(long, env = "ANNALS_NATS_TOKEN_FILE")]
    pub nats_token_file: Option<PathBuf>,
    /// A file of NATS credentials.
    #[arg(long, env = "ANNALS_NATS_CREDENTIALS")]
    pub nats_credentials: Option<PathBuf>,
    /// The certificates (PEM) that a NATS server's is checked against, beside the system's.
    #[arg(long, env = "ANNALS_NATS_CA")]
    pub nats_ca: Option<PathBuf>,
    /// A certificate (PEM) to show to NATS.
    #[arg(long, env = "ANNALS_NATS_CERTIFICATE", requires = "nats_key")]
    pub nats_certificate: Option<PathBuf>,
    /// The key of that certificate (PEM).
    #[arg(long, env = "ANNALS_NATS_KEY", requires = "nats_certificate")]
    pub nats_key: Option<PathBuf>,
    /// The folder with `master.key` and `installation.key`, the same for every process. The first
    /// command service makes them, and the first `token`.
    #[arg(long, env = "ANNALS_SECRETS", default_value = "annals-secrets")]
    pub secrets: PathBuf,
    /// Allows plaintext to servers beyond loopback: the operator vouches for the network between.
    #[arg(long, env = "ANNALS_TRUST_NETWORK")]
    pub trust_network: bool,
}

/// What is written to standard error.
#[derive(Clone, Debug, Args)]
pub struct Log {
    /// The form of log lines.
    #[arg(long, global = true, env = "ANNALS_LOG_FORMAT", default_value = "text")]
    pub log_format: LogFormat,
    /// The least level that is written: error, warn, info, debug.
    #[arg(long, global = true, env = "ANNALS_LOG_LEVEL", default_value = "warn")]
    pub log_level: LogLevel,
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: one object a line.
    Json,
}

/// The least level that is written. There is no `trace`: libraries write bodies there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "the names say it")]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
}

/// Which running service an operator's command talks to.
#[derive(Clone, Debug, Args)]
pub struct Target {
    /// The address of a running service. Without it the one that owns the data folder, or, where
    /// none runs, one that is started for the time of the command.
    #[arg(long, env = "ANNALS_URL")]
    pub url: Option<String>,
    /// Where that service's questions are asked, if another one answers them (a cluster's query API).
    #[arg(long, env = "ANNALS_QUERIES_URL")]
    pub queries_url: Option<String>,
    /// The file that holds the API token. Without it the first token of the data folder.
    #[arg(long, env = "ANNALS_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,
}

#[cfg(feature = "planted")]
fn mistake(name: &str) -> Result<events_log::planted::Mistake, &'static str> {
    events_log::planted::Mistake::named(name).ok_or("is no mistake that could be made")
}

fn line(text: &str) -> Result<Line<160>, events::values::InvalidValue> {
    Line::new(text)
}

fn zone(text: &str) -> Result<Zone, events::values::InvalidValue> {
    Zone::new(text)
}
