//! A client below HTTP: it sends the bytes it is given, and reads what comes back.

use std::time::Duration;

use hyper::{HeaderMap, StatusCode, header::HeaderName};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Nothing that is awaited takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// One connection.
pub struct Raw {
    stream: TcpStream,
    address: String,
    read: Vec<u8>,
}

/// An answer whose body has a length.
#[derive(Clone, Debug)]
pub struct RawAnswer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl Raw {
    /// Connects to a service.
    ///
    /// # Panics
    /// When it cannot.
    pub async fn connect(url: &str) -> Self {
        let address = url.trim_start_matches("http://").to_owned();
        let stream = TcpStream::connect(&address).await.expect("it listens");
        stream.set_nodelay(true).expect("a socket");
        Self { stream, address, read: Vec::new() }
    }

    /// The host and port it is connected to: what `Host` has to say.
    pub fn host(&self) -> &str {
        &self.address
    }

    /// Connects to a service, if it lets anybody in.
    pub async fn try_connect(url: &str) -> Option<Self> {
        let address = url.trim_start_matches("http://").to_owned();
        let stream = TcpStream::connect(&address).await.ok()?;
        Some(Self { stream, address, read: Vec::new() })
    }

    /// Sends bytes; whether the other side still takes them.
    pub async fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    /// Sends bytes. That the other side has hung up is seen when it is read from.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.ok();
    }

    /// Sends the head of a request with the right `Host`.
    pub async fn head(&mut self, request: &str, headers: &[(&str, &str)]) {
        let mut head = format!("{request} HTTP/1.1\r\nHost: {}\r\n", self.address);
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        self.send(head).await;
    }

    /// The next answer; none where the connection ends before one.
    ///
    /// # Panics
    /// When neither comes.
    pub async fn try_answer(&mut self) -> Option<RawAnswer> {
        let reading = async {
            loop {
                if let Some(answer) = self.whole() {
                    return Some(answer);
                }
                if self.more().await == 0 {
                    return None;
                }
            }
        };
        tokio::time::timeout(PATIENCE, reading).await.expect("an answer, or the end")
    }

    /// The next answer.
    ///
    /// # Panics
    /// When the connection ends before one.
    pub async fn answer(&mut self) -> RawAnswer {
        self.try_answer().await.expect("an answer")
    }

    /// The next answer to a `HEAD`: its length is that of the body that is not sent.
    ///
    /// # Panics
    /// When the connection ends before one.
    pub async fn head_answer(&mut self) -> RawAnswer {
        while self.read.windows(4).all(|window| window != b"\r\n\r\n") {
            assert!(self.more().await > 0, "the connection ended");
        }
        self.take(false).expect("a whole head")
    }

    /// The next answer, whose body comes in chunks, as text.
    ///
    /// # Panics
    /// When the connection ends before it is whole.
    pub async fn chunked_answer(&mut self) -> String {
        let reading = async {
            while !self.read.ends_with(b"\r\n0\r\n\r\n") {
                assert!(self.more().await > 0, "the connection ended");
            }
        };
        tokio::time::timeout(PATIENCE, reading).await.expect("an answer");
        String::from_utf8(std::mem::take(&mut self.read)).expect("an answer of text")
    }

    /// Sends the same again and again, and reads nothing, until the other side has had enough: how
    /// often it was sent.
    ///
    /// # Panics
    /// When it never has.
    pub async fn send_until_refused(&mut self, bytes: &str) -> usize {
        let many = bytes.repeat(64);
        let sending = async {
            let mut sent = 0;
            while self.stream.write_all(many.as_bytes()).await.is_ok() {
                sent += 64;
            }
            sent
        };
        tokio::time::timeout(PATIENCE, sending).await.expect("the connection ends")
    }

    /// Waits until the other side ends the connection; whether nothing came before.
    ///
    /// # Panics
    /// When it stays open.
    pub async fn ended(&mut self) -> bool {
        let reading = async { while self.more().await > 0 {} };
        tokio::time::timeout(PATIENCE, reading).await.expect("the connection ends");
        self.read.is_empty()
    }

    /// Reads once: how many bytes came, none at the end or when the connection was reset.
    async fn more(&mut self) -> usize {
        self.stream.read_buf(&mut self.read).await.unwrap_or(0)
    }

    /// Takes an answer that has come whole.
    fn whole(&mut self) -> Option<RawAnswer> {
        self.take(true)
    }

    fn take(&mut self, has_body: bool) -> Option<RawAnswer> {
        let end = self.read.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
        let head = std::str::from_utf8(&self.read[..end]).expect("an answer of text").to_owned();
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status line");
        let pairs = lines.map(|line| {
            let (name, value) = line.split_once(": ").expect("a header");
            (name.parse::<HeaderName>().expect("a name"), value.parse().expect("a value"))
        });
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, value);
        }
        let status: StatusCode = status.parse().expect("a status");
        let length = headers.get("content-length").map(|value| value.to_str().expect("digits"));
        let length: usize = length.map_or(0, |digits| digits.parse().expect("a length"));
        let has_body = has_body && status != StatusCode::NOT_MODIFIED;
        let until = end + if has_body { length } else { 0 };
        let body = self.read.get(end..until)?.to_vec();
        self.read.drain(..until);
        Some(RawAnswer { status, headers, body })
    }
}

impl RawAnswer {
    /// Has to be this problem.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Value {
        let body = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status.as_u16(), status, "{body}");
        assert_eq!(self.headers["content-type"], "application/problem+json", "{body}");
        let problem: Value = serde_json::from_slice(&self.body).expect("JSON");
        assert_eq!((&problem["status"], &problem["code"]), (&status.into(), &code.into()));
        problem
    }

    /// Whether it says that it is the last of its connection.
    pub fn is_last(&self) -> bool {
        self.headers.get("connection").is_some_and(|value| value == "close")
    }
}
