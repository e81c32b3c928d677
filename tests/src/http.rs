//! A bare HTTP client: what goes in and what comes out, nothing in between.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use http_body_util::{BodyExt, Full};
use hyper::{
    HeaderMap, Method, Request, StatusCode,
    body::Bytes,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;
use uuid::Uuid;

use crate::promised::demand_promised;

/// No request of a test takes longer, where nothing else is said.
const PATIENCE: Duration = Duration::from_secs(60);

/// A client with one token.
#[derive(Clone)]
pub struct Http {
    client: Client<HttpConnector, Full<Bytes>>,
    roles: Roles,
    token: Option<String>,
    patience: Duration,
}

/// Where each role serves: the same address for all where the product is one process.
#[derive(Clone, Debug)]
struct Roles {
    commands: String,
    queries: String,
    projection: String,
}

impl Roles {
    /// Who answers that path.
    fn of(&self, path: &str) -> &str {
        let route = path.split('?').next().unwrap_or_default();
        let first = route.trim_start_matches('/').split('/').next().unwrap_or_default();
        match first {
            "commands" | "attempts" | "processes" | "me" => &self.commands,
            "admin" if route == "/admin/replay" => &self.projection,
            "admin" => &self.commands,
            _ => &self.queries,
        }
    }
}

/// Connections of a client of its own, from that address.
fn client(from: Option<Ipv4Addr>) -> Client<HttpConnector, Full<Bytes>> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_local_address(from.map(IpAddr::from));
    Client::builder(TokioExecutor::new()).build(connector)
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, as it came.
    pub bytes: Bytes,
    what: String,
}

/// A command that took effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The record it was about.
    pub id: Uuid,
    /// The record's version after it.
    pub version: u64,
    /// The position a query asks for to see it.
    pub position: String,
}

impl Http {
    /// A client of the product at `url`.
    pub fn new(url: &str, token: &str) -> Self {
        Self::of_roles(url, url, url, token)
    }

    /// A client of a cluster, whose roles serve at these addresses.
    pub fn of_roles(commands: &str, queries: &str, projection: &str, token: &str) -> Self {
        let client = client(None);
        let roles = Roles {
            commands: commands.to_owned(),
            queries: queries.to_owned(),
            projection: projection.to_owned(),
        };
        Self { client, roles, token: Some(token.to_owned()), patience: PATIENCE }
    }

    /// Where commands are sent.
    pub fn commands_url(&self) -> &str {
        &self.roles.commands
    }

    /// Where questions are asked.
    pub fn queries_url(&self) -> &str {
        &self.roles.queries
    }

    /// The token it presents.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// The same client with another token, or none.
    #[must_use]
    pub fn with_token(&self, token: Option<&str>) -> Self {
        Self { token: token.map(str::to_owned), ..self.clone() }
    }

    /// The same client, whose connections come from another address of this machine's loopback: some
    /// limits are for each source.
    #[must_use]
    pub fn from_source(&self, number: usize) -> Self {
        let last = u8::try_from(number % 200).unwrap_or_default() + 2;
        Self { client: client(Some(Ipv4Addr::new(127, 0, 0, last))), ..self.clone() }
    }

    /// The same client at another address of this machine, which nobody else has.
    #[must_use]
    pub fn elsewhere(&self) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let address = 0x7F01_0000 + NEXT.fetch_add(1, Ordering::Relaxed) % 0xFFFF;
        Self { client: client(Some(Ipv4Addr::from(address))), ..self.clone() }
    }

    /// The same client that waits for answers so long.
    #[must_use]
    pub fn with_patience(&self, patience: Duration) -> Self {
        Self { patience, ..self.clone() }
    }

    /// Sends one request, and waits for the whole answer. An error has to be one that the document
    /// names.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Answer {
        let what = format!("{method} {path}");
        let sent = self.try_send(method.clone(), path, headers, body).await;
        let answer = sent.unwrap_or_else(|error| panic!("{what}: {error:#}"));
        if answer.header("content-type") == Some("application/problem+json") {
            demand_promised(&method, path, answer.status.as_u16(), &answer.bytes);
        }
        answer
    }

    /// Sends one request; an error is a connection that broke.
    ///
    /// # Errors
    /// When no whole answer came.
    pub async fn try_send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> anyhow::Result<Answer> {
        let what = format!("{method} {path}");
        let mut request =
            Request::builder().method(method).uri(format!("{}{path}", self.roles.of(path)));
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from(body)))?;
        let exchange = async {
            let response = self.client.request(request).await?;
            let (parts, body) = response.into_parts();
            let bytes = body.collect().await?.to_bytes();
            Ok::<_, anyhow::Error>(Answer {
                status: parts.status,
                headers: parts.headers,
                bytes,
                what,
            })
        };
        tokio::time::timeout(self.patience, exchange).await?
    }

    /// Asks a question.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], Vec::new()).await
    }

    /// Sends JSON with headers.
    pub async fn post(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let mut all = vec![(CONTENT_TYPE.as_str(), "application/json")];
        all.extend_from_slice(headers);
        self.send(Method::POST, path, &all, body.to_string().into_bytes()).await
    }

    /// Sends a command.
    pub async fn command(&self, name: &str, body: Value) -> Answer {
        self.post(&format!("/commands/{name}"), &[], &body).await
    }

    /// Sends a command that has to take effect.
    pub async fn accept(&self, name: &str, body: Value) -> Accepted {
        self.command(name, body).await.accepted()
    }

    /// Waits until the read models are at the end of the log, and says where that is.
    ///
    /// # Panics
    /// When they do not get there.
    pub async fn settled(&self) -> String {
        let mut head = String::new();
        crate::until("the read models are at the end of the log", async || {
            let state = self.get("/readyz").await.json();
            head = state["log"]["head"].as_str().expect("a position").to_owned();
            state["read_side"]["position"] == head.as_str()
        })
        .await;
        head
    }

    /// Asks a question that has to see `position`.
    pub async fn see(&self, path: &str, position: &str) -> Value {
        let separator = if path.contains('?') { '&' } else { '?' };
        self.get(&format!("{path}{separator}at_least={position}")).await.ok()
    }
}

impl Answer {
    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes)
            .unwrap_or_else(|_| panic!("{}: no JSON: {}", self.what, self.text()))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// A header, where it is there and readable.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The JSON of an answer that has to be 200.
    #[track_caller]
    pub fn ok(&self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}: {}", self.what, self.text());
        self.json()
    }

    /// What a command that has to take effect answered.
    #[track_caller]
    pub fn accepted(&self) -> Accepted {
        let body = self.ok();
        let id = body["record"]["id"].as_str().and_then(|text| Uuid::try_parse(text).ok());
        Accepted {
            id: id.expect("a record"),
            version: body["version"].as_u64().expect("a version"),
            position: body["position"].as_str().expect("a position").to_owned(),
        }
    }

    /// Demands this status and this stable code, as problem+json; answers with the whole problem.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}: {}", self.what, self.text());
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.what);
        let problem = self.json();
        assert_eq!(problem["code"], code, "{}: {problem}", self.what);
        problem
    }

    /// Demands that a rule refused the command.
    #[track_caller]
    pub fn refused(&self, code: &str) -> Value {
        self.problem(422, code)
    }
}

/// A text as it stands in a query string.
pub fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric();
    let letter =
        |byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(letter).collect()
}
