//! One command id, one effect, one answer.

use events::envelope::{Actor, Version};
use uuid::Uuid;

use super::{ACTOR, Log, Subject, after, assert_conflict, good};
use crate::store::{AppendError, Appended, Fingerprint, LedgerEntry, Receipt};

fn assert_reused(answer: &Result<Appended, AppendError>) {
    assert!(matches!(answer, Err(AppendError::CommandReused)), "{answer:?}");
}

/// On every store.
pub async fn a_repeat_has_the_same_receipt_and_stores_nothing<S: Subject>() {
    let log = Log::<S>::fresh().await;
    let append = log.says("once", log.stream("a"), 0, &["one", "two"]);
    let first = log.stored(append.clone()).await;
    for _ in 0..3 {
        assert_eq!(log.stored(append.clone()).await, first);
    }
    assert_eq!(log.read().await.len(), 2);
}

/// The caller is told which it was.
pub async fn a_repeat_is_told_from_the_first<S: Subject>() {
    let log = Log::<S>::fresh().await;
    let append = log.says("once", log.stream("a"), 0, &["one"]);
    let Appended::Stored(receipt) = good(log.append(append.clone()).await) else {
        panic!("the first was not stored");
    };
    assert_eq!(good(log.append(append).await), Appended::AlreadyStored(receipt));
}

/// Also when the stream is longer by now, and the expected version is stale.
pub async fn a_repeat_after_later_events_has_the_first_receipt<S: Subject>() {
    let log = Log::<S>::fresh().await;
    let stream = log.stream("a");
    let append = log.says("once", stream, 0, &["one"]);
    let first = log.stored(append.clone()).await;
    log.stored(log.says("later", stream, 1, &["two"])).await;
    assert_eq!(good(log.append(append).await), Appended::AlreadyStored(first));
    let mut stale = log.says("once", stream, 77, &["one"]);
    stale.events.clear();
    assert_eq!(good(log.append(stale).await), Appended::AlreadyStored(first));
    assert_eq!(log.read_stream(stream).await.len(), 2);
}

/// The ledger is as durable as the log.
pub async fn a_repeat_after_a_restart_has_the_first_receipt<S: Subject>() {
    let log = Log::<S>::fresh().await;
    let append = log.says("once", log.stream("a"), 0, &["one"]);
    let first = log.stored(append.clone()).await;
    let log = log.reopened().await;
    assert_eq!(good(log.append(append).await), Appended::AlreadyStored(first));
    assert_eq!(log.read().await.len(), 1);
}

/// With no effect.
pub async fn a_command_id_is_refused_for_another_body<S: Subject>() {
    let log = Log::<S>::fresh().await;
    let stream = log.stream("a");
    log.stored(log.says("once", stream, 0, &["one"])).await;
    assert_reused(&log.append(log.says("once", stream, 1, &["other"])).await);
    assert_reused(&log.append(log.says("once", log.stream("b"), 0, &["other"])).await);
    assert_eq!(log.read().await.len(), 1);
}

/// Who must not learn what the first answer was.
pub async fn a_command_id_is_refused_to_another_actor<S: Subject>() {
    let log = Log::<S>::fresh().await;
    let append = log.says("once", log.stream("a"), 0, &["one"]);
    log.stored(append.clone()).await;
    let other = Actor { id: Uuid::from_u128(8), ..ACTOR };
    assert_reused(&log.append(crate::store::Append { actor: other, ..append.clone() }).await);
    let process = Actor { kind: events::envelope::ActorKind::Process, ..ACTOR };
    assert_reused(&log.append(crate::store::Append { actor: process, ..append }).await);
    assert_eq!(log.read().await.len(), 1);
}

/// A conflict would invite a retry that can never succeed.
pub async fn a_reused_command_id_is_refused_before_its_version_is_judged<S: Subject>() {
    let log = Log::<S>::fresh().await;
    let stream = log.stream("a");
    log.stored(log.says("once", stream, 0, &["one"])).await;
    assert_reused(&log.append(log.says("once", stream, 55, &["other"])).await);
}

/// The second joins the first.
pub async fn the_same_command_twice_in_a_batch_is_stored_once<S: Subject>() {
    let log = Log::<S>::fresh().await;
    let append = log.says("once", log.stream("a"), 0, &["one", "two"]);
    let between = log.says("between", log.stream("b"), 0, &["three"]);
    let answers = log.append_all(vec![append.clone(), between, append]).await;
    let Ok(Appended::Stored(receipt)) = answers[0] else { panic!("{answers:?}") };
    assert!(matches!(answers[1], Ok(Appended::Stored(_))), "{answers:?}");
    assert_eq!(good(answers[2].clone()), Appended::AlreadyStored(receipt));
    assert_eq!(log.read().await.len(), 3);
}

/// The first has the id.
pub async fn another_body_of_the_same_id_in_a_batch_is_refused<S: Subject>() {
    let log = Log::<S>::fresh().await;
    let stream = log.stream("a");
    let batch =
        vec![log.says("once", stream, 0, &["one"]), log.says("once", stream, 1, &["other"])];
    let answers = log.append_all(batch).await;
    assert!(answers[0].is_ok(), "{answers:?}");
    assert_reused(&answers[1]);
    assert_eq!(log.read().await.len(), 1);
}

/// Refusals are judged afresh: after a lost race the same command can succeed.
pub async fn a_refused_command_is_not_remembered<S: Subject>() {
    let log = Log::<S>::fresh().await;
    let stream = log.stream_of("a", 1).await;
    assert_conflict(&log.append(log.says("try", stream, 0, &["x"])).await, 1);
    assert_eq!(log.lookup("try").await, None);
    assert_eq!(log.stored(log.says("try", stream, 1, &["x"])).await.version, Version(2));
}

/// Of two that race, the one that loses is tried again; from then on both are remembered.
pub async fn a_command_that_lost_a_race_is_remembered_once_it_was_stored<S: Subject>() {
    let log = Log::<S>::fresh().await;
    let stream = log.stream_of("a", 1).await;
    let rivals = ["left", "right"].map(|name| log.says(name, stream, 1, &[name]));
    let racing = rivals.clone().map(|rival| {
        let store = log.store();
        tokio::spawn(async move { store.append(vec![rival]).await.remove(0) })
    });
    let mut receipts = Vec::new();
    for (rival, racing) in rivals.iter().zip(racing) {
        receipts.push(match good(racing.await) {
            Ok(appended) => Some(appended.receipt()),
            lost => {
                assert_conflict(&lost, 2);
                assert_eq!(good(log.store().lookup(vec![rival.command_id]).await), [None]);
                None
            }
        });
    }
    assert_eq!(receipts.iter().flatten().count(), 1, "one of them wins");
    for (rival, receipt) in rivals.into_iter().zip(receipts) {
        let mut again = rival.clone();
        again.expected = Version(2);
        let receipt = match receipt {
            Some(receipt) => receipt,
            None => log.stored(again.clone()).await,
        };
        // As it was sent first, and as it was stored in the end.
        for repeat in [rival, again] {
            assert_eq!(good(log.append(repeat).await), Appended::AlreadyStored(receipt));
        }
    }
    assert_eq!(log.read_stream(stream).await.len(), 3);
}

/// Only what was accepted is joined.
pub async fn a_command_refused_in_a_batch_is_judged_afresh_in_the_same_batch<S: Subject>() {
    let log = Log::<S>::fresh().await;
    let stream = log.stream_of("a", 1).await;
    let batch = vec![
        log.says("try", stream, 0, &["x"]),
        log.says("try", stream, 1, &["x"]),
        log.says("try", stream, 0, &["x"]),
    ];
    let answers = log.append_all(batch).await;
    assert_conflict(&answers[0], 1);
    let Ok(Appended::Stored(receipt)) = answers[1] else { panic!("{answers:?}") };
    assert_eq!(good(answers[2].clone()), Appended::AlreadyStored(receipt));
}

/// The receipt names the end of the log as it was.
pub async fn a_command_without_events_is_remembered<S: Subject>() {
    let log = Log::<S>::fresh().await;
    let stream = log.stream_of("a", 3).await;
    let head = log.head().await;
    let quiet = log.says("quiet", stream, 3, &[]);
    let receipt = Receipt { stream, version: Version(3), position: head.position, events: 0 };
    assert_eq!(good(log.append(quiet.clone()).await), Appended::Stored(receipt));
    log.stored(log.says("loud", stream, 3, &["four"])).await;
    assert_eq!(good(log.append(quiet.clone()).await), Appended::AlreadyStored(receipt));
    let log = log.reopened().await;
    assert_eq!(good(log.append(quiet).await), Appended::AlreadyStored(receipt));
    assert_reused(&log.append(log.says("quiet", stream, 4, &["other"])).await);
    assert_eq!(log.head().await.position, after(head.position, 1));
}

/// "Nothing left to do" was decided from a state, too.
pub async fn a_command_without_events_must_expect_the_right_version<S: Subject>() {
    let log = Log::<S>::fresh().await;
    let stream = log.stream_of("a", 3).await;
    assert_conflict(&log.append(log.says("quiet", stream, 2, &[])).await, 3);
    assert_conflict(&log.append(log.says("quiet", log.stream("b"), 1, &[])).await, 0);
    assert_eq!(log.lookup("quiet").await, None);
}

/// It is there only once something happened.
pub async fn a_command_without_events_makes_no_stream<S: Subject>() {
    let log = Log::<S>::fresh().await;
    let stream = log.stream("a");
    let receipt = log.stored(log.says("quiet", stream, 0, &[])).await;
    assert_eq!((receipt.stream, receipt.version), (stream, Version::NONE));
    assert!(log.read_stream(stream).await.is_empty());
    let log = log.reopened().await;
    assert_conflict(&log.append(log.says("early", stream, 1, &["x"])).await, 0);
    assert_eq!(log.stored(log.says("first", stream, 0, &["x"])).await.version, Version(1));
}

/// One answer for each, also for repeats and strangers.
pub async fn a_lookup_answers_in_the_order_of_the_question<S: Subject>() {
    let log = Log::<S>::fresh().await;
    let a = log.says("a", log.stream("a"), 0, &["x"]);
    let b = log.says("b", log.stream("b"), 0, &["x", "y"]);
    let receipts = [log.stored(a.clone()).await, log.stored(b.clone()).await];
    let entry = |append: &crate::store::Append, receipt| LedgerEntry {
        command_id: append.command_id,
        fingerprint: append.fingerprint,
        actor: append.actor,
        receipt,
    };
    let (a, b) = (entry(&a, receipts[0]), entry(&b, receipts[1]));
    let question = ["b", "nobody", "a", "b"].map(|name| log.command(name)).to_vec();
    let answer = good(log.store().lookup(question).await);
    assert_eq!(answer, [Some(b), None, Some(a), Some(b)]);
    assert!(good(log.store().lookup(Vec::new()).await).is_empty());
}

/// With the fingerprint and the actor, so that a retry is told from a reuse.
pub async fn a_lookup_finds_accepted_commands_after_a_restart<S: Subject>() {
    let log = Log::<S>::fresh().await;
    let append = log.says("once", log.stream("a"), 0, &["one"]);
    let receipt = log.stored(append.clone()).await;
    let log = log.reopened().await;
    let Some(entry) = log.lookup("once").await else { panic!("the ledger forgot") };
    assert_eq!(entry.receipt, receipt);
    assert_eq!(entry.actor, ACTOR);
    assert_eq!(entry.fingerprint, append.fingerprint);
    assert_ne!(entry.fingerprint, Fingerprint([0; 32]));
}
