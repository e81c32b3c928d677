//! A wire between a store and its server that can be cut at the worst moment.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
};

use crate::{
    postgres::{Server, Wire},
    testing::TestDatabase,
};

/// Passes everything on, until told otherwise.
pub(super) struct Proxy {
    address: SocketAddr,
    url: String,
    state: Arc<State>,
}

struct State {
    /// Whose next answer is swallowed: the name of the application.
    losing: Mutex<Option<&'static str>>,
    lost: AtomicUsize,
    is_away: watch::Sender<bool>,
}

impl Proxy {
    pub(super) async fn start(test: &TestDatabase) -> Self {
        let url = test.url();
        let (_, behind) = url.rsplit_once('@').unwrap();
        let (server, _) = behind.split_once('/').unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (is_away, _) = watch::channel(false);
        let state =
            Arc::new(State { losing: Mutex::new(None), lost: AtomicUsize::new(0), is_away });
        tokio::spawn(listen(listener, server.to_owned(), Arc::clone(&state)));
        Self { address, url, state }
    }

    /// The server, by way of this.
    pub(super) fn server(&self) -> Server {
        let (login, behind) = self.url.rsplit_once('@').unwrap();
        let (_, database) = behind.split_once('/').unwrap();
        let url = format!("{login}@{}/{database}?sslmode=disable", self.address);
        Server::parse(&url, Wire::Tls).unwrap()
    }

    /// The next thing that `application` asks is done, but it never learns so: the wire is cut.
    pub(super) fn lose_next_answer(&self, application: &'static str) {
        *self.state.losing.lock().unwrap() = Some(application);
    }

    /// How many answers were lost.
    pub(super) fn lost(&self) -> usize {
        self.state.lost.load(Ordering::SeqCst)
    }

    /// Cuts every wire, and takes no new ones.
    pub(super) fn go_away(&self) {
        self.state.is_away.send_replace(true);
    }

    /// Takes new ones again.
    pub(super) fn come_back(&self) {
        self.state.is_away.send_replace(false);
    }
}

async fn listen(listener: TcpListener, server: String, state: Arc<State>) {
    loop {
        let Ok((client, _)) = listener.accept().await else { return };
        if *state.is_away.borrow() {
            continue;
        }
        let (server, state) = (server.clone(), Arc::clone(&state));
        tokio::spawn(async move {
            let Ok(server) = TcpStream::connect(server).await else { return };
            let mut away = state.is_away.subscribe();
            tokio::select! {
                () = pass(client, server, &state) => {}
                _ = away.wait_for(|away| *away) => {}
            }
        });
    }
}

async fn pass(client: TcpStream, server: TcpStream, state: &State) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let (mut asked, mut answered) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    let mut application = None;
    loop {
        tokio::select! {
            read = from_client.read(&mut asked) => {
                let Ok(count @ 1..) = read else { return };
                // The first message names the application.
                let name = application.get_or_insert_with(|| {
                    String::from_utf8_lossy(&asked[..count]).into_owned()
                });
                if to_server.write_all(&asked[..count]).await.is_err() {
                    return;
                }
                let is_meant = |losing: &mut &'static str| name.contains(*losing);
                if state.losing.lock().unwrap().take_if(|losing| is_meant(losing)).is_some() {
                    // The server answers once it has done what it was asked.
                    if from_server.read(&mut answered).await.is_ok() {
                        state.lost.fetch_add(1, Ordering::SeqCst);
                    }
                    return;
                }
            }
            read = from_server.read(&mut answered) => {
                let Ok(count @ 1..) = read else { return };
                if to_client.write_all(&answered[..count]).await.is_err() {
                    return;
                }
            }
        }
    }
}
