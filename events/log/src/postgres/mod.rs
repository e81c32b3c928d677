//! PostgreSQL: how a server is reached, work that no caller can interrupt, and leases.
//!
//! What is kept there lies in schemas of its own: the log in [`LOG_SCHEMA`], the keys in
//! [`KEYS_SCHEMA`], the read models in schemas that begin with [`READ_SCHEMA`].

mod database;
mod kept;
mod lease;
pub(crate) mod owned;
mod server;
mod session;
mod settings;

pub use database::{Database, Work};
pub use lease::{LEASES, Lease, TERM, while_held};
pub use server::{Server, Wire};
pub use session::Session;
pub use settings::check_settings;
pub(crate) use settings::unsafe_settings;

use std::sync::Arc;

/// Where the event log is.
pub const LOG_SCHEMA: &str = "annals";
/// Where the keys are.
pub const KEYS_SCHEMA: &str = "annals_keys";
/// Where the register of the read models is; generation 3 lies in `annals_read_3`.
pub const READ_SCHEMA: &str = "annals_read";

/// Why a database cannot be used. No message holds a secret.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PostgresError {
    /// It does not answer.
    #[error("PostgreSQL at {server} cannot be reached: {why}")]
    Unreachable {
        /// Which, without the password.
        server: Arc<str>,
        /// What the system says.
        why: Arc<str>,
    },
    /// It must not be used as it is: a wrong password, an unsafe setting, another installation's or
    /// a newer build's data. Nothing was written.
    #[error("PostgreSQL at {server} is refused: {why}")]
    Refused {
        /// Which, without the password.
        server: Arc<str>,
        /// Why.
        why: Arc<str>,
    },
    /// It failed in the middle of some work.
    #[error("PostgreSQL at {server} failed: {why}")]
    Failed {
        /// Which, without the password.
        server: Arc<str>,
        /// What it says.
        why: Arc<str>,
    },
}

/// What an error at opening a schema means: what the login may not do there is a refusal.
pub(crate) fn cannot_open(server: &Server, error: &sqlx::Error) -> PostgresError {
    match error {
        sqlx::Error::Database(said) if said.code().is_some_and(|code| code.starts_with("42")) => {
            server.refused(said.message())
        }
        _ => server.failed(error),
    }
}

/// Whether an error says that the database is not to be had now, rather than that it said no.
#[must_use]
pub fn is_unavailable(error: &sqlx::Error) -> bool {
    match error {
        // 08: the connection; 53: no resources; 57: shutting down, starting up, terminated by an
        // operator; 40: rolled back to be tried again; 55: a lock that was not to be had in time;
        // 25006: a standby that only reads.
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            matches!(code.get(..2), Some("08" | "53" | "57" | "40" | "55")) || code == "25006"
        }),
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::Protocol(_) => true,
        _ => false,
    }
}

/// Whether the database has no room left.
#[must_use]
pub fn is_full(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(error) if error.code().as_deref() == Some("53100"))
}
