//! Where a request comes from: the peer, or what a proxy says that the operator named.

use std::{net::IpAddr, str::FromStr};

use axum::http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Where a request comes from. The accept loop puts it into the extensions of every request; an IPv4
/// address is never written as an IPv6 one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Source(pub IpAddr);

/// A proxy, or a network of them, whose word is taken: `10.0.0.7` or `10.0.0.0/8`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy(IpNet);

impl FromStr for Proxy {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let address = || text.parse::<IpAddr>().map(IpNet::from);
        let network = text.parse().or_else(|_| address());
        network.map(Self).map_err(|_| "is no IP address and no network (10.0.0.0/8)")
    }
}

/// Every proxy whose word is taken.
#[derive(Clone, Debug, Default)]
pub struct Proxies(Vec<Proxy>);

impl Proxies {
    /// These and no others.
    #[must_use]
    pub const fn new(proxies: Vec<Proxy>) -> Self {
        Self(proxies)
    }

    fn trust(&self, address: IpAddr) -> bool {
        self.0.iter().any(|proxy| proxy.0.contains(&address))
    }

    /// Where a request comes from that `peer` sent.
    ///
    /// Each proxy adds at the right whom it took the request from, so what it says is read from the
    /// right, up to the first address that is not a trusted proxy's: whatever stands left of that one
    /// may be invented. A client may also bring the header that its proxy does not write; where both
    /// are there and do not agree, the peer is the source.
    #[must_use]
    pub fn source(&self, peer: IpAddr, headers: &HeaderMap) -> Source {
        let peer = peer.to_canonical();
        if !self.trust(peer) {
            return Source(peer);
        }
        let by_x = self.rightmost(peer, &values(headers, &X_FORWARDED_FOR), |text| text);
        let by_standard = self.rightmost(peer, &values(headers, &header::FORWARDED), for_of);
        match (by_x, by_standard) {
            (Some(by_x), Some(by_standard)) if by_x != by_standard => Source(peer),
            (Some(source), _) | (None, Some(source)) => Source(source),
            (None, None) => Source(peer),
        }
    }

    /// The rightmost address that is not a trusted proxy's; none where the header is not there.
    fn rightmost(
        &self,
        peer: IpAddr,
        elements: &[&str],
        address_of: impl Fn(&str) -> &str,
    ) -> Option<IpAddr> {
        if elements.is_empty() {
            return None;
        }
        let mut source = peer;
        for element in elements.iter().rev() {
            // What is no address was said of somebody whom the proxy before knows: that one is it.
            let Some(address) = node(address_of(element)) else { break };
            source = address;
            if !self.trust(address) {
                break;
            }
        }
        Some(source)
    }
}

/// The elements of all headers of that name, in order.
fn values<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Vec<&'a str> {
    let texts = headers.get_all(name).iter().map(|value| value.to_str().unwrap_or_default());
    texts.flat_map(|text| text.split(',')).map(str::trim).collect()
}

/// The `for` of an element of `Forwarded` (RFC 7239).
fn for_of(element: &str) -> &str {
    let pairs = element.split(';').filter_map(|pair| pair.trim().split_once('='));
    let mut named = pairs.filter(|(name, _)| name.eq_ignore_ascii_case("for"));
    named.next().map_or("", |(_, value)| value.trim_matches('"'))
}

/// An address with or without a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`.
fn node(text: &str) -> Option<IpAddr> {
    let host = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0,
        None => match text.split_once(':') {
            Some((host, port)) if !port.contains(':') => host,
            Some(_) | None => text,
        },
    };
    host.parse().ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
#[path = "source_tests.rs"]
mod tests;
