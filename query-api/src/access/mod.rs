//! Questions about the organisation, its users and their tokens.
#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]

mod tokens;

pub(crate) use tokens::{ListedToken, TOKEN_LIST, tokens};

use axum::extract::State;
use projection_service::access::{ORGANIZATION, USERS};

use crate::{
    http::{
        App,
        answer::{self, Answered},
        moment::{Ask, Senses},
        problem::Problem,
    },
    list::{ACTIVE_OR_INACTIVE, List, Test, filter, sort},
};

/// `GET /users`.
pub(crate) static USER_LIST: List = List {
    path: "/users",
    table: &USERS,
    filters: &[
        filter("name", "name_folded", Test::Contains),
        filter("email", "email_folded", Test::Folded),
        filter("state", "state", Test::OneOf(ACTIVE_OR_INACTIVE)),
        filter("manager", "manager_id", Test::Id),
        filter("office", "office", Test::Text),
    ],
    sorts: &[sort("name", "name_folded"), sort("id", "id")],
};

/// The statement that reads the organisation as of a position.
pub(crate) fn organization_statement() -> String {
    format!(
        "select document from {} where from_position <= $1 and to_position > $1 order by id limit 1",
        ORGANIZATION.name
    )
}

/// `GET /organization`.
pub(crate) async fn organization(State(app): State<App>, ask: Ask) -> Answered {
    let (mut moment, params) = app.open(&ask, Senses::Recorded).await?;
    params.finish()?;
    let binds = [moment.position.sql().into()];
    let row = moment.row(&organization_statement(), &binds).await?;
    let row = row.ok_or_else(Problem::not_found)?;
    answer::document(&moment, row.text("document")?, None)
}
