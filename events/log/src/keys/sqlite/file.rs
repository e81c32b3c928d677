//! The SQLite file of the keys: its schema and its statements.

use std::{
    fs::{self, File},
    io::ErrorKind,
    path::Path,
    sync::Arc,
};

use events::ids::{KeyId, LogId};
use rusqlite::{
    Connection, ErrorCode, OptionalExtension, Transaction, TransactionBehavior, params,
};
use uuid::{Builder, Uuid};

use super::KeyFiles;
use crate::keys::{
    BareKey, DataKey, KeyBatch, KeyError, KeyState,
    ahead::make,
    cipher::fill_random,
    master::{MasterKey, create_private, sync_folder_of},
};

/// The format of the file: SQLite's `user_version`. Zero is an empty file.
const FORMAT: i64 = 1;

/// Keys name the master key they are wrapped under, so that a new master key can take over one by
/// one. Batches are kept as evidence of which run made which keys.
const SCHEMA: &str = "
    create table key_store (
        single integer primary key check (single = 1),
        log_id blob not null
    ) strict;
    create table master_keys (
        master integer primary key,
        check_value blob not null
    ) strict;
    create table batches (
        batch integer primary key autoincrement,
        run blob not null
    ) strict;
    create table keys (
        key_id blob primary key,
        master integer not null references master_keys,
        wrapped blob not null
    ) strict, without rowid;
";

/// The tombstones of destroyed keys. An earlier build, which destroyed none, has no such table; it
/// leaves it alone.
const DESTROYED: &str = "
    create table if not exists destroyed (key_id blob primary key) strict, without rowid;
";

/// The master key all keys are wrapped under, until there is a second one.
const MASTER: i64 = 1;

pub(super) struct KeyFile {
    db: Connection,
    master: Arc<MasterKey>,
    run: Uuid,
}

impl KeyFile {
    pub(super) fn open(files: &KeyFiles) -> Result<Self, KeyError> {
        if is_empty(&files.keys)? {
            if !files.may_create {
                let why = "the key store is missing: put it back from a backup";
                return Err(refused(&files.keys, why));
            }
            if !files.master_key.exists() {
                MasterKey::create(&files.master_key)?;
            }
            if let Err(error) = create_private(&files.keys)
                && error.kind() != ErrorKind::AlreadyExists
            {
                return Err(KeyError::Unavailable(error.to_string().into()));
            }
        }
        let master = Arc::new(MasterKey::load(&files.master_key)?);
        let mut db = connect(&files.keys).map_err(failed)?;
        let transaction =
            db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        check_or_create(&transaction, files, &master)?;
        transaction.execute_batch(DESTROYED).map_err(failed)?;
        transaction.commit().map_err(failed)?;
        let mut run = [0; 16];
        fill_random(&mut run)?;
        Ok(Self { db, master, run: Builder::from_random_bytes(run).into_uuid() })
    }

    pub(super) fn read(&self, ids: &[KeyId]) -> Result<Vec<KeyState>, KeyError> {
        ids.iter().map(|id| self.state(*id)).collect()
    }

    /// What is known of one key. A damaged row, or page, says nothing about the others.
    fn state(&self, id: KeyId) -> Result<KeyState, KeyError> {
        let state = self.wrapped(id).and_then(|wrapped| match wrapped {
            Some(wrapped) => {
                Ok(self.master.unwrap(&wrapped).map_or(KeyState::Damaged, KeyState::Here))
            }
            None if self.is_destroyed(id)? => Ok(KeyState::Destroyed),
            None => Ok(KeyState::Unknown),
        });
        match state {
            Err(error) if is_damage(&error) => Ok(KeyState::Damaged),
            state => state.map_err(failed),
        }
    }

    fn wrapped(&self, id: KeyId) -> rusqlite::Result<Option<Vec<u8>>> {
        let mut select = self.db.prepare_cached("select wrapped from keys where key_id = $1")?;
        select.query_row([id.0.as_bytes()], |row| row.get(0)).optional()
    }

    fn is_destroyed(&self, id: KeyId) -> rusqlite::Result<bool> {
        let mut select = self.db.prepare_cached("select 1 from destroyed where key_id = $1")?;
        select.exists([id.0.as_bytes()])
    }

    /// At most `limit` ids of destroyed keys that follow `after`.
    pub(super) fn destroyed(
        &self,
        after: Option<KeyId>,
        limit: usize,
    ) -> Result<Vec<KeyId>, KeyError> {
        let select = "select key_id from destroyed where key_id > $1 order by key_id limit $2";
        let mut statement = self.db.prepare(select).map_err(failed)?;
        let after = after.map_or_else(Vec::new, |id| id.0.as_bytes().to_vec());
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = statement.query_map(params![after, limit], |row| row.get::<_, Vec<u8>>(0));
        let id =
            |bytes: Vec<u8>| Uuid::from_slice(&bytes).map(KeyId).map_err(|_| KeyError::Damaged);
        rows.map_err(failed)?.map(|bytes| id(bytes.map_err(failed)?)).collect()
    }

    /// The database's own check: pages, and tables against indexes.
    pub(super) fn check(&self) -> Result<Vec<String>, KeyError> {
        let asked = self.db.prepare("pragma integrity_check(20)").and_then(|mut statement| {
            let rows = statement.query_map([], |row| row.get(0))?;
            rows.collect::<rusqlite::Result<Vec<String>>>()
        });
        let said = match asked {
            Err(error) if is_damage(&error) => vec![error.to_string()],
            asked => asked.map_err(failed)?,
        };
        let lines = said.iter().flat_map(|said| said.lines()).filter(|line| *line != "ok");
        Ok(lines.map(str::to_owned).collect())
    }

    /// The newest batch.
    pub(super) fn newest_batch(&self) -> Result<Option<KeyBatch>, KeyError> {
        let sql = "select batch, run from batches order by batch desc limit 1";
        let newest: Option<(i64, Vec<u8>)> = self
            .db
            .query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()
            .map_err(failed)?;
        let Some((number, run)) = newest else { return Ok(None) };
        let run = Uuid::from_slice(&run).map_err(|_| KeyError::Damaged)?;
        let number = u64::try_from(number).map_err(|_| KeyError::Damaged)?;
        Ok(Some(KeyBatch { number, run }))
    }

    /// Whether that very batch is there.
    pub(super) fn has_batch(&self, batch: KeyBatch) -> Result<bool, KeyError> {
        let sql = "select exists (select 1 from batches where batch = $1 and run = $2)";
        let number = i64::try_from(batch.number).unwrap_or(i64::MAX);
        let asked = params![number, batch.run.as_bytes()];
        self.db.query_row(sql, asked, |row| row.get(0)).map_err(failed)
    }

    /// At most `limit` keys whose ids follow `after`, unwrapped.
    pub(super) fn export(
        &self,
        after: Option<KeyId>,
        limit: usize,
    ) -> Result<Vec<BareKey>, KeyError> {
        let select = "select key_id, wrapped from keys where key_id > $1 order by key_id limit $2";
        let mut statement = self.db.prepare(select).map_err(failed)?;
        // No id is shorter than none.
        let after = after.map_or_else(Vec::new, |id| id.0.as_bytes().to_vec());
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut rows = statement.query(params![after, limit]).map_err(failed)?;
        let mut keys = Vec::new();
        while let Some(row) = rows.next().map_err(failed)? {
            let id: Vec<u8> = row.get(0).map_err(failed)?;
            let wrapped: Vec<u8> = row.get(1).map_err(failed)?;
            let id = KeyId(Uuid::from_slice(&id).map_err(|_| KeyError::Damaged)?);
            keys.push(BareKey { id, bytes: self.master.unwrap_bytes(&wrapped)? });
        }
        Ok(keys)
    }

    /// Makes `count` keys in one durable commit.
    pub(super) fn make_batch(&mut self, count: usize) -> Result<Vec<(KeyId, DataKey)>, KeyError> {
        let transaction =
            self.db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let insert_batch = "insert into batches (run) values ($1)";
        transaction.execute(insert_batch, [self.run.as_bytes()]).map_err(failed)?;
        let batch = transaction.last_insert_rowid();
        let mut keys = Vec::with_capacity(count);
        {
            let mut insert = transaction
                .prepare("insert into keys (key_id, master, wrapped) values ($1, $2, $3)")
                .map_err(failed)?;
            for _ in 0..count {
                let made = make(batch, &self.master)?;
                let row = params![made.id.0.as_bytes(), MASTER, made.wrapped];
                insert.execute(row).map_err(failed)?;
                keys.push((made.id, made.key));
            }
        }
        transaction.commit().map_err(failed)?;
        Ok(keys)
    }

    /// Deletes a key and overwrites what it was written in: the page (`secure_delete`) and the
    /// write-ahead log, which still held the page as it was before. Its id stays as a tombstone.
    pub(super) fn destroy(&mut self, id: KeyId) -> Result<(), KeyError> {
        let transaction =
            self.db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        for sql in [
            "insert into destroyed (key_id) values ($1) on conflict do nothing",
            "delete from keys where key_id = $1",
        ] {
            transaction.execute(sql, [id.0.as_bytes()]).map_err(failed)?;
        }
        transaction.commit().map_err(failed)?;
        let busy: i64 = self
            .db
            .query_row("pragma wal_checkpoint(truncate)", [], |row| row.get(0))
            .map_err(failed)?;
        if busy == 0 {
            Ok(())
        } else {
            Err(KeyError::Unavailable("a destroyed key is still in the write-ahead log".into()))
        }
    }

    pub(super) fn copy_to(&self, path: &Path) -> Result<(), KeyError> {
        let failed_io = |error: std::io::Error| {
            KeyError::Unavailable(format!("{}: {error}", path.display()).into())
        };
        let name = path.to_str().ok_or_else(|| refused(path, "its name is not UTF-8"))?;
        drop(create_private(path).map_err(failed_io)?);
        self.db.execute("vacuum into $1", [name]).map_err(failed)?;
        File::open(path).and_then(|file| file.sync_all()).map_err(failed_io)?;
        sync_folder_of(path).map_err(failed_io)
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let db = Connection::open(path)?;
    db.busy_timeout(std::time::Duration::from_secs(10))?;
    db.pragma_update(None, "journal_mode", "wal")?;
    db.pragma_update(None, "synchronous", "full")?;
    db.pragma_update(None, "secure_delete", "on")?;
    db.pragma_update(None, "foreign_keys", "on")?;
    db.pragma_update(None, "trusted_schema", "off")?;
    Ok(db)
}

fn check_or_create(
    transaction: &Transaction<'_>,
    files: &KeyFiles,
    master: &MasterKey,
) -> Result<(), KeyError> {
    let format: i64 =
        transaction.query_row("pragma user_version", [], |row| row.get(0)).map_err(failed)?;
    match format {
        0 if files.may_create => create(transaction, files.log, master),
        0 => Err(refused(&files.keys, "the key store is empty: put it back from a backup")),
        FORMAT => check(transaction, files, master),
        _ => Err(refused(&files.keys, "the key store was written by a newer version")),
    }
}

fn create(transaction: &Transaction<'_>, log: LogId, master: &MasterKey) -> Result<(), KeyError> {
    transaction.execute_batch(SCHEMA).map_err(failed)?;
    transaction
        .execute("insert into key_store (single, log_id) values (1, $1)", [log.0.as_bytes()])
        .map_err(failed)?;
    transaction
        .execute(
            "insert into master_keys (master, check_value) values ($1, $2)",
            params![MASTER, master.check_value()?],
        )
        .map_err(failed)?;
    transaction.pragma_update(None, "user_version", FORMAT).map_err(failed)
}

fn check(
    transaction: &Transaction<'_>,
    files: &KeyFiles,
    master: &MasterKey,
) -> Result<(), KeyError> {
    let log: Vec<u8> = transaction
        .query_row("select log_id from key_store", [], |row| row.get(0))
        .map_err(failed)?;
    if log != files.log.0.as_bytes() {
        return Err(refused(&files.keys, "the key store belongs to another log"));
    }
    let check_value: Vec<u8> = transaction
        .query_row("select check_value from master_keys where master = $1", [MASTER], |row| {
            row.get(0)
        })
        .map_err(failed)?;
    if master.made(&check_value) { Ok(()) } else { Err(KeyError::Damaged) }
}

fn is_empty(path: &Path) -> Result<bool, KeyError> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(metadata.len() == 0),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(error) => Err(KeyError::Unavailable(format!("{}: {error}", path.display()).into())),
    }
}

fn refused(path: &Path, why: &str) -> KeyError {
    KeyError::Refused(format!("{}: {why}", path.display()).into())
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
fn failed(error: rusqlite::Error) -> KeyError {
    if is_damage(&error) {
        KeyError::Damaged
    } else if error.sqlite_error_code() == Some(ErrorCode::DiskFull) {
        KeyError::Full
    } else {
        KeyError::Unavailable(error.to_string().into())
    }
}

/// Whether what is stored is not what was stored.
fn is_damage(error: &rusqlite::Error) -> bool {
    let is_of_file = matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    );
    is_of_file
        || matches!(
            error,
            rusqlite::Error::InvalidColumnType(..) | rusqlite::Error::FromSqlConversionFailure(..)
        )
}
