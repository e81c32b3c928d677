//! The key file keeps its laws, outlives its process, and refuses what it must not be used with.

use std::{
    collections::HashSet,
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
};

use rusqlite::Connection;
use tempfile::TempDir;
use uuid::Uuid;

use super::*;
use crate::keys::contract;

fn files(folder: &Path) -> KeyFiles {
    KeyFiles {
        keys: folder.join("keys.db"),
        master_key: folder.join("master.key"),
        log: LogId(Uuid::from_u128(1)),
        may_create: true,
    }
}

fn existing(folder: &Path) -> KeyFiles {
    KeyFiles { may_create: false, ..files(folder) }
}

/// A folder with a key store that was used, and one of its keys.
async fn used() -> (TempDir, KeyId) {
    let folder = tempfile::tempdir().unwrap();
    let id = SqliteKeys::open(&files(folder.path())).unwrap().take().await.unwrap();
    (folder, id)
}

async fn has(store: &impl KeyReader, id: KeyId) -> bool {
    store.keys(vec![id]).await.unwrap()[0].is_here()
}

fn refusal(files: &KeyFiles) -> String {
    match (SqliteKeys::open(files), SqliteKeyReader::open(files)) {
        (Err(KeyError::Refused(why)), Err(KeyError::Refused(_))) => why.to_string(),
        (opened, _) => panic!("not refused: {:?}", opened.err()),
    }
}

macro_rules! laws {
    ($($law:ident)*) => {$(
        #[tokio::test]
        async fn $law() {
            let folder = tempfile::tempdir().unwrap();
            contract::$law(&SqliteKeys::open(&files(folder.path())).unwrap()).await;
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
    let (folder, id) = used().await;
    assert!(has(&SqliteKeys::open(&existing(folder.path())).unwrap(), id).await);
    assert!(has(&SqliteKeyReader::open(&existing(folder.path())).unwrap(), id).await);
}

#[tokio::test]
async fn what_one_run_did_not_hand_out_no_other_does() {
    let (folder, _) = used().await;
    let made: HashSet<Vec<u8>> = {
        let db = Connection::open(folder.path().join("keys.db")).unwrap();
        let mut statement = db.prepare("select key_id from keys").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    assert_eq!(made.len(), BATCH);
    let keys = SqliteKeys::open(&existing(folder.path())).unwrap();
    for _ in 0..3 * BATCH {
        let id = keys.take().await.unwrap();
        assert!(!made.contains(id.0.as_bytes().as_slice()));
    }
    let old = made.iter().map(|id| KeyId(Uuid::from_slice(id).unwrap())).collect();
    assert!(keys.keys(old).await.unwrap().iter().all(KeyState::is_here), "nothing was deleted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_never_hand_out_the_same_key() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Arc::new(SqliteKeys::open(&files(folder.path())).unwrap());
    let (one, two) = (open(), open());
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
}

#[tokio::test]
async fn only_the_owner_may_read_the_files() {
    let (folder, _) = used().await;
    let keys = SqliteKeys::open(&existing(folder.path())).unwrap();
    keys.take().await.unwrap();
    let mut names = Vec::new();
    for entry in fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().mode() & 0o777, 0o600, "{:?}", entry.file_name());
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort();
    assert_eq!(names, ["keys.db", "keys.db-shm", "keys.db-wal", "master.key"]);
}

#[tokio::test]
async fn a_destroyed_key_is_in_no_file_any_more() {
    let (folder, id) = used().await;
    let wrapped: Vec<u8> = {
        let db = Connection::open(folder.path().join("keys.db")).unwrap();
        let select = "select wrapped from keys where key_id = $1";
        db.query_row(select, [id.0.as_bytes()], |row| row.get(0)).unwrap()
    };
    let found = |needle: &[u8]| {
        fs::read_dir(folder.path()).unwrap().any(|entry| {
            let bytes = fs::read(entry.unwrap().path()).unwrap();
            bytes.windows(needle.len()).any(|window| window == needle)
        })
    };
    let keys = SqliteKeys::open(&existing(folder.path())).unwrap();
    assert!(found(&wrapped));
    keys.destroy(id).await.unwrap();
    // Its id stays, as the tombstone that tells it from one that was lost.
    assert!(!found(&wrapped));
    assert!(!has(&SqliteKeyReader::open(&existing(folder.path())).unwrap(), id).await);
}

#[tokio::test]
async fn a_backup_opens_with_the_same_master_key_only() {
    let (folder, id) = used().await;
    let keys = SqliteKeys::open(&existing(folder.path())).unwrap();
    let copy = folder.path().join("copy.db");
    keys.backup_to(copy.clone()).await.unwrap();
    assert_eq!(fs::metadata(&copy).unwrap().mode() & 0o777, 0o600);
    assert!(keys.backup_to(copy.clone()).await.is_err(), "nothing is overwritten");

    let mut copied = existing(folder.path());
    copied.keys = copy;
    assert!(has(&SqliteKeyReader::open(&copied).unwrap(), id).await);
    copied.master_key = folder.path().join("other.key");
    fs::write(&copied.master_key, format!("{}\n", "17".repeat(32))).unwrap();
    fs::set_permissions(&copied.master_key, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(matches!(SqliteKeys::open(&copied), Err(KeyError::Damaged)));
}

#[tokio::test]
async fn another_log_is_refused() {
    let (folder, _) = used().await;
    let other = KeyFiles { log: LogId(Uuid::from_u128(2)), ..files(folder.path()) };
    assert!(refusal(&other).contains("another log"));
}

#[tokio::test]
async fn a_missing_file_is_never_made_anew() {
    let (folder, _) = used().await;
    let path = folder.path();
    fs::rename(path.join("master.key"), path.join("away")).unwrap();
    assert!(refusal(&files(path)).contains("master.key"));
    assert!(!path.join("master.key").exists());
    fs::rename(path.join("away"), path.join("master.key")).unwrap();

    for name in ["keys.db", "keys.db-wal", "keys.db-shm"] {
        let _gone = fs::remove_file(path.join(name)).is_ok();
    }
    assert!(refusal(&existing(path)).contains("missing"));
    fs::write(path.join("keys.db"), "").unwrap();
    assert!(refusal(&existing(path)).contains("missing"));
}

#[tokio::test]
async fn a_bad_master_key_is_refused() {
    let (folder, _) = used().await;
    let master = folder.path().join("master.key");
    let good = fs::read_to_string(&master).unwrap();
    let refused = |text: &str, why: &str| {
        fs::write(&master, text).unwrap();
        assert!(refusal(&files(folder.path())).contains(why), "{text:?}");
    };
    refused("", "64 hexadecimal digits");
    refused(&good[..62], "64 hexadecimal digits");
    refused(&format!("{}00\n", good.trim()), "64 hexadecimal digits");
    refused(&format!("{}zz\n", &good[..62]), "64 hexadecimal digits");
    refused(&"0".repeat(64), "all zero");
    fs::write(&master, &good).unwrap();
    for mode in [0o640, 0o604, 0o620, 0o601] {
        fs::set_permissions(&master, fs::Permissions::from_mode(mode)).unwrap();
        assert!(refusal(&files(folder.path())).contains("others may read"));
    }
    fs::set_permissions(&master, fs::Permissions::from_mode(0o400)).unwrap();
    assert!(SqliteKeys::open(&files(folder.path())).is_ok());
}

#[tokio::test]
async fn a_newer_format_and_no_database_are_refused() {
    let (folder, _) = used().await;
    let file = folder.path().join("keys.db");
    Connection::open(&file).unwrap().pragma_update(None, "user_version", 2).unwrap();
    assert!(refusal(&files(folder.path())).contains("newer version"));
    fs::write(&file, "no database, but more than nothing").unwrap();
    assert!(matches!(SqliteKeys::open(&files(folder.path())), Err(KeyError::Damaged)));
}

#[tokio::test]
async fn a_damaged_key_is_not_an_erased_one() {
    let (folder, id) = used().await;
    let db = Connection::open(folder.path().join("keys.db")).unwrap();
    for wrapped in [vec![0_u8; 40], vec![0; 8], Vec::new()] {
        let update = "update keys set wrapped = $1 where key_id = $2";
        db.execute(update, rusqlite::params![wrapped, id.0.as_bytes()]).unwrap();
        let keys = SqliteKeys::open(&existing(folder.path())).unwrap();
        let other = keys.take().await.unwrap();
        let states = keys.keys(vec![id, other]).await.unwrap();
        assert!(matches!(states[..], [KeyState::Damaged, KeyState::Here(_)]));
    }
}
