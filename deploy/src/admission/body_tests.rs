//! A body in work: at once, slowly, and while others wait for the place.

use std::{sync::Arc, time::Duration};

use axum::body::{Body, Bytes};
use futures_util::{StreamExt, stream};
use http_body_util::BodyExt;
use tokio::sync::oneshot;

use super::{Held, HeldBody};
use crate::admission::{AIM, gate::Gate};

async fn held(gate: &Arc<Gate>) -> Arc<Held> {
    Held::new(gate.enter(1, 1).await.unwrap_or_else(|_| panic!("a place")))
}

#[tokio::test]
async fn a_body_that_is_there_keeps_its_place() {
    let gate = Gate::new("test", 1, AIM);
    let held = held(&gate).await;
    let body = Body::new(HeldBody::new(Body::from("all of it"), held.clone(), 1));
    assert_eq!(body.collect().await.unwrap().to_bytes(), "all of it");
    assert!(!held.is_out());
}

#[tokio::test]
async fn a_slow_body_gives_its_place_to_others_and_comes_back_when_it_is_whole() {
    let gate = Gate::new("test", 1, AIM);
    let held = held(&gate).await;
    let (send, rest) = oneshot::channel::<Bytes>();
    let begun = stream::once(async { Ok::<_, std::io::Error>(Bytes::from("slow")) });
    let frames = begun.chain(stream::once(async { Ok(rest.await.unwrap()) }));
    let body = Body::new(HeldBody::new(Body::from_stream(frames), held.clone(), 1));
    let reading = tokio::spawn(async { body.collect().await.unwrap().to_bytes() });
    // Gets the place that the body left.
    let other = tokio::time::timeout(Duration::from_secs(10), gate.enter(1, 1));
    let other = other.await.expect("in time").unwrap_or_else(|_| panic!("a place"));
    assert!(held.is_out());
    send.send(Bytes::from(" but whole")).unwrap();
    tokio::task::yield_now().await;
    assert!(!reading.is_finished(), "it waits for a place again");
    drop(other);
    assert_eq!(reading.await.unwrap(), "slow but whole");
    assert!(!held.is_out());
}
