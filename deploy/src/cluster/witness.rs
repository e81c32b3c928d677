//! Whether the log in a database is the one that was there before, by the mark beside the keys and by
//! the read models.

use command_service::reactions::CHECKPOINT;
use events::{
    CrmEvent, Leaf, Payload, Position, Version, access::OrganizationEvent, ids::OrganizationId,
};
use events_log::{
    keys::PostgresKeys,
    postgres::Server,
    store::{
        EventFeed as _, EventStore as _, StoreError, StreamReader as _, postgres::PostgresStore,
    },
};
use projection_service::witness;

use super::{exit_of, exit_of_keys};
use crate::{
    exit::Exit,
    guard::{Looked, Remembers},
    mark::{Found, Held, Known},
};

/// How many events of the organisation are read at most.
const EVENTS: usize = 10_000;

/// Looks at the log and refuses one that is older than is known. `accepted` is the position that the
/// operator repeated.
///
/// # Errors
/// One line that says what was found, and the switch.
pub(crate) async fn look(
    store: &PostgresStore,
    keys: &PostgresKeys,
    read: &Server,
    installation_key: &[u8; 32],
    accepted: Option<u64>,
) -> Result<Looked, Exit> {
    // What bears witness is asked before the log: others may be writing, and a log that is asked later
    // holds all that was known before.
    let text = keys.mark().await.map_err(|error| exit_of_keys(&error))?;
    let found = text.map_or(Found::Missing, |text| Found::of(Some(&text), installation_key));
    let seen = match witness::of_postgres(read, store.log_id()).await {
        Ok(seen) => seen,
        // Commands are taken without them.
        Err(error) => {
            tracing::warn!(%error, "the read models cannot be asked how long the log was");
            None
        }
    };
    let head = store.head().await.map_err(Exit::failed)?.position;
    let at = async |position| leaf(store, position).await.map_err(Exit::failed);
    let mut reads = None;
    if let Some((position, leaf)) = seen {
        reads = Some(Known { position, leaf: Some(leaf), there: at(position).await? });
    }
    let held = Held {
        log: store.log_id(),
        head,
        leaf: at(head).await?,
        keeps_mark: keeps_mark(store).await?,
        found,
        at_mark: match found.mark() {
            Some(mark) => at(mark.position).await?,
            None => None,
        },
        reads,
        cut: cut(store).await.map_err(Exit::failed)?,
    };
    Looked::judged(&held, accepted)
}

/// The leaf of the event at a position; none where there is no such event.
async fn leaf(store: &PostgresStore, position: Position) -> Result<Option<Leaf>, StoreError> {
    if position == Position::START {
        return Ok(None);
    }
    let before = Position(position.0.saturating_sub(1));
    let event = store.read(before, 1).await?.pop().filter(|event| event.position == position);
    Ok(event.map(|event| event.leaf))
}

/// Where the log ended that was accepted last in place of a newer one.
async fn cut(store: &PostgresStore) -> Result<Option<Position>, StoreError> {
    let organization = OrganizationId(store.log_id().0).stream();
    let events = store.read_stream(organization, Version::NONE, EVENTS).await?;
    let mut newest_first =
        events.iter().rev().filter_map(|event| Payload::decode(&event.event).ok());
    Ok(newest_first.find_map(|payload| {
        let CrmEvent::Organization(OrganizationEvent::OlderLogAccepted(accepted)) = payload.event
        else {
            return None;
        };
        Some(Position(accepted.position))
    }))
}

async fn keeps_mark(store: &PostgresStore) -> Result<bool, Exit> {
    let database = store.database();
    let asked = database.run(|connection| {
        let sql = "select exists (select from meta where name = 'keeps_mark')";
        Box::pin(sqlx::query_scalar(sql).fetch_one(connection))
    });
    asked.await.map_err(|error| exit_of(&database.server().failed(&error)))
}

impl Remembers for PostgresStore {
    async fn remember_mark(&self) -> Result<(), Exit> {
        let sql = "insert into meta values ('keeps_mark', '1') on conflict do nothing";
        self.change(sql, None).await
    }

    async fn set_back(&self, head: Position) -> Result<(), Exit> {
        if self.checkpoint(CHECKPOINT).await.map_err(Exit::failed)? > head {
            let sql = "delete from process_checkpoints where position > $1";
            self.change(sql, Some(head)).await?;
            self.save_checkpoint(CHECKPOINT, head).await.map_err(Exit::failed)?;
        }
        Ok(())
    }
}

/// Something rare that is changed beside the events.
trait Change {
    async fn change(&self, sql: &'static str, position: Option<Position>) -> Result<(), Exit>;
}

impl Change for PostgresStore {
    async fn change(&self, sql: &'static str, position: Option<Position>) -> Result<(), Exit> {
        let database = self.database();
        let changed = database.transaction("begin", move |connection| {
            let mut query = sqlx::query(sql);
            if let Some(position) = position {
                query = query.bind(position.sql());
            }
            Box::pin(query.execute(connection))
        });
        changed.await.map(drop).map_err(|error| exit_of(&database.server().failed(&error)))
    }
}
