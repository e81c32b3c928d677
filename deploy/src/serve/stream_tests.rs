//! What is let through of a connection's bytes, however they come.

use std::{sync::Arc, time::Instant};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::{REFUSED, Stream};
use crate::serve::guards::{Guards, Ticket};

const GET: &str = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
const POST: &str = "POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n\n\r\n\r\n";
const BAD: &str =
    "GET /c HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n";

async fn pair() -> (TcpStream, Stream, Arc<Ticket>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (theirs, _) = listener.accept().await.unwrap();
    let ticket = Arc::new(Guards::new(16).admit(Instant::now()).unwrap());
    (ours, Stream::new(theirs, ticket.clone()), ticket)
}

/// What comes through of `bytes`, sent in pieces of that size and read in pieces of the other.
async fn through(bytes: &str, sent: usize, read: usize) -> (String, Arc<Ticket>) {
    let (mut ours, mut stream, ticket) = pair().await;
    ours.set_nodelay(true).unwrap();
    let sending = async {
        for piece in bytes.as_bytes().chunks(sent) {
            ours.write_all(piece).await.unwrap();
            tokio::task::yield_now().await;
        }
        ours.shutdown().await.unwrap();
    };
    let reading = async {
        let mut all = Vec::new();
        let mut piece = vec![0; read];
        // What was refused never ends by itself.
        while !all.ends_with(REFUSED) {
            match stream.read(&mut piece).await.unwrap() {
                0 => break,
                length => all.extend_from_slice(&piece[..length]),
            }
        }
        String::from_utf8(all).unwrap()
    };
    let ((), all) = tokio::join!(sending, reading);
    (all, ticket)
}

#[tokio::test]
async fn what_is_right_comes_through_as_it_is() {
    let bytes = format!("{GET}{POST}{GET}{POST}{POST}{GET}");
    for (sent, read) in [(1, 1), (7, 3), (3, 8_192), (60, 50), (10_000, 8_192), (10_000, 1)] {
        let (all, ticket) = through(&bytes, sent, read).await;
        assert_eq!(all, bytes, "{sent} {read}");
        assert!((0..6).all(|_| ticket.guard.answer_begins().is_none()));
    }
}

#[tokio::test]
async fn what_is_refused_takes_its_turn_and_is_the_last() {
    let bytes = format!("{GET}{POST}{BAD}{GET}{GET}");
    let refused = std::str::from_utf8(REFUSED).unwrap();
    for (sent, read) in [(1, 1), (7, 3), (10_000, 8_192)] {
        let (all, ticket) = through(&bytes, sent, read).await;
        assert_eq!(all, format!("{GET}{POST}{refused}"), "{sent} {read}");
        assert!(ticket.guard.answer_begins().is_none());
        assert!(ticket.guard.answer_begins().is_none());
        let refusal = ticket.guard.answer_begins().expect("the third is refused");
        assert_eq!(refusal.code, "body.length_malformed");
    }
}

#[tokio::test]
async fn half_a_head_is_never_handed_on() {
    for cut in 0..GET.len() {
        let (all, _) = through(&GET[..cut], 5, 100).await;
        assert_eq!(all, "", "{cut}");
    }
}

#[tokio::test]
async fn an_idle_connection_keeps_no_memory() {
    let (mut ours, mut stream, _) = pair().await;
    ours.write_all(POST.as_bytes()).await.unwrap();
    let mut all = vec![0; POST.len()];
    stream.read_exact(&mut all).await.unwrap();
    assert_eq!(stream.read.capacity(), 0);
}
