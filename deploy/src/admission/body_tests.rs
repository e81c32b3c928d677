//! A body in work: at once, slowly, and while others wait for the place.

use std::{io, sync::Arc, time::Duration};

use axum::body::{Body, Bytes};
use futures_util::{StreamExt, stream};
use http_body_util::BodyExt;
use tokio::sync::{Semaphore, mpsc};

use super::{Held, HeldBody};
use crate::admission::{AIM, gate::Gate};

async fn held(gate: &Arc<Gate>) -> Arc<Held> {
    Held::new(gate.enter(1, 1).await.unwrap_or_else(|_| panic!("a place")))
}

fn body(from: Body, held: &Arc<Held>, room: &Arc<Semaphore>) -> Body {
    Body::new(HeldBody::new(from, held.clone(), 1, room.clone()))
}

/// What has come of a slow body, and whoever can send more of it.
fn slowly() -> (mpsc::UnboundedSender<Bytes>, Body) {
    let (send, rest) = mpsc::unbounded_channel::<Bytes>();
    let frames = stream::unfold(rest, |mut rest| async move {
        let frame = rest.recv().await?;
        Some((Ok::<_, io::Error>(frame), rest))
    });
    (send, Body::from_stream(frames))
}

#[tokio::test]
async fn a_body_that_is_there_keeps_its_place() {
    let gate = Gate::new("test", 1, AIM);
    let held = held(&gate).await;
    let body = body(Body::from("all of it"), &held, &Arc::new(Semaphore::new(0)));
    assert_eq!(body.collect().await.unwrap().to_bytes(), "all of it");
    assert!(!held.is_out());
}

#[tokio::test]
async fn a_slow_body_gives_its_place_to_others_and_comes_back_when_it_is_whole() {
    let gate = Gate::new("test", 1, AIM);
    let held = held(&gate).await;
    let (send, slow) = slowly();
    send.send(Bytes::from("slow")).unwrap();
    let room = Arc::new(Semaphore::new("slow but whole".len()));
    let body = body(slow, &held, &room);
    let reading = tokio::spawn(async { body.collect().await.unwrap().to_bytes() });
    // Gets the place that the body left.
    let other = tokio::time::timeout(Duration::from_secs(10), gate.enter(1, 1));
    let other = other.await.expect("in time").unwrap_or_else(|_| panic!("a place"));
    assert!(held.is_out());
    send.send(Bytes::from(" but whole")).unwrap();
    drop(send);
    tokio::task::yield_now().await;
    assert!(!reading.is_finished(), "it waits for a place again");
    drop(other);
    assert_eq!(reading.await.unwrap(), "slow but whole");
    assert!(!held.is_out());
}

#[tokio::test]
async fn slow_bodies_share_their_room_and_give_it_back() {
    let gate = Gate::new("test", 2, AIM);
    let room = Arc::new(Semaphore::new(6));
    let (held, other) = (held(&gate).await, held(&gate).await);
    let (send, slow) = slowly();
    send.send(Bytes::from("four")).unwrap();
    let mut first = body(slow, &held, &room).into_data_stream();
    assert_eq!(first.next().await.unwrap().unwrap(), "four");
    let waiting = tokio::time::timeout(Duration::from_millis(100), first.next());
    assert!(waiting.await.is_err(), "it is late");
    let (send_other, slow) = slowly();
    let mut second = body(slow, &other, &room).into_data_stream();
    let waiting = tokio::time::timeout(Duration::from_millis(100), second.next());
    assert!(waiting.await.is_err(), "it is late");
    send_other.send(Bytes::from("ok")).unwrap();
    assert_eq!(second.next().await.unwrap().unwrap(), "ok");
    send_other.send(Bytes::from("!")).unwrap();
    let full = second.next().await.unwrap().expect_err("no room is left");
    let full = std::error::Error::source(&full).and_then(|error| error.downcast_ref::<io::Error>());
    assert_eq!(full.unwrap().kind(), io::ErrorKind::QuotaExceeded);
    drop(first);
    send_other.send(Bytes::from("more")).unwrap();
    assert_eq!(second.next().await.unwrap().unwrap(), "more");
}
