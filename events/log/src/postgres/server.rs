//! Which server, as whom, and how the way there is protected.

use std::{fmt, str::FromStr, sync::Arc};

use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::PostgresError;

/// How the way to a server that is not on this machine is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// By TLS whose certificate is checked with the name (`sslmode=verify-full`). Anything less is
    /// refused.
    Tls,
    /// By the network: the operator vouches for it.
    Trusted,
}

/// A PostgreSQL server, the database there and the login. Shown without the password.
#[derive(Clone)]
pub struct Server {
    options: PgConnectOptions,
    shown: Arc<str>,
}

impl Server {
    /// Reads an address of the form `postgres://user@host:port/database?sslmode=..`.
    ///
    /// # Errors
    /// [`PostgresError::Refused`] when it is none, or leads elsewhere without TLS.
    pub fn parse(url: &str, wire: Wire) -> Result<Self, PostgresError> {
        let refused = |server: &str, why: &str| PostgresError::Refused {
            server: server.into(),
            why: why.into(),
        };
        let known = url.starts_with("postgres://") || url.starts_with("postgresql://");
        let options = PgConnectOptions::from_str(url).ok().filter(|_| known);
        // The text itself may hold a password, wherever it went wrong.
        let form = "its address is not of the form postgres://user@host:port/database";
        let options = options.ok_or_else(|| refused("that address", form))?;
        let shown = format!(
            "postgres://{}@{}:{}/{}",
            options.get_username(),
            options.get_host(),
            options.get_port(),
            options.get_database().unwrap_or_else(|| options.get_username()),
        );
        let is_checked = matches!(options.get_ssl_mode(), PgSslMode::VerifyFull);
        if wire == Wire::Tls && !is_local(&options) && !is_checked {
            let why = "it is on another machine: say sslmode=verify-full, or that the network \
                       between is trusted (--trust-network)";
            return Err(refused(&shown, why));
        }
        let options = options.application_name("annals");
        Ok(Self { options, shown: shown.into() })
    }

    /// The same with a password that was kept elsewhere.
    #[must_use]
    pub fn with_password(mut self, password: &str) -> Self {
        self.options = self.options.password(password);
        self
    }

    /// The same server, another database.
    #[must_use]
    pub fn with_database(mut self, database: &str) -> Self {
        self.options = self.options.database(database);
        let end = self.shown.rfind('/').unwrap_or(self.shown.len());
        self.shown = format!("{}/{database}", &self.shown[..end]).into();
        self
    }

    /// How to connect so that unqualified names are those of `schema`.
    #[must_use]
    pub fn options(&self, schema: &str) -> PgConnectOptions {
        // A session that is left in the middle of a transaction holds nobody up for long, whether its
        // client is asleep or cut off without a word.
        self.options.clone().options([
            ("search_path", schema),
            ("idle_in_transaction_session_timeout", "60s"),
            ("tcp_keepalives_idle", "5"),
            ("tcp_keepalives_interval", "2"),
            ("tcp_keepalives_count", "3"),
            ("tcp_user_timeout", "12s"),
            ("lock_timeout", "5s"),
            ("timezone", "UTC"),
        ])
    }

    /// Which it is, without the password.
    #[must_use]
    pub fn shown(&self) -> &Arc<str> {
        &self.shown
    }

    /// What an error at connecting means.
    #[must_use]
    pub fn cannot_connect(&self, error: &sqlx::Error) -> PostgresError {
        let (server, why) = (Arc::clone(&self.shown), Arc::from(error.to_string()));
        match error {
            // 28: who logs in; 3D: no such database; 42501: what that login may not do.
            sqlx::Error::Database(said)
                if said.code().is_some_and(|code| {
                    matches!(code.get(..2), Some("28" | "3D")) || code == "42501"
                }) =>
            {
                PostgresError::Refused { server, why: said.message().into() }
            }
            sqlx::Error::Configuration(_) => PostgresError::Refused { server, why },
            _ => PostgresError::Unreachable { server, why },
        }
    }

    /// What an error in the middle of some work means.
    #[must_use]
    pub fn failed(&self, error: &sqlx::Error) -> PostgresError {
        PostgresError::Failed { server: Arc::clone(&self.shown), why: error.to_string().into() }
    }

    /// It must not be used as it is.
    #[must_use]
    pub fn refused(&self, why: impl Into<Arc<str>>) -> PostgresError {
        PostgresError::Refused { server: Arc::clone(&self.shown), why: why.into() }
    }
}

fn is_local(options: &PgConnectOptions) -> bool {
    let host = options.get_host();
    options.get_socket().is_some()
        || host.starts_with('/')
        || host == "localhost"
        || host.trim_matches(['[', ']']).parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({})", self.shown)
    }
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
