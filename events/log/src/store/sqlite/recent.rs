//! The look at the end of a log in a file, at each start.

use std::sync::Arc;

use events::{envelope::Position, ids::LogId};
use rusqlite::Connection;

use super::{failure::Failure, reader::Reader, schema::sql};
use crate::store::{
    recent::{CHECKS, RECENT, first_changed},
    sequencer::LogState,
};

/// What is damaged there: the place and what is wrong.
pub(super) fn look(
    connection: &Connection,
    log: LogId,
    state: LogState,
) -> Vec<(String, Arc<str>)> {
    let mut damage = Vec::new();
    let mut note = |place: &str, found: Result<Option<String>, Failure>| match found {
        Ok(None) => {}
        Ok(Some(what)) => damage.push((place.to_owned(), what.into())),
        Err(failure) => {
            damage.push((place.to_owned(), failure.to_store_error().to_string().into()));
        }
    };
    let end = state.head.position;
    let after = Position(end.0.saturating_sub(RECENT));
    let limit = usize::try_from(RECENT).unwrap_or(usize::MAX);
    match Reader::new(connection, log) {
        Ok(mut reader) => {
            let events = reader.log(after, end, limit);
            note("log", events.map(|events| first_changed(log, &events)));
            let attempts = reader.attempts(state.attempts.saturating_sub(RECENT), limit);
            note("attempts", attempts.map(|_| None));
            note("checkpoints", reader.checkpoints().map(|_| None));
        }
        Err(error) => note("log", Err(error.into())),
    }
    for check in &CHECKS {
        let found = connection.prepare(check.sql).and_then(|mut statement| {
            let mut rows = statement.query([after.sql()])?;
            rows.next()?.map(|row| row.get::<_, i64>(1)).transpose()
        });
        let told = |position| format!("position {position}: {}", check.what);
        note(check.kind, found.map(|found| found.map(told)).map_err(Failure::from));
    }
    let summed = sum_ledger(connection, log, after);
    note("ledger", summed.map(|()| None));
    damage
}

/// The lines of the ledger of these events match their checksums.
fn sum_ledger(connection: &Connection, log: LogId, after: Position) -> Result<(), Failure> {
    let mut statement = connection.prepare(concat!(
        super::rows::ledger_columns!(),
        " where c.command_id in (select command_id from events where position > ?1) limit ?2"
    ))?;
    let mut rows = statement.query((after.sql(), sql(RECENT)))?;
    while let Some(row) = rows.next()? {
        super::rows::ledger_entry(row, log)?;
    }
    Ok(())
}
