//! Who fails too often, and who is not to be blamed for it.

use std::{net::IpAddr, time::Duration};

use axum::{
    http::{StatusCode, header},
    response::IntoResponse,
};

use super::{SOURCES, Strangers};

fn from(address: &str) -> Option<IpAddr> {
    Some(address.parse().unwrap())
}

/// How many of so many failures at that moment are answered as such.
fn failures(strangers: &Strangers, source: Option<IpAddr>, count: usize, now: Duration) -> usize {
    (0..count).filter(|_| strangers.may_fail(source, now)).count()
}

#[test]
fn forty_at_once_and_twenty_a_second_may_fail() {
    let strangers = Strangers::new();
    let at = Duration::from_secs;
    assert_eq!(failures(&strangers, from("192.0.2.1"), 300, at(10)), 40);
    assert_eq!(failures(&strangers, from("192.0.2.1"), 300, at(11)), 20);
    assert_eq!(failures(&strangers, from("192.0.2.2"), 300, at(11)), 40, "another source");
    assert_eq!(failures(&strangers, None, 300, at(11)), 40);
}

#[test]
fn all_addresses_of_a_network_of_ipv6_are_one_source() {
    let strangers = Strangers::new();
    let at = Duration::from_secs(10);
    assert_eq!(failures(&strangers, from("2001:db8:0:1::1"), 300, at), 40);
    assert_eq!(failures(&strangers, from("2001:db8:0:1:ffff::2"), 300, at), 0);
    assert_eq!(failures(&strangers, from("2001:db8:0:2::1"), 300, at), 40);
    assert_eq!(failures(&strangers, from("192.0.2.1"), 300, at), 40);
    assert_eq!(failures(&strangers, from("::ffff:192.0.2.1"), 300, at), 0);
}

#[test]
fn only_a_401_turns_into_429_and_says_when_to_come_again() {
    let strangers = Strangers::new();
    let source = from("192.0.2.1");
    let answer = |status: StatusCode| strangers.answer(source, status.into_response());
    assert_eq!(answer(StatusCode::UNAUTHORIZED).status(), StatusCode::UNAUTHORIZED);
    let refused = (0..10_000)
        .map(|_| answer(StatusCode::UNAUTHORIZED))
        .find(|answer| answer.status() == StatusCode::TOO_MANY_REQUESTS)
        .expect("faster than the limit");
    assert_eq!(refused.headers()[header::RETRY_AFTER], "1");
    for status in [StatusCode::OK, StatusCode::FORBIDDEN, StatusCode::UNPROCESSABLE_ENTITY] {
        assert_eq!(answer(status).status(), status);
    }
}

#[test]
fn memory_is_bounded_however_many_sources_there_are() {
    let strangers = Strangers::new();
    for source in 0..4 * u32::try_from(SOURCES).unwrap() {
        strangers.may_fail(Some(IpAddr::from(source.to_be_bytes())), Duration::from_secs(10));
    }
    assert!(strangers.paid.len() <= SOURCES);
}
