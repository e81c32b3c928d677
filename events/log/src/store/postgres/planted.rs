//! Two mistakes of a writer, to see whether they are caught.

use std::sync::Arc;

use events::envelope::Position;
use sqlx::{AssertSqlSafe, Executor as _, PgConnection};

use super::{
    failure::Failure,
    link::{Link, Status},
    schema::sql,
};
use crate::{
    planted::Mistake,
    store::{Appended, group::Answers, sequencer::Admission},
};

/// Leaves the commit to [`commit`]. Not where the head is locked: there the lock would be given up
/// with what is rolled back, and another process would be seen without any fault.
pub(super) async fn begin(link: &mut Link, admission: &Admission) -> Result<(), Failure> {
    if is_early(Some(admission)) {
        // What failed before is still under way.
        link.say("rollback").await?;
        link.say("begin").await?;
    }
    Ok(())
}

/// What was not stored is not left under way.
pub(super) async fn end(link: &mut Link, status: Status) -> Result<(), Failure> {
    if Mistake::AcknowledgeBeforeCommit.is_planted() && status != Status::Stored {
        link.say("rollback").await?;
    }
    Ok(())
}

/// Gives the events the positions of the sequence.
pub(super) async fn renumber(link: &mut Link, admission: Admission) -> Result<Admission, Failure> {
    if !Mistake::PlainSequence.is_planted() || admission.events.is_empty() {
        return Ok(admission);
    }
    let last = link.draw(sql(admission.events.len() as u64)).await?;
    Ok(moved(admission, Position::from_sql(last)))
}

/// Whether commands are acknowledged before they are committed. Not those that something reacts to
/// at once: it would be seen without any fault.
pub(super) fn is_early(admission: Option<&Admission>) -> bool {
    Mistake::AcknowledgeBeforeCommit.is_planted()
        && admission.is_some_and(|admission| {
            let mut names =
                admission.events.iter().map(|placed| &*placed.event.event.event_type.name);
            names.all(|name| name != "quote.accepted")
        })
}

/// What is answered then.
pub(super) fn answers(sent: Option<&Admission>) -> Answers {
    let none = || Answers { appends: Vec::new(), attempts: 0 };
    sent.map_or_else(none, |sent| sent.clone().into_answers())
}

/// Commits what was acknowledged; whether that was possible.
pub(super) async fn commit(link: &mut Link) -> bool {
    link.say("commit").await.is_ok()
}

fn moved(mut admission: Admission, last: Position) -> Admission {
    let by = last.0 - admission.after.head.position.0;
    admission.after.head.position.0 += by;
    for placed in &mut admission.events {
        Arc::make_mut(&mut placed.event).position.0 += by;
    }
    for (_, entry) in &mut admission.ledger {
        entry.receipt.position.0 += by;
    }
    for answer in admission.answers.iter_mut().flatten() {
        if let Appended::Stored(receipt) = answer {
            receipt.position.0 += by;
        }
    }
    admission
}

/// Makes the sequence, and lets the function `append` take the positions it is given.
pub(super) async fn prepare(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    if !Mistake::PlainSequence.is_planted() {
        return Ok(());
    }
    let rung = include_str!("rung_1.sql");
    let begin = rung.find("create function append_2(").unwrap_or_default();
    let function = rung[begin..]
        .replace("create function", "create or replace function")
        .replace("at_position + nth", "after_position - cardinality(e_ids) + nth");
    connection.execute("create sequence positions").await?;
    connection.execute(AssertSqlSafe(function)).await.map(drop)
}
