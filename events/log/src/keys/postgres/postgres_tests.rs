//! The keys in a database keep their laws, outlive their process, are shared by several, and are
//! refused where they must not be used.

use std::{collections::HashSet, fs, os::unix::fs::PermissionsExt as _, path::PathBuf};

use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _, PgConnection};
use tempfile::TempDir;
use uuid::Uuid;

use super::*;
use crate::{
    keys::{KeyFiles, SqliteKeyReader, SqliteKeys, ahead::BATCH, contract},
    postgres::KEYS_SCHEMA,
    testing::TestDatabase,
};

const LOG: LogId = LogId(Uuid::from_u128(1));

/// A database, and a folder for the master key.
struct Place {
    database: TestDatabase,
    folder: TempDir,
}

impl Place {
    fn new(test: &str) -> Option<Self> {
        let database = TestDatabase::new(test)?;
        Some(Self { database, folder: tempfile::tempdir().unwrap() })
    }

    fn master(&self) -> PathBuf {
        self.folder.path().join("master.key")
    }

    async fn open_of(&self, log: LogId, may_create: bool) -> Result<PostgresKeys, KeyError> {
        PostgresKeys::open(&self.database.server(), &self.master(), log, may_create).await
    }

    async fn open(&self) -> PostgresKeys {
        self.open_of(LOG, true).await.unwrap()
    }

    async fn reader(&self) -> PostgresKeyReader {
        PostgresKeyReader::open(&self.database.server(), &self.master(), LOG).await.unwrap()
    }

    async fn session(&self) -> PgConnection {
        self.database.server().options(KEYS_SCHEMA).connect().await.unwrap()
    }

    async fn meddle(&self, sql: &str) {
        self.session().await.execute(AssertSqlSafe(sql.to_owned())).await.unwrap();
    }

    async fn refusal(&self, log: LogId, may_create: bool) -> String {
        match self.open_of(log, may_create).await {
            Err(KeyError::Refused(why)) => why.to_string(),
            opened => panic!("not refused: {:?}", opened.err()),
        }
    }
}

async fn has(store: &impl KeyReader, id: KeyId) -> bool {
    store.keys(vec![id]).await.unwrap()[0].is_here()
}

/// Whoever drops a database while a connection to it is being made waits for that for a minute.
async fn close(stores: [&PostgresKeys; 2]) {
    for keys in stores {
        keys.close().await;
    }
}

macro_rules! laws {
    ($($law:ident)*) => {$(
        #[tokio::test]
        async fn $law() {
            let Some(place) = Place::new(stringify!($law)) else { return };
            let keys = place.open().await;
            contract::$law(&keys).await;
            keys.close().await;
        }
    )*};
}

laws! {
    a_taken_key_is_there
    keys_are_handed_out_once
    answers_come_in_the_order_of_the_ids
    a_destroyed_key_is_gone
    a_key_that_was_never_there_is_unknown
}

#[tokio::test]
async fn keys_outlive_the_process() {
    let Some(place) = Place::new("keys_outlive_the_process") else { return };
    let keys = place.open().await;
    let id = keys.take().await.unwrap();
    keys.close().await;
    let (keys, reader) = (place.open_of(LOG, false).await.unwrap(), place.reader().await);
    assert!(has(&keys, id).await && has(&reader, id).await);
    keys.close().await;
    reader.close().await;
}

#[tokio::test]
async fn what_one_run_did_not_hand_out_no_other_does() {
    let Some(place) = Place::new("what_one_run_did_not_hand_out") else { return };
    let keys = place.open().await;
    keys.take().await.unwrap();
    keys.close().await;
    let sql = "select key_id from keys";
    let made: HashSet<Uuid> = sqlx::query_scalar(sql)
        .fetch_all(&mut place.session().await)
        .await
        .unwrap()
        .into_iter()
        .collect();
    assert_eq!(made.len(), BATCH);
    let keys = place.open_of(LOG, false).await.unwrap();
    for _ in 0..3 * BATCH {
        assert!(!made.contains(&keys.take().await.unwrap().0));
    }
    let old = made.into_iter().map(KeyId).collect();
    assert!(keys.keys(old).await.unwrap().iter().all(KeyState::is_here), "nothing was deleted");
    keys.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_never_hand_out_the_same_key() {
    let Some(place) = Place::new("two_processes_never_hand_out_the_same_key") else { return };
    let (one, two) = (Arc::new(place.open().await), Arc::new(place.open().await));
    let mut takers = tokio::task::JoinSet::new();
    for taker in 0..32 {
        let keys = if taker % 2 == 0 { one.clone() } else { two.clone() };
        takers.spawn(async move {
            let mut taken = Vec::new();
            for _ in 0..100 {
                taken.push(keys.take().await.unwrap());
            }
            taken
        });
    }
    let taken: Vec<_> = takers.join_all().await.concat();
    assert_eq!(taken.iter().collect::<HashSet<_>>().len(), 3_200);
    assert!(one.keys(taken).await.unwrap().iter().all(KeyState::is_here));
    close([&one, &two]).await;
}

#[tokio::test]
async fn two_that_begin_at_once_share_one_key_store() {
    let Some(place) = Place::new("two_that_begin_at_once") else { return };
    let (one, two) = tokio::join!(place.open_of(LOG, true), place.open_of(LOG, true));
    let (one, two) = (one.unwrap(), two.unwrap());
    let id = one.take().await.unwrap();
    assert!(has(&two, id).await);
    close([&one, &two]).await;
}

#[tokio::test]
async fn a_key_that_another_process_destroyed_is_gone_here_too() {
    let Some(place) = Place::new("a_key_that_another_process_destroyed") else { return };
    let (one, two) = (place.open().await, place.open().await);
    let id = one.take().await.unwrap();
    // It sealed something with it.
    assert!(has(&one, id).await);
    two.destroy(id).await.unwrap();
    for _ in 0..2 {
        assert!(!has(&one, id).await, "an erased person can be read");
    }
    close([&one, &two]).await;
}

#[tokio::test]
async fn another_log_and_a_missing_store_are_refused() {
    let Some(place) = Place::new("another_log_and_a_missing_store") else { return };
    assert!(place.refusal(LOG, false).await.contains("missing"));
    assert!(!place.master().exists());
    let schemas = "select count(*) from pg_namespace where nspname = 'annals_keys'";
    let made: i64 =
        sqlx::query_scalar(schemas).fetch_one(&mut place.session().await).await.unwrap();
    assert_eq!(made, 0, "nothing is written on refusal");
    place.open().await.close().await;
    assert!(place.refusal(LogId(Uuid::from_u128(2)), true).await.contains("another log"));
}

#[tokio::test]
async fn a_master_key_that_is_gone_or_another_is_told() {
    let Some(place) = Place::new("a_master_key_that_is_gone") else { return };
    place.open().await.close().await;
    let away = place.folder.path().join("away");
    fs::rename(place.master(), &away).unwrap();
    assert!(place.refusal(LOG, true).await.contains("master.key"));
    assert!(!place.master().exists(), "it is never made anew");
    fs::write(place.master(), format!("{}\n", "17".repeat(32))).unwrap();
    fs::set_permissions(place.master(), fs::Permissions::from_mode(0o600)).unwrap();
    assert!(matches!(place.open_of(LOG, true).await, Err(KeyError::Damaged)));
    fs::rename(away, place.master()).unwrap();
    place.open().await.close().await;
}

#[tokio::test]
async fn a_newer_format_and_a_foreign_schema_are_refused() {
    let Some(place) = Place::new("a_newer_format_of_keys") else { return };
    place.meddle("create schema annals_keys; create table annals_keys.keys (n bigint)").await;
    assert!(place.refusal(LOG, true).await.contains("is no key store of this product"));
    place.meddle("drop schema annals_keys cascade").await;
    place.open().await.close().await;
    place.meddle("update meta set value = '2' where name = 'format'").await;
    assert!(place.refusal(LOG, true).await.contains("has format 2"));
}

#[tokio::test]
async fn a_damaged_key_is_not_an_erased_one() {
    let Some(place) = Place::new("a_damaged_key_is_not_an_erased_one") else { return };
    let keys = place.open().await;
    let id = keys.take().await.unwrap();
    assert!(has(&keys, id).await);
    for wrapped in ["decode(repeat('00', 40), 'hex')", "decode('00', 'hex')", "''"] {
        place.meddle(&format!("update keys set wrapped = {wrapped}")).await;
        assert!(matches!(keys.keys(vec![id]).await.unwrap()[..], [KeyState::Damaged]), "{wrapped}");
    }
    keys.close().await;
}

#[tokio::test]
async fn keys_are_carried_from_a_file_to_a_database_page_by_page() {
    let Some(place) = Place::new("keys_are_carried_from_a_file") else { return };
    let other = tempfile::tempdir().unwrap();
    let files = KeyFiles {
        keys: other.path().join("keys.db"),
        master_key: other.path().join("master.key"),
        log: LOG,
        may_create: true,
    };
    let old = SqliteKeys::open(&files).unwrap();
    let (kept, erased) = (old.take().await.unwrap(), old.take().await.unwrap());
    let sealed = sealed_by(&old, kept).await;
    old.destroy(erased).await.unwrap();
    let reader = SqliteKeyReader::open(&files).unwrap();
    let (server, import) = (place.database.server(), Uuid::from_u128(1));
    let open = async |import, may_begin| {
        PostgresKeyImport::open(&server, &place.master(), LOG, import, may_begin).await
    };
    assert!(!PostgresKeyImport::is_begun(&server).await.unwrap());
    assert!(matches!(open(import, false).await, Err(KeyError::Refused(_))));
    let new = open(import, true).await.unwrap();
    assert_eq!(carry(&reader, &new).await, BATCH - 1);
    assert_eq!(sealed_by(new.reader(), kept).await, sealed);
    assert!(!has(new.reader(), erased).await);
    assert_ne!(fs::read(place.master()).unwrap(), fs::read(&files.master_key).unwrap());

    // What is destroyed between two runs goes in the second one.
    old.destroy(kept).await.unwrap();
    let new = open(import, false).await.unwrap();
    assert_eq!(carry(&reader, &new).await, BATCH - 2);
    assert!(!has(new.reader(), kept).await);

    assert!(PostgresKeyImport::is_begun(&server).await.unwrap());
    assert!(matches!(open(Uuid::from_u128(2), true).await, Err(KeyError::Refused(_))));
    let own = Place::new("keys_are_carried_from_a_file").unwrap();
    own.open().await.close().await;
    let server = own.database.server();
    let other = PostgresKeyImport::open(&server, &own.master(), LOG, import, true).await;
    assert!(matches!(other, Err(KeyError::Refused(_))), "into nobody else's key store");
}

/// Carries all keys, in pages; how many are on both sides then, and that they are the same.
async fn carry(from: &SqliteKeyReader, to: &PostgresKeyImport) -> usize {
    let (mut after, mut count) = (None, 0);
    loop {
        let page = from.export(after, 50).await.unwrap();
        let (begins, last, is_last) = (after, page.last().map(BareKey::id), page.len() < 50);
        to.replace(begins, page, is_last).await.unwrap();
        let page = from.export(begins, 50).await.unwrap();
        let carried = to.reader().export(begins, 50).await.unwrap();
        assert!(page.len() == carried.len());
        assert!(page.iter().zip(&carried).all(|(old, new)| old.is_same(new)));
        count += carried.len();
        if is_last {
            return count;
        }
        after = last;
    }
}

/// What a key makes of nothing: the same for the same key only.
async fn sealed_by(store: &impl KeyReader, id: KeyId) -> Vec<u8> {
    use aws_lc_rs::aead::{Aad, Nonce};
    let key = store.keys(vec![id]).await.unwrap().remove(0).here().unwrap();
    let mut bytes = vec![0; 32];
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key([0; 12]), Aad::empty(), &mut bytes)
        .unwrap();
    bytes
}
