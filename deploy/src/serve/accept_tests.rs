//! The door stays open however much there is to do behind it.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::Duration,
};

use axum::{Router, routing::get};
use tokio::{net::TcpListener, runtime, sync::watch};

use super::serve;
use crate::serve::{Hosts, Proxies, wrap};

/// A service with one worker, which `GET /busy` keeps until it is told to go on.
struct Busy {
    address: SocketAddr,
    go_on: mpsc::Sender<()>,
    begun: mpsc::Receiver<()>,
    stop: watch::Sender<bool>,
    served: JoinHandle<()>,
}

impl Busy {
    fn start() -> Self {
        let (go_on, waits) = mpsc::channel::<()>();
        let (begins, begun) = mpsc::channel();
        let (stop, stopped) = watch::channel(false);
        let waits = Arc::new(std::sync::Mutex::new(waits));
        let busy = move || {
            let (begins, waits) = (begins.clone(), waits.clone());
            async move {
                begins.send(()).unwrap();
                waits.lock().unwrap().recv().unwrap();
                "done"
            }
        };
        let router =
            Router::new().route("/livez", get(|| async { "alive" })).route("/busy", get(busy));
        let (say, address) = mpsc::channel();
        let served = std::thread::spawn(move || {
            let mut one = runtime::Builder::new_multi_thread();
            let runtime = one.worker_threads(1).enable_all().build().unwrap();
            let served = async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                say.send(listener.local_addr().unwrap()).unwrap();
                let router = wrap(router, Hosts::new(Vec::new()));
                serve(listener, router, Proxies::new(Vec::new()), stopped).await.unwrap();
            };
            runtime.block_on(async { tokio::spawn(served).await.unwrap() });
        });
        Self { address: address.recv().unwrap(), go_on, begun, stop, served }
    }

    fn send(&self, bytes: &str) -> TcpStream {
        let mut caller = TcpStream::connect(self.address).unwrap();
        caller.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        caller.write_all(bytes.as_bytes()).unwrap();
        caller
    }

    fn ends(self) {
        self.stop.send_replace(true);
        self.served.join().unwrap();
    }
}

fn all_of(mut caller: TcpStream) -> String {
    let mut all = String::new();
    caller.read_to_string(&mut all).unwrap();
    all
}

#[test]
fn whoever_asks_whether_it_is_alive_waits_for_no_work() {
    let service = Busy::start();
    let busy = service.send("GET /busy HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    service.begun.recv().unwrap();
    // The only worker stands still now.
    for _ in 0..3 {
        let probe = service.send("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let answer = all_of(probe);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.to_lowercase().contains("\r\nconnection: close\r\n"), "{answer}");
        assert!(answer.ends_with("alive"), "{answer}");
    }
    service.go_on.send(()).unwrap();
    assert!(all_of(busy).ends_with("done"));
    service.ends();
}

#[test]
fn what_is_no_request_is_refused_at_once_in_the_form_of_all_refusals() {
    let service = Busy::start();
    let busy = service.send("GET /busy HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    service.begun.recv().unwrap();
    let answer = all_of(service.send("GET /livez HTTP/1.1\r\nHost : a\r\n\r\n and more"));
    service.go_on.send(()).unwrap();
    drop(all_of(busy));
    // The same behind a request: a route's layers answer it then.
    let second =
        "GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HTTP/1.1\r\nHost : a\r\n\r\n";
    let answers = all_of(service.send(second));
    let (_, behind) = answers[1..].split_once("HTTP/1.1").expect("a second answer");
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
    assert_eq!(lines(&answer), lines(&format!("HTTP/1.1{behind}")));
    service.ends();
}

/// The lines of an answer, in an order of their own; when it was given does not count.
fn lines(answer: &str) -> Vec<String> {
    let lines = answer.lines().map(|line| {
        line.split_once(':').map_or_else(
            || line.to_owned(),
            |(name, value)| {
                if line.starts_with('{') {
                    line.to_owned()
                } else {
                    format!("{}:{value}", name.to_lowercase())
                }
            },
        )
    });
    let mut lines: Vec<_> = lines.filter(|line| !line.starts_with("date:")).collect();
    lines.sort_unstable();
    lines
}
