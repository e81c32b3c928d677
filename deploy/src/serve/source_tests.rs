//! Whose word is taken about where a request comes from.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use super::{Proxies, Source};

fn proxies() -> Proxies {
    let named = ["10.0.0.0/8", "192.0.2.7", "2001:db8:1::/48"];
    Proxies::new(named.iter().map(|text| text.parse().expect("a proxy")).collect())
}

fn source(peer: &str, headers: &[(&'static str, &str)]) -> String {
    let pairs = headers.iter().map(|(name, value)| {
        (HeaderName::from_static(name), HeaderValue::from_str(value).expect("a value"))
    });
    let mut map = HeaderMap::new();
    for (name, value) in pairs {
        map.append(name, value);
    }
    let peer: IpAddr = peer.parse().expect("an address");
    let Source(address) = proxies().source(peer, &map);
    address.to_string()
}

#[test]
fn the_peer_is_the_source_where_no_proxy_was_named() {
    let told = [("x-forwarded-for", "203.0.113.9"), ("forwarded", "for=203.0.113.9")];
    assert_eq!(source("198.51.100.1", &told), "198.51.100.1");
    assert_eq!(source("10.1.1.1", &[]), "10.1.1.1");
    assert_eq!(source("::ffff:198.51.100.1", &[]), "198.51.100.1");
}

#[test]
fn the_rightmost_address_that_no_trusted_proxy_has_is_the_source() {
    for (header, expected) in [
        ("203.0.113.9", "203.0.113.9"),
        ("1.1.1.1, 203.0.113.9", "203.0.113.9"),
        ("1.1.1.1, 203.0.113.9, 10.2.2.2", "203.0.113.9"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("2001:db8:2::1", "2001:db8:2::1"),
        ("[2001:db8:2::1]:4711, 2001:db8:1::5", "2001:db8:2::1"),
        // All are proxies: the first is where it began.
        ("10.3.3.3, 192.0.2.7", "10.3.3.3"),
        // Nothing that is an address: the proxy before.
        ("unknown", "10.1.1.1"),
        ("1.1.1.1, nobody, 10.2.2.2", "10.2.2.2"),
        ("", "10.1.1.1"),
    ] {
        assert_eq!(source("10.1.1.1", &[("x-forwarded-for", header)]), expected, "{header}");
    }
    // Headers of one name are one list.
    let twice = [("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "203.0.113.9")];
    assert_eq!(source("10.1.1.1", &twice), "203.0.113.9");
}

#[test]
fn the_standard_header_is_read_the_same_way() {
    for (header, expected) in [
        ("for=203.0.113.9", "203.0.113.9"),
        ("for=1.1.1.1;proto=http, For=\"203.0.113.9:4711\";by=10.1.1.1", "203.0.113.9"),
        ("for=203.0.113.9, for=\"[2001:db8:1::5]\"", "203.0.113.9"),
        ("for=_hidden", "10.1.1.1"),
        ("proto=https", "10.1.1.1"),
    ] {
        assert_eq!(source("10.1.1.1", &[("forwarded", header)]), expected, "{header}");
    }
}

#[test]
fn a_client_gains_nothing_by_the_header_that_its_proxy_does_not_write() {
    let both = [("x-forwarded-for", "203.0.113.9"), ("forwarded", "for=1.1.1.1")];
    assert_eq!(source("10.1.1.1", &both), "10.1.1.1");
    let agreed = [("x-forwarded-for", "203.0.113.9"), ("forwarded", "for=203.0.113.9")];
    assert_eq!(source("10.1.1.1", &agreed), "203.0.113.9");
}

#[test]
fn what_is_no_proxy_is_refused_at_start() {
    for text in ["", "proxy", "10.0.0.0/33", "10.0.0.0/", "localhost"] {
        assert!(text.parse::<super::Proxy>().is_err(), "{text}");
    }
}
