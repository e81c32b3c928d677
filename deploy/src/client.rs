//! The operator commands' HTTP client of the running service.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use bytes::Bytes;
use deploy_import::{Busy, CommandSink, ItemAnswer};
use events::values::Zone;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, Response, StatusCode, Uri,
    body::Incoming,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE},
};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

/// How long a request may take before the service counts as gone. A full batch takes far less.
const DEADLINE: Duration = Duration::from_secs(60);
/// How long a service may take to say that it is there.
const LIVENESS: Duration = Duration::from_secs(2);
/// The largest answer that is read.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// A client of one service, with one token. Clones share its connections.
#[derive(Clone)]
pub struct Client {
    http: legacy::Client<HttpConnector, Full<Bytes>>,
    base_url: String,
    queries_url: String,
    token: String,
}

/// An answer that is an error, in one line.
#[derive(Debug, thiserror::Error)]
#[error("{method} {path}: {status}{problem}")]
pub struct Refused {
    method: Method,
    path: String,
    /// The status of the answer.
    pub status: StatusCode,
    problem: String,
    /// The stable code, where the answer has one.
    pub code: Option<String>,
}

impl Client {
    /// A client of the service at `base_url` (`http://127.0.0.1:7070`). Nothing is sent yet.
    ///
    /// # Errors
    /// When the address is none of plain HTTP.
    pub fn new(base_url: &str, token: &str) -> Result<Self> {
        let base_url = address(base_url)?;
        let http = legacy::Client::builder(TokioExecutor::new()).build_http();
        let queries_url = base_url.clone();
        Ok(Self { http, base_url, queries_url, token: token.trim().to_owned() })
    }

    /// The same client, of a service whose questions another one answers.
    ///
    /// # Errors
    /// When the address is none of plain HTTP.
    pub fn with_queries(self, queries_url: &str) -> Result<Self> {
        Ok(Self { queries_url: address(queries_url)?, ..self })
    }

    /// Whether the service answers at all.
    pub async fn is_alive(&self) -> bool {
        let answer = self.exchange(&Method::GET, "/livez", &[], Bytes::new());
        match tokio::time::timeout(LIVENESS, answer).await {
            Ok(Ok((status, _))) => status.is_success(),
            Ok(Err(_)) | Err(_) => false,
        }
    }

    /// Asks a question: `get_json("/accounts?limit=1")`.
    ///
    /// # Errors
    /// When the service cannot be reached or refuses; one line.
    pub async fn get_json<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.call(Method::GET, path, &[], Bytes::new()).await
    }

    /// The same, of the service that answers questions.
    ///
    /// # Errors
    /// As there.
    pub async fn get_from_queries<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.of_queries().get_json(path).await
    }

    /// What the service says of itself, whether it is ready or not.
    ///
    /// # Errors
    /// When it cannot be reached, or says nothing.
    pub async fn readiness(&self) -> Result<Value> {
        let asked = self.exchange(&Method::GET, "/readyz", &[], Bytes::new());
        let (_, answer) = tokio::time::timeout(DEADLINE, asked)
            .await
            .map_err(|_| anyhow!("GET /readyz: no answer within {} s", DEADLINE.as_secs()))??;
        serde_json::from_slice(&answer).context("GET /readyz: the answer is not what was expected")
    }

    /// The same of the service that answers questions.
    ///
    /// # Errors
    /// As there.
    pub async fn readiness_of_queries(&self) -> Result<Value> {
        self.of_queries().readiness().await
    }

    fn of_queries(&self) -> Self {
        Self { base_url: self.queries_url.clone(), ..self.clone() }
    }

    /// Sends JSON.
    ///
    /// # Errors
    /// When the service cannot be reached or refuses; one line.
    pub async fn post_json<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &(impl Serialize + Sync + ?Sized),
    ) -> Result<T> {
        self.post_with(path, &[], body).await
    }

    /// Sends JSON with further headers.
    ///
    /// # Errors
    /// When the service cannot be reached or refuses; one line.
    pub async fn post_with<T: DeserializeOwned>(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: &(impl Serialize + Sync + ?Sized),
    ) -> Result<T> {
        let body = Bytes::from(serde_json::to_vec(body).context("the request is no JSON")?);
        self.call(Method::POST, path, headers, body).await
    }

    /// Sends JSON and hears every line of the answer as it comes. There is no deadline: the work
    /// behind it may take as long as it takes.
    ///
    /// # Errors
    /// When the service cannot be reached, refuses, or breaks off; one line.
    pub async fn post_lines(
        &self,
        path: &str,
        body: &Value,
        mut hear: impl FnMut(&[u8]),
    ) -> Result<()> {
        let body = Bytes::from(serde_json::to_vec(body).context("the request is no JSON")?);
        let request = self.request(&Method::POST, path, &[], body)?;
        let answer = self.send_request(request).await?;
        let status = answer.status();
        let mut body = answer.into_body();
        let mut buffer = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame =
                frame.map_err(|error| anyhow!("the answer broke off: {}", cause(&error)))?;
            if let Some(data) = frame.data_ref() {
                buffer.extend_from_slice(data);
            }
            if status.is_success() {
                while let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
                    hear(&buffer[..end]);
                    buffer.drain(..=end);
                }
            }
            if buffer.len() > MAX_ANSWER_BYTES {
                bail!("the answer is too large");
            }
        }
        if !status.is_success() {
            return Err(refused(Method::POST, path, status, &buffer).into());
        }
        Ok(())
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<T> {
        let what = format!("{method} {path}");
        let (status, answer) =
            tokio::time::timeout(DEADLINE, self.exchange(&method, path, headers, body))
                .await
                .map_err(|_| anyhow!("{what}: no answer within {} s", DEADLINE.as_secs()))?
                .with_context(|| what.clone())?;
        if !status.is_success() {
            return Err(refused(method, path, status, &answer).into());
        }
        serde_json::from_slice(&answer)
            .with_context(|| format!("{what}: the answer is not what was expected"))
    }

    async fn exchange(
        &self,
        method: &Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<(StatusCode, Bytes)> {
        let request = self.request(method, path, headers, body)?;
        let answer = self.send_request(request).await?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MAX_ANSWER_BYTES)
            .collect()
            .await
            .map_err(|error| anyhow!("the answer broke off: {}", cause(&*error)))?;
        Ok((status, body.to_bytes()))
    }

    fn request(
        &self,
        method: &Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base_url))
            .header(AUTHORIZATION, format!("Bearer {}", self.token))
            .header(ACCEPT, "application/json");
        if method == Method::POST {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Full::new(body)).context("the request makes no sense")
    }

    async fn send_request(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>> {
        self.http
            .request(request)
            .await
            .map_err(|error| anyhow!("cannot reach {}: {}", self.base_url, cause(&error)))
    }
}

/// An address of plain HTTP, as it is put before paths.
fn address(text: &str) -> Result<String> {
    let text = text.trim_end_matches('/');
    let uri: Uri = text.parse().with_context(|| format!("`{text}` is no address"))?;
    if uri.scheme_str() != Some("http") || uri.host().is_none() {
        bail!("`{text}` is no address of the form http://host:port");
    }
    Ok(text.to_owned())
}

/// The innermost cause: what people can do something about.
fn cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

fn refused(method: Method, path: &str, status: StatusCode, answer: &[u8]) -> Refused {
    let problem: Value = serde_json::from_slice(answer).unwrap_or_default();
    let text = |name: &str| problem.get(name).and_then(Value::as_str).filter(|s| !s.is_empty());
    let code = text("code").map(str::to_owned);
    let mut line = String::new();
    for part in [code.as_deref(), text("detail").or_else(|| text("title"))].into_iter().flatten() {
        line.push_str(": ");
        line.push_str(&part.replace('\n', " "));
    }
    Refused { method, path: path.to_owned(), status, problem: line, code }
}

impl CommandSink for Client {
    async fn send(&self, batch: Vec<Value>) -> Result<Vec<ItemAnswer>> {
        let answer = self.post_with("/commands", &[("Annals-Channel", "import")], &batch).await;
        answer.map_err(|error: anyhow::Error| match error.downcast_ref::<Refused>() {
            Some(refused)
                if matches!(
                    refused.status,
                    StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
                ) =>
            {
                Busy(refused.to_string()).into()
            }
            _ => error,
        })
    }

    async fn zone(&self) -> Result<Zone> {
        #[derive(Deserialize)]
        struct Organization {
            zone: Zone,
        }
        // The organisation is founded by the first event of the log.
        let organization: Organization = self.get_from_queries("/organization?at_least=1").await?;
        Ok(organization.zone)
    }
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
