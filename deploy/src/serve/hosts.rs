//! Which hosts are served: a page on another host that made its name point here is told nothing.

use std::{
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

use axum::{
    extract::Request,
    http::{StatusCode, header, uri::Authority},
};

use super::head::Refusal;

/// A request for somebody else.
const FOREIGN: Refusal = Refusal {
    status: StatusCode::MISDIRECTED_REQUEST,
    code: "host.unknown",
    detail: "this host is not served here; --allowed-host names further ones",
};

/// The address that a request came in on.
#[derive(Clone, Copy, Debug)]
pub(super) struct ServedOn(pub(super) SocketAddr);

/// A host that is served besides the address listened on: `crm.example.com`, on any port, or
/// `crm.example.com:8443`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedHost {
    host: String,
    port: Option<u16>,
}

impl FromStr for AllowedHost {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "is no host, with or without a port (crm.example.com:8443)";
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
        if !text.bytes().all(is_plain) {
            return Err(WRONG);
        }
        let authority: Authority = text.parse().map_err(|_| WRONG)?;
        let (host, port) = parts(&authority).ok_or(WRONG)?;
        Ok(Self { host, port })
    }
}

/// Every host that is served.
#[derive(Clone, Debug, Default)]
pub struct Hosts(Vec<AllowedHost>);

impl Hosts {
    /// These, and the address that a connection was made to.
    #[must_use]
    pub const fn new(hosts: Vec<AllowedHost>) -> Self {
        Self(hosts)
    }

    /// Why a request is not answered here, if it is not.
    ///
    /// The host of an absolute target counts, and not the header beside it (RFC 9112, 3.2.2). HTTP/1.0
    /// without a host cannot come from a browser: it is for whoever was connected to.
    pub(super) fn refuse(&self, request: &Request) -> Option<Refusal> {
        let ServedOn(local) = request.extensions().get().copied()?;
        let header = || {
            let value = request.headers().get(header::HOST)?;
            Some(value.to_str().ok().and_then(|text| text.parse::<Authority>().ok()))
        };
        let named = match request.uri().authority() {
            Some(authority) => Some(Some(authority.clone())),
            None => header(),
        };
        let is_served = match named {
            None => true,
            Some(authority) => authority
                .as_ref()
                .and_then(parts)
                .is_some_and(|(host, port)| self.serve(&host, port, local)),
        };
        (!is_served).then_some(FOREIGN)
    }

    /// The address itself is always served, and every name and address of loopback: whoever names those
    /// has made no name of their own point here. Another port is another service; a script may leave it
    /// out, a browser does not.
    fn serve(&self, host: &str, port: Option<u16>, local: SocketAddr) -> bool {
        let is_allowed = |allowed: &AllowedHost| {
            let is_port = match (allowed.port, port) {
                (None, _) => true,
                (Some(wanted), Some(port)) => wanted == port,
                (Some(wanted), None) => matches!(wanted, 80 | 443),
            };
            allowed.host == host && is_port
        };
        if self.0.iter().any(is_allowed) {
            return true;
        }
        let address = host.trim_matches(['[', ']']).parse::<IpAddr>().ok();
        let is_here = match address.map(|address| address.to_canonical()) {
            Some(address) => address == local.ip().to_canonical() || address.is_loopback(),
            None => host == "localhost",
        };
        is_here && port.is_none_or(|port| port == local.port())
    }
}

/// The host in small letters and without the dot of the root, and the port.
fn parts(authority: &Authority) -> Option<(String, Option<u16>)> {
    let host = authority.host().to_ascii_lowercase();
    let host = host.strip_suffix('.').unwrap_or(&host).to_owned();
    let has_port = authority.as_str().len() > authority.host().len();
    let port = authority.port_u16();
    (!host.is_empty() && has_port == port.is_some()).then_some((host, port))
}

#[cfg(test)]
#[path = "hosts_tests.rs"]
mod tests;
