//! Who is asking: a bearer token checked against the projected tokens and users.

use axum::http::{HeaderMap, header};
use events::{
    Position,
    access::{Access, PresentedToken, Scope},
    ids::{TokenId, UserId},
};
use jiff::tz::TimeZone;
use projection_service::{read_side::LiveGeneration, table::Value};

use super::problem::Problem;
use crate::database::{DatabaseError, Row, Snapshot};

/// Where the rows stand, and the token with its user as of that position, if both are in force.
pub(crate) const SESSION: &str = "select c.position, c.zone, t.user_id, t.scopes, t.secret_sha256 \
     from checkpoint c left join tokens t on t.id = $1 and t.to_position = 9223372036854775807 \
     and t.state = 'Active' and exists (select 1 from users u where u.id = t.user_id \
     and u.to_position = 9223372036854775807 and u.state = 'Active') where c.id = 1";

/// A caller whose token was checked.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) user: UserId,
    pub(crate) token: TokenId,
    scopes: Vec<Scope>,
}

impl Caller {
    /// Whether the token opens that.
    pub(crate) fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }

    /// Refuses a caller whose token does not open that.
    pub(crate) fn require(&self, access: Access) -> Result<(), Problem> {
        let Access::Scope(scope) = access else { return Ok(()) };
        if self.may(scope) {
            return Ok(());
        }
        let detail = format!("the token does not have the scope `{}`", scope.name());
        Err(Problem::new(axum::http::StatusCode::FORBIDDEN, "access.denied", detail))
    }
}

/// The only bearer token of a request.
pub(crate) fn bearer(headers: &HeaderMap) -> Result<PresentedToken, Problem> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(Problem::unauthenticated());
    };
    value
        .to_str()
        .ok()
        .and_then(PresentedToken::of_authorization)
        .ok_or_else(Problem::unauthenticated)
}

/// A moment of the read models, and who looks at it.
pub(crate) struct Session {
    pub(crate) generation: LiveGeneration,
    pub(crate) snapshot: Snapshot,
    pub(crate) position: Position,
    pub(crate) zone: TimeZone,
    /// None where the token is unknown at this position, not accepted yet, revoked, of a disabled user, or wrong.
    pub(crate) caller: Option<Caller>,
}

impl Session {
    /// Looks at the present moment of the read models.
    pub(crate) async fn begin(
        generation: LiveGeneration,
        token: &PresentedToken,
    ) -> Result<Self, DatabaseError> {
        let mut snapshot = Snapshot::begin(&generation.pool).await?;
        let row = snapshot.row(SESSION, &[Value::Id(token.id().0)]).await?;
        let Some(row) = row else {
            // No checkpoint: the generation has only just been made.
            return Ok(Self {
                generation,
                snapshot,
                position: Position::START,
                zone: TimeZone::UTC,
                caller: None,
            });
        };
        let position = Position::from_sql(row.int("position")?);
        let zone = row.text_or_none("zone")?.and_then(|name| TimeZone::get(name).ok());
        let caller = caller(&row, token)?;
        let zone = zone.unwrap_or(TimeZone::UTC);
        Ok(Self { generation, snapshot, position, zone, caller })
    }
}

fn caller(row: &Row, token: &PresentedToken) -> Result<Option<Caller>, DatabaseError> {
    let Some(user) = row.id_or_none("user_id")? else { return Ok(None) };
    if !token.opens(row.text("secret_sha256")?) {
        return Ok(None);
    }
    let scopes = row.text("scopes")?.split(' ').filter_map(Scope::from_name).collect();
    Ok(Some(Caller { user: UserId(user), token: token.id(), scopes }))
}
