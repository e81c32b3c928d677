//! Which servers, as whom, and how the way there is protected.

use std::{
    fmt, fs,
    net::IpAddr,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_nats::{ConnectOptions, ServerAddr};
use zeroize::Zeroizing;

use super::NatsError;

/// How long one attempt to connect may take.
const CONNECTING: Duration = Duration::from_millis(1_900);
/// How often the connection is tried out where nothing is said on it.
const PING: Duration = Duration::from_secs(5);

/// How NATS is reached, and what its stream is to be like.
#[derive(Clone, Debug)]
pub struct NatsOptions {
    /// The servers: `nats://host:4222`, several separated by commas. No login: that is in a file.
    pub servers: String,
    /// The name of the stream.
    pub stream: String,
    /// A file of NATS credentials (a JWT and its seed).
    pub credentials: Option<PathBuf>,
    /// A file that holds `user:password`.
    pub password: Option<PathBuf>,
    /// A file that holds a token.
    pub token: Option<PathBuf>,
    /// The authorities that sign the servers' certificates; without it the system's.
    pub ca: Option<PathBuf>,
    /// Our certificate and its key, for servers that ask who comes.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// The operator vouches for the network: TLS is not demanded of servers on other machines.
    pub trust_network: bool,
    /// On how many servers of a cluster the stream is kept.
    pub replicas: usize,
    /// How many bytes the stream may take; without it only its age is bounded.
    pub max_bytes: Option<u64>,
}

impl Default for NatsOptions {
    fn default() -> Self {
        Self {
            servers: "nats://127.0.0.1:4222".to_owned(),
            stream: "ANNALS".to_owned(),
            credentials: None,
            password: None,
            token: None,
            ca: None,
            certificate: None,
            trust_network: false,
            replicas: 1,
            max_bytes: None,
        }
    }
}

/// Servers whose addresses were read and may be shown.
#[derive(Clone)]
pub(super) struct Servers {
    pub(super) addresses: Vec<ServerAddr>,
    pub(super) shown: Arc<str>,
}

impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl Servers {
    pub(super) fn refused(&self, why: impl Into<Arc<str>>) -> NatsError {
        NatsError::Refused { server: Arc::clone(&self.shown), why: why.into() }
    }

    pub(super) fn unreachable(&self, why: impl Into<Arc<str>>) -> NatsError {
        NatsError::Unreachable { server: Arc::clone(&self.shown), why: why.into() }
    }

    fn are_local(&self) -> bool {
        self.addresses.iter().all(|address| {
            let host = address.host();
            host == "localhost"
                || host.trim_matches(['[', ']']).parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
        })
    }
}

impl NatsOptions {
    /// The servers that are named.
    pub(super) fn servers(&self) -> Result<Servers, NatsError> {
        // The text itself may hold a password, wherever it went wrong.
        let refused =
            |why: &str| NatsError::Refused { server: "that address".into(), why: why.into() };
        let mut addresses = Vec::new();
        for text in self.servers.split(',').map(str::trim).filter(|text| !text.is_empty()) {
            let address: ServerAddr =
                text.parse().map_err(|_| refused("it is not of the form nats://host:port"))?;
            if !matches!(address.scheme(), "nats" | "tls") {
                return Err(refused("it is not of the form nats://host:port or tls://host:port"));
            }
            if address.has_user_pass() || text.contains('@') {
                return Err(refused(
                    "a login does not belong into an address: it is kept in a file",
                ));
            }
            if address.host().is_empty() {
                return Err(refused("it names no server"));
            }
            addresses.push(address);
        }
        if addresses.is_empty() {
            return Err(refused("no server is named"));
        }
        let shown: Vec<_> =
            addresses.iter().map(|server| format!("{}:{}", server.host(), server.port())).collect();
        Ok(Servers { addresses, shown: shown.join(", ").into() })
    }

    /// How to connect. The files are read each time: what they hold may be renewed.
    pub(super) fn connect_options(&self, servers: &Servers) -> Result<ConnectOptions, NatsError> {
        let mut options = ConnectOptions::new()
            .name("annals")
            .connection_timeout(CONNECTING)
            .request_timeout(Some(CONNECTING))
            .ping_interval(PING)
            .require_tls(self.needs_tls(servers));
        if !self.needs_tls(servers) && !self.trust_network {
            // A server on this machine may name others that are not, and no TLS is demanded.
            options = options.ignore_discovered_servers();
        }
        if let Some(file) = &self.ca {
            readable(servers, file)?;
            options = options.add_root_certificates(file.clone());
        }
        if let Some((certificate, key)) = &self.certificate {
            readable(servers, certificate)?;
            secret(servers, key)?;
            options = options.add_client_certificate(certificate.clone(), key.clone());
        }
        self.login(servers, options)
    }

    fn needs_tls(&self, servers: &Servers) -> bool {
        self.ca.is_some()
            || self.certificate.is_some()
            || servers.addresses.iter().any(ServerAddr::tls_required)
            || !(self.trust_network || servers.are_local())
    }

    fn login(
        &self,
        servers: &Servers,
        options: ConnectOptions,
    ) -> Result<ConnectOptions, NatsError> {
        match (&self.credentials, &self.password, &self.token) {
            (None, None, None) => Ok(options),
            (Some(file), None, None) => {
                let text = secret(servers, file)?;
                let options = options.credentials(&text);
                options.map_err(|_| {
                    servers.refused(format!("{} holds no credentials", file.display()))
                })
            }
            (None, Some(file), None) => {
                let text = secret(servers, file)?;
                let (user, password) = text.split_once(':').ok_or_else(|| {
                    servers.refused(format!("{} does not hold `user:password`", file.display()))
                })?;
                Ok(options.user_and_password(user.to_owned(), password.to_owned()))
            }
            (None, None, Some(file)) => Ok(options.token(secret(servers, file)?.to_string())),
            _ => Err(servers.refused("credentials, a password and a token exclude each other")),
        }
    }
}

/// Reads a file that nobody else may read.
fn secret(servers: &Servers, file: &Path) -> Result<Zeroizing<String>, NatsError> {
    let refused = |why: &str| servers.refused(format!("{}: {why}", file.display()));
    let metadata = fs::metadata(file).map_err(|error| refused(&error.to_string()))?;
    if metadata.mode() & 0o077 != 0 {
        return Err(refused("others may read it: its mode must be 0600"));
    }
    let text =
        Zeroizing::new(fs::read_to_string(file).map_err(|error| refused(&error.to_string()))?);
    Ok(Zeroizing::new(text.trim_end().to_owned()))
}

fn readable(servers: &Servers, file: &Path) -> Result<(), NatsError> {
    let opened = fs::File::open(file).map(drop);
    opened.map_err(|error| servers.refused(format!("{}: {error}", file.display())))
}
