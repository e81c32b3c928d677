//! What the program can be told to do, and what each of it takes.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Cluster, Target};

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
    /// The database of the read models, where it is another one.
    #[arg(long, env = "ANNALS_READ_POSTGRES", hide_env_values = true)]
    pub read_postgres: Option<String>,
    /// What is beside it.
    #[command(flatten)]
    pub beside: Beside,
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
    #[arg(long, value_parser = id)]
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
    /// What is beside it.
    #[command(flatten)]
    pub beside: Beside,
}

/// What a cluster has beside the database of its log.
#[derive(Debug, Args)]
pub struct Beside {
    /// The database of the keys, where it is another one.
    #[arg(long, env = "ANNALS_KEYS_POSTGRES", hide_env_values = true)]
    pub keys_postgres: Option<String>,
    /// A file with the password of the databases.
    #[arg(long, env = "ANNALS_POSTGRES_PASSWORD_FILE")]
    pub postgres_password_file: Option<PathBuf>,
    /// The folder of `master.key`, `installation.key` and `token` of the cluster.
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
        #[arg(long, value_parser = id)]
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
        #[arg(value_parser = id)]
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
        #[arg(value_parser = id)]
        id: uuid::Uuid,
        /// Which service.
        #[command(flatten)]
        target: Target,
    },
}

fn id(text: &str) -> Result<uuid::Uuid, &'static str> {
    uuid::Uuid::try_parse(text).map_err(|_| "is no id")
}

fn named_file(text: &str) -> Result<(String, PathBuf), &'static str> {
    let (name, path) = text.split_once('=').ok_or("is not of the form NAME=PATH")?;
    Ok((name.to_owned(), path.into()))
}
