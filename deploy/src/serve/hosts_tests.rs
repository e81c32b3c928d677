//! Whose requests are answered.

use axum::{body::Body, extract::Request};

use super::{AllowedHost, Hosts, ServedOn};

fn is_served(on: &str, target: &str, host: Option<&str>) -> bool {
    let allowed = ["crm.example.com", "api.example.com:8443", "old.example.com:443"];
    let hosts = Hosts::new(allowed.iter().map(|text| text.parse().expect("a host")).collect());
    let mut request = Request::builder().uri(target);
    if let Some(host) = host {
        request = request.header("host", host);
    }
    let mut request = request.body(Body::empty()).expect("a request");
    request.extensions_mut().insert(ServedOn(on.parse().expect("an address")));
    hosts.refuse(&request).is_none()
}

#[test]
fn the_address_and_the_names_of_loopback_are_served_with_their_port() {
    for host in [
        "127.0.0.1:7440",
        "localhost:7440",
        "LocalHost.:7440",
        "[::1]:7440",
        "127.0.0.2:7440",
        "127.0.0.1",
        "localhost",
    ] {
        assert!(is_served("127.0.0.1:7440", "/", Some(host)), "{host}");
    }
    for host in [
        "127.0.0.1:7441",
        "localhost:80",
        "evil.example:7440",
        "localhost.evil.example:7440",
        "127.0.0.1.evil.example:7440",
        "10.1.2.3:7440",
        "2130706433:7440",
        "127.1:7440",
    ] {
        assert!(!is_served("127.0.0.1:7440", "/", Some(host)), "{host}");
    }
}

#[test]
fn a_probe_that_names_the_address_it_connected_to_is_answered() {
    assert!(is_served("10.1.2.3:7440", "/livez", Some("10.1.2.3:7440")));
    assert!(is_served("[2001:db8::1]:7440", "/livez", Some("[2001:db8::1]:7440")));
    assert!(is_served("[::ffff:10.1.2.3]:7440", "/livez", Some("10.1.2.3:7440")));
    assert!(is_served("10.1.2.3:7440", "/livez", None));
    assert!(!is_served("10.1.2.3:7440", "/livez", Some("10.1.2.4:7440")));
    assert!(!is_served("10.1.2.3:7440", "/livez", Some("evil.example")));
}

#[test]
fn further_hosts_are_those_that_were_named() {
    for host in [
        "crm.example.com",
        "CRM.example.com.",
        "crm.example.com:1",
        "api.example.com:8443",
        "old.example.com",
    ] {
        assert!(is_served("10.1.2.3:7440", "/", Some(host)), "{host}");
    }
    for host in ["api.example.com", "api.example.com:8444", "example.com", "x.crm.example.com"] {
        assert!(!is_served("10.1.2.3:7440", "/", Some(host)), "{host}");
    }
}

#[test]
fn the_host_of_an_absolute_target_counts() {
    let on = "127.0.0.1:7440";
    assert!(is_served(on, "http://localhost:7440/accounts", Some("evil.example")));
    assert!(!is_served(on, "http://evil.example/accounts", Some("localhost:7440")));
}

#[test]
fn what_is_no_host_is_refused_at_start() {
    for text in ["", "*", "a b", "http://a", "a/b", "u@a", "a:b", "a:99999"] {
        assert!(text.parse::<AllowedHost>().is_err(), "{text}");
    }
}
