//! `annals query-api`: answers questions from the read models. Any number may run.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Query, rejection::QueryRejection},
    http::HeaderMap,
    response::{IntoResponse, Response},
    routing::get,
};
use command_service::{
    attempts::Attempts,
    handle::Clock,
    http::{AttemptsQuery, page_of_attempts},
};
use events::access::Scope;
use events_log::{
    keys::{PostgresKeyReader, Unsealer},
    store::{EventFeed, EventLog, StreamReader, postgres::PostgresStore},
};
use projection_service::{
    models,
    read_view::{ReadView, Reading},
};

use super::{
    QUERY_PORT, Secrets, Servers,
    servers::{exit_of, exit_of_keys},
};
use crate::{
    config::{Cluster, Service},
    embedded::READ_CONNECTIONS,
    exit::Exit,
    health::{self, Health},
    refusals::{self, KeptRefusals},
    running::{Running, Tasks, listen},
};

/// Opens the log, the keys and the read models, all for reading, and serves.
///
/// # Errors
/// When the address or a server cannot be used, or there is no log yet.
pub async fn start(service: &Service, cluster: &Cluster, clock: Clock) -> Result<Running, Exit> {
    let listener = listen(service.address(QUERY_PORT), service.behind_proxy).await?;
    let servers = Servers::of(cluster)?;
    let secrets = Secrets::at(&cluster.secrets);
    secrets.check()?;
    let store = servers.open_log(clock.clone(), None).await?;
    let log = store.log_id();
    let keys = PostgresKeyReader::open(&servers.keys, &secrets.master_key(), log).await;
    let keys = keys.map_err(|error| exit_of_keys(&error))?;
    let unsealer = Unsealer::new(Arc::new(keys), log);
    let feed: Arc<dyn EventFeed> = store.clone();
    let reading = Reading {
        server: servers.read.clone(),
        log_id: log,
        feed: feed.clone(),
        models: Arc::new(models::all().map_err(Exit::failed)?),
        connections: READ_CONNECTIONS,
    };
    let view = ReadView::follow(reading).await.map_err(|error| exit_of(&error))?;

    let attempts_log: Arc<dyn EventLog> = store.clone();
    let kept = Attempts::new(attempts_log, clock.clone());
    let questions = query_api::App::new(view.clone(), feed.clone(), store.clone(), unsealer, clock)
        .with_refusals(KeptRefusals::in_log(kept.clone()));
    let shown = view.clone();
    let health = Health::of(log, "query-api", feed).with_view(view);
    let router = query_api::router(questions.clone())
        .merge(attempts(questions, store.clone()))
        .merge(health::router(health));
    let mut tasks = Tasks::new();
    tasks.keep_counts(&kept);
    let address = listener.local_addr().map_err(Exit::failed)?;
    tasks.serve(listener, router, service);
    let closing = Box::pin(async move {
        shown.close().await;
        refusals::close(&kept).await;
        store.shutdown().await;
    });
    Ok(Running::new(address, log, tasks, vec![closing]))
}

/// `GET /attempts`: the attempt log lies beside the log, not in the read models.
fn attempts(app: query_api::App, store: Arc<PostgresStore>) -> Router {
    type Asked = Result<Query<AttemptsQuery>, QueryRejection>;
    let answer = move |headers: HeaderMap, query: Asked| {
        let (app, store) = (app.clone(), store.clone());
        async move {
            let allowed = app.allow(&headers, Scope::Audit, "GET /attempts").await;
            allowed.map_err(IntoResponse::into_response)?;
            let page = page_of_attempts(&*store, query).await;
            page.map(IntoResponse::into_response).map_err(IntoResponse::into_response)
        }
    };
    let answer = move |headers, query| {
        let answered = answer(headers, query);
        async move { answered.await.unwrap_or_else(|problem: Response| problem) }
    };
    Router::new().route("/attempts", get(answer))
}
