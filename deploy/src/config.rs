//! Flags and environment: the only reader of either.

use std::{
    ffi::OsString,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use clap::{Args, Parser, Subcommand, ValueEnum};
use events::{
    money::Currency,
    values::{Line, Zone},
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
    pub planted: Option<events::planted::Mistake>,
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
    #[arg(
        long,
        alias = "data",
        global = true,
        env = "ANNALS_DATA_FOLDER",
        default_value = "annals-data"
    )]
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

/// The operator's commands: clients of the running service.
#[derive(Debug, Subcommand)]
pub enum Operation {
    /// Runs everything in one process. The default.
    Serve,
    /// Runs the write API, the relay and the process managers, on PostgreSQL and NATS.
    CommandService(Cluster),
    /// Keeps the read models in step with the log, on PostgreSQL and NATS. Of several, one works.
    ProjectionService(Cluster),
    /// Answers questions from the read models, on PostgreSQL.
    QueryApi(Cluster),
    /// Moves an installation of one process to a cluster: log, keys and ledger, unchanged.
    Migrate(Migrate),
    /// Imports lists by a mapping file. A second run changes only what is new.
    Import(Import),
    /// Rebuilds every read model from the events beside the live ones, compares, and switches.
    Replay(Replay),
    /// Issues, lists, accepts, revokes and recovers API tokens.
    Token(Token),
    /// Checks the whole log: hashes, positions, versions, times, schemas.
    Verify(Verify),
    /// Copies the log and the wrapped keys to a new folder below --backups, while the service runs.
    Backup(Backup),
    /// Fills an installation with a company of its own: about 200 accounts and a year of history.
    Demo(Demo),
    /// Lists the commands of the write API, a line for each.
    Commands,
}

/// Imports lists by a mapping file.
#[derive(Debug, Args)]
pub struct Import {
    /// The mapping (TOML): which column feeds which field of which command.
    pub mapping: PathBuf,
    /// The folder with the files that the mapping names; the mapping's own where it is left out.
    #[arg(long)]
    pub folder: Option<PathBuf>,
    /// A list that is somewhere else, by the name the mapping knows it by: `accounts.csv=/tmp/a.csv`.
    #[arg(long = "file", value_name = "NAME=PATH", value_parser = named_file)]
    pub files: Vec<(String, PathBuf)>,
    /// A folder for refused rows, with what was wrong, to be corrected and imported again.
    #[arg(long)]
    pub rejects: Option<PathBuf>,
    /// Which service.
    #[command(flatten)]
    pub target: Target,
}

/// Moves an installation of one process to a cluster.
#[derive(Debug, Args)]
pub struct Migrate {
    /// The data folder to move from. It is locked meanwhile; its log and its keys are left as they are.
    #[arg(long)]
    pub from: PathBuf,
    /// The database to move to: `postgres://user@host:port/database`, without a log.
    #[arg(long, env = "ANNALS_POSTGRES", hide_env_values = true)]
    pub postgres: String,
    /// The database of the keys, where it is another one.
    #[arg(long, env = "ANNALS_KEYS_POSTGRES", hide_env_values = true)]
    pub keys_postgres: Option<String>,
    /// The database of the read models, where it is another one.
    #[arg(long, env = "ANNALS_READ_POSTGRES", hide_env_values = true)]
    pub read_postgres: Option<String>,
    /// A file with the password of the databases.
    #[arg(long, env = "ANNALS_POSTGRES_PASSWORD_FILE")]
    pub postgres_password_file: Option<PathBuf>,
    /// The folder for `master.key`, `installation.key` and `token` of the cluster.
    #[arg(long, env = "ANNALS_SECRETS", default_value = "annals-secrets")]
    pub secrets: PathBuf,
    /// Allows plaintext to servers beyond loopback: the operator vouches for the network between.
    #[arg(long, env = "ANNALS_TRUST_NETWORK")]
    pub trust_network: bool,
    /// How many are copied in one transaction.
    #[arg(long, default_value_t = 1_000, hide = true)]
    pub batch: usize,
}

/// Rebuilds every read model.
#[derive(Debug, Args)]
pub struct Replay {
    /// Which service.
    #[command(flatten)]
    pub target: Target,
}

/// Checks the whole log.
#[derive(Debug, Args)]
pub struct Verify {
    /// Which service.
    #[command(flatten)]
    pub target: Target,
}

/// Copies the log and the wrapped keys.
#[derive(Debug, Args)]
pub struct Backup {
    /// The folder to make below the folder that the service was started with (`--backups`).
    pub name: String,
    /// Which service.
    #[command(flatten)]
    pub target: Target,
}

/// Fills an installation with a company of its own.
#[derive(Debug, Args)]
pub struct Demo {
    /// How many accounts it has.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub accounts: u32,
    /// What the sample is drawn from: the same seed makes the same company.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Which service.
    #[command(flatten)]
    pub target: Target,
}

/// API tokens.
#[derive(Debug, Args)]
pub struct Token {
    /// What to do with them.
    #[command(subcommand)]
    pub operation: TokenOperation,
}

/// Makes a token without having one.
#[derive(Debug, Args)]
pub struct Recover {
    /// The user who acts with it; the administrator of the first start where it is left out.
    #[arg(long)]
    pub user: Option<uuid::Uuid>,
    /// What it opens.
    #[arg(long, value_delimiter = ',', default_values = ["read", "write", "audit", "admin"])]
    pub scopes: Vec<String>,
    /// The file to make; the file `token` of the data folder or of the secrets where it is left out.
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// The database of a cluster's log; without it, it is the data folder.
    #[arg(long, env = "ANNALS_POSTGRES", hide_env_values = true)]
    pub postgres: Option<String>,
    /// The database of the keys, where it is another one.
    #[arg(long, env = "ANNALS_KEYS_POSTGRES", hide_env_values = true)]
    pub keys_postgres: Option<String>,
    /// A file with the password of the databases.
    #[arg(long, env = "ANNALS_POSTGRES_PASSWORD_FILE")]
    pub postgres_password_file: Option<PathBuf>,
    /// The folder of the cluster's secrets.
    #[arg(long, env = "ANNALS_SECRETS", default_value = "annals-secrets")]
    pub secrets: PathBuf,
    /// Allows plaintext to servers beyond loopback: the operator vouches for the network between.
    #[arg(long, env = "ANNALS_TRUST_NETWORK")]
    pub trust_network: bool,
}

/// What to do with API tokens.
#[derive(Debug, Subcommand)]
pub enum TokenOperation {
    /// Makes a token and writes it to a new file of mode 0600.
    Issue {
        /// The user who acts with it; the caller's own user where it is left out.
        #[arg(long)]
        user: Option<uuid::Uuid>,
        /// What it opens.
        #[arg(long, value_delimiter = ',', default_values = ["read", "write"])]
        scopes: Vec<String>,
        /// What it is for.
        #[arg(long)]
        label: Option<String>,
        /// The file to make.
        #[arg(long)]
        out: PathBuf,
        /// Which service.
        #[command(flatten)]
        target: Target,
    },
    /// Lists tokens: all for who may administer, else those of the caller.
    List {
        /// Which service.
        #[command(flatten)]
        target: Target,
    },
    /// Accepts a token that somebody else issued to the caller.
    Accept {
        /// The token's id: the part between the underscores.
        id: uuid::Uuid,
        /// Which service.
        #[command(flatten)]
        target: Target,
    },
    /// Makes a token without having one: for who owns the data folder, while nothing runs on it, or
    /// the secrets and the database of a cluster. The log says that it was done.
    Recover(Recover),
    /// Revokes a token.
    Revoke {
        /// The token's id: the part between the underscores.
        id: uuid::Uuid,
        /// Which service.
        #[command(flatten)]
        target: Target,
    },
}

#[cfg(feature = "planted")]
fn mistake(name: &str) -> Result<events::planted::Mistake, &'static str> {
    events::planted::Mistake::named(name).ok_or("is no mistake that could be made")
}

fn named_file(text: &str) -> Result<(String, PathBuf), &'static str> {
    let (name, path) = text.split_once('=').ok_or("is not of the form NAME=PATH")?;
    Ok((name.to_owned(), path.into()))
}

fn line(text: &str) -> Result<Line<160>, events::values::InvalidValue> {
    Line::new(text)
}

fn zone(text: &str) -> Result<Zone, events::values::InvalidValue> {
    Zone::new(text)
}
