//! The routes of the query API.

use axum::{
    Router,
    extract::{Path, Request, State},
    http::Method,
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{MethodRouter, get},
};
use events::{
    access::{Access, Scope},
    ids::Category,
};
use projection_service::{
    access::UserRecord,
    customers::{AccountRecord, ConnectionRecord, ConnectionRoleRecord, ContactRecord, NoteRecord},
    record::Record,
    sales::{OpportunityRecord, OrderRecord, QuoteRecord},
};

use super::{App, moment::Ask, problem::Problem};
use crate::{
    access::{TOKEN_LIST, USER_LIST, organization, tokens},
    customers::{
        connections::connections,
        lists::{ACCOUNT_LIST, CONNECTION_ROLE_LIST, CONTACT_LIST},
        timeline::timeline,
    },
    feed::feed,
    history::history,
    list::List,
    records,
    sales::{
        chains::sales,
        lists::{OPPORTUNITY_LIST, ORDER_LIST, QUOTE_LIST},
        revenue::{expected_revenue, of_account, of_contact, pipeline},
    },
};

/// Every list, in the order of the document.
pub(crate) static LISTS: [&List; 7] = [
    &ACCOUNT_LIST,
    &CONTACT_LIST,
    &OPPORTUNITY_LIST,
    &QUOTE_LIST,
    &ORDER_LIST,
    &CONNECTION_ROLE_LIST,
    &USER_LIST,
];

/// Where single connections are; records list their own.
pub(crate) const CONNECTIONS: &str = "/connections";
/// Where single notes are; timelines tell of them.
pub(crate) const NOTES: &str = "/notes";

/// Which tokens open a route of the query API: the one place that says so. Histories and the log
/// itself are for auditors; whoever asks for tokens sees at least their own.
#[must_use]
pub fn access_of(route: &str) -> Access {
    match route {
        "/events" => Access::Scope(Scope::Audit),
        "/tokens" => Access::AnyToken,
        _ if route.ends_with("/history") => Access::Scope(Scope::Audit),
        _ => Access::Scope(Scope::Read),
    }
}

/// The routes of the query API.
pub fn router(app: App) -> Router {
    let router = Router::new();
    let router = with_record::<AccountRecord>(router, &ACCOUNT_LIST);
    let router = with_record::<ContactRecord>(router, &CONTACT_LIST);
    let router = with_record::<OpportunityRecord>(router, &OPPORTUNITY_LIST);
    let router = with_record::<QuoteRecord>(router, &QUOTE_LIST);
    let router = with_record::<OrderRecord>(router, &ORDER_LIST);
    let router = with_record::<ConnectionRoleRecord>(router, &CONNECTION_ROLE_LIST);
    let router = with_record::<UserRecord>(router, &USER_LIST);
    let router = with_one::<ConnectionRecord>(router, CONNECTIONS);
    let router = with_one::<NoteRecord>(router, NOTES);
    router
        .route("/organization", get(organization))
        .route(TOKEN_LIST.path, get(tokens))
        .route("/accounts/{id}/timeline", get(timeline::<AccountRecord>))
        .route("/contacts/{id}/timeline", get(timeline::<ContactRecord>))
        .route("/opportunities/{id}/timeline", get(timeline::<OpportunityRecord>))
        .route("/accounts/{id}/connections", get(connections::<AccountRecord>))
        .route("/contacts/{id}/connections", get(connections::<ContactRecord>))
        .route("/opportunities/{id}/connections", get(connections::<OpportunityRecord>))
        .route("/accounts/{id}/sales", get(sales::<AccountRecord>))
        .route("/contacts/{id}/sales", get(sales::<ContactRecord>))
        .route("/accounts/{id}/expected-revenue", get(of_account))
        .route("/contacts/{id}/expected-revenue", get(of_contact))
        .route("/expected-revenue", get(expected_revenue))
        .route("/pipeline", get(pipeline))
        .layer(middleware::from_fn(to_the_end))
        // Whoever hangs up while it waits is forgotten at once.
        .route("/events", get(feed))
        .with_state(app)
}

fn with_record<R: Record + 'static>(router: Router<App>, list: &'static List) -> Router<App> {
    let router =
        router.route(list.path, get(move |state: State<App>, ask: Ask| page(state, ask, list)));
    with_one::<R>(router, list.path)
}

fn with_one<R: Record + 'static>(router: Router<App>, path: &str) -> Router<App> {
    router
        .route(&format!("{path}/{{id}}"), get(records::record::<R>))
        .route(&format!("{path}/{{id}}/history"), history_of(R::CATEGORY))
}

fn history_of(category: Category) -> MethodRouter<App> {
    get(move |state: State<App>, path: Path<String>, ask: Ask| history(state, path, ask, category))
}

async fn page(State(app): State<App>, ask: Ask, list: &'static List) -> super::answer::Answered {
    records::page(&app, &ask, list).await
}

/// Runs a question in a task of its own, which a caller who hangs up does not drop: a transaction
/// is never left in the middle of a statement.
async fn to_the_end(request: Request, next: Next) -> Response {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return next.run(request).await;
    }
    let answered = tokio::spawn(next.run(request)).await;
    answered.unwrap_or_else(|cause| Problem::damaged(cause).into_response())
}
