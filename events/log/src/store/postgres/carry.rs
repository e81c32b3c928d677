//! The rungs of the ladder for a log in a database.
//!
//! One process carries; others that start meanwhile wait for it, and go on where it stopped should it
//! end. A command service of an older build that still runs can no longer append from the first
//! transaction on: the function it calls is gone.

use std::{sync::Arc, time::Duration};

use events::{envelope::Position, ids::LogId};
use sqlx::{
    ConnectOptions as _, Connection as _, Executor as _, PgConnection, Row as _,
    postgres::PgBindIterExt as _,
};
use tokio::time::interval;
use uuid::Uuid;

use super::{
    rows::{self, attempt_columns, ledger_columns},
    schema::{number, sql, state},
};
use crate::{
    postgres::{LOG_SCHEMA, PostgresError, Server, cannot_open},
    store::{
        checksum,
        ladder::{BATCH, CARRY, Carried, FORMAT, Hear, Place},
    },
};

/// The advisory lock of the one that carries: `AnnC`.
const CARRYING: i64 = 0x416E_6E43;
/// How often those that wait look.
const RHYTHM: Duration = Duration::from_millis(250);

/// Links the events after one position up to another to those before them in their streams. One
/// whose predecessor is not there is left unlinked: what is damaged stops where it is loaded.
const LINK: &str = "update events e set before_position = b.position, before_leaf = b.leaf \
    from events b where b.stream_key = e.stream_key and b.version = e.version - 1 \
    and e.position > $1 and e.position <= $2";

/// Carries a log over to the format of this build, or waits until another process has.
pub(super) async fn climb(server: &Server, log: LogId, hear: &Hear) -> Result<(), PostgresError> {
    let (server, hear) = (server.clone(), Arc::clone(hear));
    // In a task of its own: a caller that goes away must not leave a transaction half way.
    let carrying = tokio::spawn(async move {
        let carried = carry(&server, log, &hear).await;
        carried.map_err(|error| match error {
            Stop::Damaged(why) => server.refused(why),
            Stop::Database(error) => cannot_open(&server, &error),
        })
    });
    match carrying.await {
        Ok(carried) => carried,
        Err(failed) => std::panic::resume_unwind(failed.into_panic()),
    }
}

/// Why a log is not carried over.
enum Stop {
    Damaged(&'static str),
    Database(sqlx::Error),
}

impl From<sqlx::Error> for Stop {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

async fn carry(server: &Server, log: LogId, hear: &Hear) -> Result<(), Stop> {
    let options = server.options(LOG_SCHEMA).application_name("annals-log-carrying").options([
        ("lock_timeout", "60s"),
        ("jit", "off"),
        ("enable_seqscan", "off"),
        ("enable_hashjoin", "off"),
        ("enable_mergejoin", "off"),
        ("plan_cache_mode", "force_generic_plan"),
        ("synchronous_commit", "on"),
    ]);
    let mut connection = options.connect().await?;
    wait_for_turn(&mut connection, hear).await?;
    let carried = carry_alone(&mut connection, log, hear).await;
    // The lock goes with the session.
    connection.close().await.ok();
    carried
}

async fn wait_for_turn(connection: &mut PgConnection, hear: &Hear) -> Result<(), Stop> {
    let mut rhythm = interval(RHYTHM);
    loop {
        rhythm.tick().await;
        let lock = sqlx::query_scalar("select pg_try_advisory_lock($1)").bind(CARRYING);
        if lock.fetch_one(&mut *connection).await? {
            return Ok(());
        }
        let what = "waiting for the process that does it";
        hear(&Carried { to: FORMAT, what, done: 0, total: 0 });
    }
}

async fn carry_alone(connection: &mut PgConnection, log: LogId, hear: &Hear) -> Result<(), Stop> {
    let format = sqlx::query_scalar::<_, String>("select value from meta where name = 'format'");
    let format = format.fetch_one(&mut *connection).await?.parse::<u32>();
    if format.map_err(|_| Stop::Damaged("its format is not a format"))? < FORMAT {
        begin(connection).await?;
    }
    let place = sqlx::query_scalar::<_, String>("select value from meta where name = $1");
    let Some(text) = place.bind(CARRY).fetch_optional(&mut *connection).await? else {
        return Ok(());
    };
    let place = Place::parse(&text);
    let mut place = place.ok_or(Stop::Damaged("where its carrying stands is no place"))?;
    let state = state(connection).await?;
    let commands = sqlx::query_scalar::<_, i64>("select count(*) from commands");
    let commands = u64::try_from(commands.fetch_one(&mut *connection).await?).unwrap_or(0);
    loop {
        let total = match place {
            Place::Events(_) => state.head.position.0,
            Place::Ledger(..) => commands,
            Place::Attempts(_) => state.attempts,
        };
        hear(&place.told(total));
        connection.execute("begin isolation level read committed").await?;
        let next = step(connection, log, place, total).await?;
        move_to(connection, next).await?;
        connection.execute("commit").await?;
        let Some(next) = next else { return Ok(()) };
        place = next;
    }
}

/// From here on an older build refuses the log, and one that runs cannot append to it.
async fn begin(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    connection.execute("begin isolation level read committed").await?;
    connection.execute(include_str!("rung_1.sql")).await?;
    #[cfg(feature = "planted")]
    super::planted::prepare(connection).await?;
    let format = sqlx::query("update meta set value = $1 where name = 'format'");
    format.bind(FORMAT.to_string()).execute(&mut *connection).await?;
    move_to(connection, Some(Place::START)).await?;
    connection.execute("commit").await.map(drop)
}

async fn move_to(connection: &mut PgConnection, place: Option<Place>) -> Result<(), sqlx::Error> {
    let Some(place) = place else {
        let delete = sqlx::query("delete from meta where name = $1").bind(CARRY);
        return delete.execute(connection).await.map(drop);
    };
    let put = "insert into meta (name, value) values ($1, $2) \
               on conflict (name) do update set value = excluded.value";
    sqlx::query(put).bind(CARRY).bind(place.text()).execute(connection).await.map(drop)
}

/// One piece. The place after it; none when all is done.
async fn step(
    connection: &mut PgConnection,
    log: LogId,
    place: Place,
    total: u64,
) -> Result<Option<Place>, sqlx::Error> {
    match place {
        Place::Events(done) if done < total => {
            let end = (done + BATCH).min(total);
            let link = sqlx::query(LINK).bind(sql(done)).bind(sql(end));
            link.execute(connection).await?;
            Ok(Some(Place::Events(end)))
        }
        Place::Events(_) => Ok(Some(Place::Ledger(0, None))),
        Place::Ledger(done, last) => {
            let next = sum_ledger(connection, log, done, last).await?;
            Ok(Some(next.unwrap_or(Place::Attempts(0))))
        }
        Place::Attempts(done) if done < total => {
            sum_attempts(connection, log, done).await?;
            Ok(Some(Place::Attempts((done + BATCH).min(total))))
        }
        Place::Attempts(_) => sum_checkpoints(connection, log).await.map(|()| None),
    }
}

async fn sum_ledger(
    connection: &mut PgConnection,
    log: LogId,
    done: u64,
    last: Option<Uuid>,
) -> Result<Option<Place>, sqlx::Error> {
    // Two texts: under a plan for any value, one that covers both cases reads from the beginning again.
    let first = concat!(ledger_columns!(), " order by c.command_id limit $1");
    let after =
        concat!(ledger_columns!(), " where c.command_id > $2 order by c.command_id limit $1");
    let read = match last {
        None => sqlx::query(first).bind(sql(BATCH)),
        Some(last) => sqlx::query(after).bind(sql(BATCH)).bind(last),
    };
    let found = read.fetch_all(&mut *connection).await?;
    let Some(end) = found.last() else { return Ok(None) };
    let end: Uuid = end.try_get(0)?;
    // A line that cannot be read gets none, and is told where it is looked up.
    let entries: Vec<_> =
        found.iter().filter_map(|row| rows::unchecked_ledger_entry(row).ok()).collect();
    let write = "update commands c set checksum = n.checksum \
                 from unnest($1::uuid[], $2::bytea[]) as n (id, checksum) where c.command_id = n.id";
    let sums: Vec<_> = entries.iter().map(|entry| checksum::of_entry(log, entry)).collect();
    let write = sqlx::query(write)
        .bind(entries.iter().map(|entry| entry.command_id.0).bind_iter())
        .bind(sums.iter().map(|sum| &sum[..]).bind_iter());
    write.execute(connection).await?;
    Ok(Some(Place::Ledger(done + found.len() as u64, Some(end))))
}

async fn sum_attempts(
    connection: &mut PgConnection,
    log: LogId,
    done: u64,
) -> Result<(), sqlx::Error> {
    let read = concat!(
        "select ",
        attempt_columns!(),
        " from attempts where number > $1 and number <= $2 order by number"
    );
    let read = sqlx::query(read).bind(sql(done)).bind(sql(done + BATCH));
    let found = read.fetch_all(&mut *connection).await?;
    let attempts: Vec<_> =
        found.iter().filter_map(|row| rows::unchecked_attempt(row).ok()).collect();
    let sum = |one: &crate::store::RecordedAttempt| {
        checksum::of_attempt(log, one.number, &one.attempt).to_vec()
    };
    let write = "update attempts a set checksum = n.checksum \
                 from unnest($1::bigint[], $2::bytea[]) as n (number, checksum) \
                 where a.number = n.number";
    let write = sqlx::query(write)
        .bind(attempts.iter().map(|one| sql(one.number)).bind_iter())
        .bind(attempts.iter().map(sum).bind_iter());
    write.execute(connection).await.map(drop)
}

async fn sum_checkpoints(connection: &mut PgConnection, log: LogId) -> Result<(), sqlx::Error> {
    let read = sqlx::query("select name, position from process_checkpoints");
    for row in read.fetch_all(&mut *connection).await? {
        let (name, position): (String, _) = (row.try_get(0)?, Position(number(&row, 1)?));
        let sum = checksum::of_checkpoint(log, &name, position);
        let write = sqlx::query("update process_checkpoints set checksum = $2 where name = $1");
        write.bind(name).bind(&sum[..]).execute(&mut *connection).await?;
    }
    Ok(())
}
