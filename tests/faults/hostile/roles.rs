//! What each kind of hostile caller does. All of them are bounded in number, and end when they are told.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use hyper::Method;
use serde_json::json;
use tests::{Dice, Http, Raw};
use tokio::{sync::watch, time::timeout};

use super::{Effort, Target};

/// A kind of hostile caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Nobody: what the probes see without them.
    Nobody,
    /// Bodies that come byte by byte, without a token and with a wrong one.
    SlowBody,
    /// Heads that never become whole.
    SlowHead,
    /// Answers that are asked for and never read.
    Deaf,
    /// Methods, paths, hosts and headers that nobody knows.
    Inventor,
    /// Followers at the head of the log, waiting.
    Followers,
    /// Five times as many commands as there is room for, sent however long the last ones take.
    Load,
    /// Tokens that are wrong.
    WrongTokens,
}

impl Role {
    /// Every role, in the order in which they come on.
    pub(super) const ALL: [Self; 8] = [
        Self::Nobody,
        Self::SlowBody,
        Self::SlowHead,
        Self::Deaf,
        Self::Inventor,
        Self::Followers,
        Self::Load,
        Self::WrongTokens,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::SlowBody => "slow bodies",
            Self::SlowHead => "slow heads",
            Self::Deaf => "never read",
            Self::Inventor => "invented",
            Self::Followers => "followers",
            Self::Load => "5x commands",
            Self::WrongTokens => "wrong tokens",
        }
    }

    /// How many of them there are.
    const fn count(self, effort: Effort) -> u64 {
        match (self, effort.is_long) {
            (Self::Nobody, _) => 0,
            (Self::SlowBody | Self::SlowHead, false) => 300,
            // More than a service keeps connections.
            (Self::SlowBody | Self::SlowHead, true) => 4_300,
            (Self::Deaf, false) => 100,
            (Self::Deaf, true) => 260,
            (Self::Inventor | Self::WrongTokens, _) => 8,
            (Self::Followers, false) => 100,
            (Self::Followers, true) => 2_000,
            (Self::Load, _) => 1,
        }
    }

    /// Plays the role until `stop` says so; how often it did what it does.
    pub(super) async fn play(
        self,
        target: &Target,
        effort: Effort,
        stop: &watch::Receiver<bool>,
    ) -> u64 {
        let done = Arc::new(AtomicU64::new(0));
        let one = |number: u64| {
            let player = Player {
                http: target.http.clone(),
                dice: Dice::new(effort.seed * 1_000 + number),
                stop: stop.clone(),
                done: done.clone(),
            };
            async move {
                // Not all at the same moment: who connects first is slow for longest.
                match self {
                    Self::Nobody => {}
                    Self::SlowBody => player.slow_body(number).await,
                    Self::SlowHead => player.slow_head().await,
                    Self::Deaf => player.deaf().await,
                    Self::Inventor => player.inventor().await,
                    Self::Followers => player.follower().await,
                    Self::Load => player.load().await,
                    Self::WrongTokens => player.wrong_token().await,
                }
            }
        };
        let players = (0..self.count(effort)).map(|number| tokio::spawn(one(number)));
        for played in join_all(players).await {
            played.expect("a hostile caller does not fail");
        }
        done.load(Ordering::Relaxed)
    }
}

/// One hostile caller.
struct Player {
    http: Http,
    dice: Dice,
    stop: watch::Receiver<bool>,
    done: Arc<AtomicU64>,
}

impl Player {
    fn is_over(&self) -> bool {
        *self.stop.borrow()
    }

    fn did(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits, no longer than the role lasts.
    async fn pause(&mut self, milliseconds: u64) {
        let over = self.stop.wait_for(|stop| *stop);
        timeout(Duration::from_millis(milliseconds), over).await.ok();
    }

    fn wrong(&mut self) -> String {
        let mut digits = |count: usize| -> String {
            (0..count).map(|_| char::from(self.dice.pick(b"0123456789abcdef"))).collect()
        };
        format!("annals_{}_{}", digits(32), digits(64))
    }

    async fn slow_body(mut self, number: u64) {
        let url = self.http.commands_url().to_owned();
        while !self.is_over() {
            let token = format!("Bearer {}", self.wrong());
            let Some(mut raw) = Raw::try_connect(&url).await else { break };
            let headers = [
                ("Content-Type", "application/json"),
                ("Content-Length", "100000"),
                ("Authorization", &token),
            ];
            raw.head("POST /commands/CreateAccount", &headers[..2 + usize::from(number % 2 == 1)])
                .await;
            // What comes back is not looked at.
            while !self.is_over() && raw.try_send(b"{").await {
                let milliseconds = 500 + self.dice.roll(3_000);
                self.pause(milliseconds).await;
            }
            self.did();
        }
    }

    async fn slow_head(mut self) {
        let urls = [self.http.commands_url().to_owned(), self.http.queries_url().to_owned()];
        while !self.is_over() {
            let url = self.dice.pick(&urls);
            let Some(mut raw) = Raw::try_connect(&url).await else { break };
            let large = "x".repeat(usize::try_from(self.dice.roll(8_000)).unwrap());
            let mut goes_on =
                raw.try_send(format!("GET / HTTP/1.1\r\nX-Large: {large}\r\nX: ").as_bytes()).await;
            while goes_on && !self.is_over() {
                let milliseconds = 500 + self.dice.roll(3_000);
                self.pause(milliseconds).await;
                goes_on = raw.try_send(b"a").await;
            }
            self.did();
        }
    }

    async fn deaf(mut self) {
        let url = self.http.queries_url().to_owned();
        let ask = "GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(32);
        while !self.is_over() {
            let Some(mut raw) = Raw::try_connect(&url).await else { break };
            let mut stop = self.stop.clone();
            let asking = async { while raw.try_send(ask.as_bytes()).await {} };
            tokio::select! {
                () = asking => self.did(),
                _ = stop.wait_for(|stop| *stop) => {}
            }
            self.pause(10).await;
        }
    }

    async fn inventor(mut self) {
        let nobody = self.http.with_token(None);
        while !self.is_over() {
            let word = format!("X{:x}", self.dice.roll(1 << 40));
            let method = Method::from_bytes(word.as_bytes()).expect("a method");
            let host: &[(&str, &str)] =
                if self.dice.roll(2) == 0 { &[("host", word.as_str())] } else { &[] };
            let path = format!("/{word}?{word}={word}");
            let path = if self.dice.roll(2) == 0 { "/openapi.json" } else { &path };
            // That the connection breaks is no matter to it.
            nobody.try_send(method, path, host, Vec::new()).await.ok();
            self.did();
        }
    }

    async fn follower(mut self) {
        while !self.is_over() {
            let state = self.http.try_send(Method::GET, "/readyz", &[], Vec::new()).await;
            let head = state
                .ok()
                .map(|state| state.json()["log"]["head"].as_str().unwrap_or("0").to_owned());
            let path = format!("/events?after={}&wait=true", head.unwrap_or_default());
            let mut stop = self.stop.clone();
            tokio::select! {
                _answer = self.http.try_send(Method::GET, &path, &[], Vec::new()) => self.did(),
                _ = stop.wait_for(|stop| *stop) => {}
            }
            self.pause(50).await;
        }
    }

    /// Finds out how many commands a second there is room for, and sends five times as many.
    async fn load(self) {
        let begun = Instant::now();
        let mut room = 0_u32;
        while begun.elapsed() < Duration::from_secs(1) {
            let sent = join_all((0..32).map(|number| create(&self.http, number))).await;
            room += sent.into_iter().map(u32::from).sum::<u32>();
        }
        let rate = room.max(20) * 5;
        let mut beat = tokio::time::interval(Duration::from_millis(10));
        let mut owed = 0.0;
        let mut sending = tokio::task::JoinSet::new();
        while !self.is_over() {
            beat.tick().await;
            owed += f64::from(rate) / 100.0;
            while owed >= 1.0 {
                owed -= 1.0;
                // A client has no more sockets than this either.
                if sending.len() < 2_000 {
                    let (http, done) =
                        (self.http.with_patience(Duration::from_secs(10)), self.done.clone());
                    sending.spawn(async move {
                        create(&http, 0).await;
                        done.fetch_add(1, Ordering::Relaxed);
                    });
                }
            }
            while sending.try_join_next().is_some() {}
        }
        sending.shutdown().await;
    }

    async fn wrong_token(mut self) {
        while !self.is_over() {
            let token = self.wrong();
            let stranger = self.http.with_token(Some(&token));
            let (method, path) = match self.dice.roll(3) {
                0 => (Method::POST, "/commands/CreateAccount"),
                1 => (Method::GET, "/accounts"),
                _ => (Method::GET, "/me"),
            };
            stranger
                .try_send(method, path, &[("content-type", "application/json")], b"{}".to_vec())
                .await
                .ok();
            self.did();
        }
    }
}

/// Sends a command; whether it took effect.
async fn create(http: &Http, number: u32) -> bool {
    let body = json!({ "name": format!("Load {number}") }).to_string().into_bytes();
    let headers = [("content-type", "application/json")];
    let sent = http.try_send(Method::POST, "/commands/CreateAccount", &headers, body).await;
    sent.is_ok_and(|answer| answer.status == 200)
}
