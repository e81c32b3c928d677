//! Flags and environment: the only reader of either.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use events::{
    money::Currency,
    values::{Line, Zone},
};

/// A CRM backend whose records are the sum of their history.
///
/// Without a command everything runs in one process, on SQLite files in a data folder, on loopback.
#[derive(Debug, Parser)]
#[command(name = "annals", version, max_term_width = 100)]
pub struct Cli {
    /// What to do; without it, serve.
    #[command(subcommand)]
    pub command: Option<Operation>,
    /// Where the data lives, and how it is served.
    #[command(flatten)]
    pub service: Service,
    /// What is written to standard error.
    #[command(flatten)]
    pub log: Log,
}

/// Where the data lives, and how it is served.
#[derive(Clone, Debug, Args)]
pub struct Service {
    /// The folder that holds the log, the keys and the read models. Made at first start.
    #[arg(long, global = true, env = "ANNALS_FOLDER", default_value = "annals-data")]
    pub data: PathBuf,
    /// The address to serve on; port 0 takes any free one.
    #[arg(long, global = true, env = "ANNALS_LISTEN", default_value = "127.0.0.1:7440")]
    pub listen: SocketAddr,
    /// Allows an address beyond loopback: something in front of it ends TLS.
    #[arg(long, global = true, env = "ANNALS_BEHIND_PROXY")]
    pub behind_proxy: bool,
    /// The name of the organisation. Only looked at on the first start.
    #[arg(long, env = "ANNALS_ORGANIZATION", default_value = "My organisation", value_parser = line)]
    pub organization: Line<160>,
    /// The zone in which its days begin and end (IANA). Only looked at on the first start.
    #[arg(long, env = "ANNALS_ZONE", default_value = "UTC", value_parser = zone)]
    pub zone: Zone,
    /// The currency it reports in (ISO 4217). Only looked at on the first start.
    #[arg(long, env = "ANNALS_CURRENCY", default_value = "USD")]
    pub currency: Currency,
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
    /// The file that holds the API token. Without it the first token of the data folder.
    #[arg(long, env = "ANNALS_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,
}

/// The operator's commands: clients of the running service.
#[derive(Debug, Subcommand)]
pub enum Operation {
    /// Runs everything in one process. The default.
    Serve,
    /// Imports lists by a mapping file. A second run changes only what is new.
    Import(Import),
    /// Rebuilds every read model from the events beside the live ones, compares, and switches.
    Replay(Replay),
    /// Issues, lists and revokes API tokens.
    Token(Token),
    /// Checks the whole log: hashes, positions, versions, times, schemas.
    Verify(Verify),
    /// Copies the log, the keys and the tokens to a new folder, while the service runs.
    Backup(Backup),
    /// Fills an installation with a company of its own: about 200 accounts and a year of history.
    Demo(Demo),
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

/// Copies the log, the keys and the tokens.
#[derive(Debug, Args)]
pub struct Backup {
    /// The folder to make.
    pub to: PathBuf,
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
    /// Revokes a token.
    Revoke {
        /// The token's id: the part between the underscores.
        id: uuid::Uuid,
        /// Which service.
        #[command(flatten)]
        target: Target,
    },
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
