//! The schema of the keys, and its statements.

use std::{collections::HashMap, path::Path, sync::Arc, time::Duration};

use events::ids::{KeyId, LogId};
use sqlx::{Executor as _, PgConnection, Row as _};
use uuid::{Builder, Uuid};

use crate::{
    keys::{
        BareKey, DataKey, KeyError, KeyState,
        ahead::{BATCH, make},
        cipher::fill_random,
        master::MasterKey,
    },
    postgres::{
        Database, KEYS_SCHEMA, PostgresError, Server, cannot_open, check_settings, is_full,
        owned::{Found, Meta, Owned},
    },
};

const OWNED: Owned = Owned {
    schema: KEYS_SCHEMA,
    kind: "annals keys",
    what: "key store",
    format: 1,
    tables: include_str!("tables.sql"),
};

/// The tombstones of destroyed keys, and the mark of the log. An earlier build, which destroyed no key
/// and kept no mark, has no such tables; it leaves them alone.
const ADDED: &str = "create table if not exists destroyed (key_id uuid primary key); \
    create table if not exists mark (only_row boolean primary key default true check (only_row), \
    epoch bigint not null, position bigint not null, text text not null)";

/// A key is handed out only once it is on the disk, whatever the database takes for granted.
pub(super) const BEGIN: &str = "begin; set local synchronous_commit = on";

/// The master key all keys are wrapped under, until there is a second one.
const MASTER: i32 = 1;

/// The line of `meta` that names the copy of other keys that is being made there, or was.
const IMPORT: &str = "import";

/// How many connections are kept.
const CONNECTIONS: u32 = 4;

/// How long it may take to give space free, in a table of many millions.
const VACUUM: Duration = Duration::from_mins(10);

/// Which key store is wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// The log whose keys they are.
    pub(super) log: LogId,
    /// Whether it may be made.
    pub(super) may_create: bool,
    /// The copy of other keys that is to be made there.
    pub(super) import: Option<Uuid>,
}

/// The tables of the keys, and what opens them. Cheap to clone.
#[derive(Clone)]
pub(super) struct KeyTable {
    pub(super) database: Database,
    pub(super) master: Arc<MasterKey>,
    run: Uuid,
}

impl KeyTable {
    /// Opens the tables, or makes them and the master key where that is allowed.
    pub(super) async fn open(
        server: &Server,
        master_key: &Path,
        wanted: Wanted,
    ) -> Result<Self, KeyError> {
        let settings = [("enable_seqscan", "off"), ("jit", "off")];
        let database = Database::tuned(server, KEYS_SCHEMA, CONNECTIONS, &settings);
        let opened = Self::open_in(&database, master_key, wanted).await;
        if opened.is_err() {
            database.close().await;
        }
        opened
    }

    async fn open_in(
        database: &Database,
        master_key: &Path,
        wanted: Wanted,
    ) -> Result<Self, KeyError> {
        for warning in check_settings(database).await.map_err(cannot_use)? {
            tracing::warn!(%warning, "the server of the keys");
        }
        let is_there = is_there(database).await?;
        if !is_there && !wanted.may_create {
            let why = "the key store is missing: put it back from a backup";
            return Err(cannot_use(database.server().refused(why)));
        }
        let path = master_key.to_owned();
        let loaded = tokio::task::spawn_blocking(move || {
            if !is_there && !path.exists() {
                MasterKey::create(&path)?;
            }
            MasterKey::load(&path)
        });
        let gone = |_| KeyError::Unavailable("the master key could not be read".into());
        let master = Arc::new(loaded.await.map_err(gone)??);
        check_or_make(database, &master, wanted).await?;
        let mut run = [0; 16];
        fill_random(&mut run)?;
        let run = Builder::from_random_bytes(run).into_uuid();
        Ok(Self { database: database.clone(), master, run })
    }

    /// What is known of the keys of these ids, by one question. Where the server cannot read a page,
    /// they are asked for one by one: a damaged page says nothing about the others.
    pub(super) async fn read(&self, ids: Vec<KeyId>) -> Result<Vec<KeyState>, KeyError> {
        match self.read_together(&ids).await {
            Err(error) if is_damage(&error) => {}
            read => return read.map_err(failed),
        }
        let mut states = Vec::with_capacity(ids.len());
        for id in ids {
            match self.read_together(&[id]).await {
                Ok(mut state) => states.append(&mut state),
                Err(error) if is_damage(&error) => states.push(KeyState::Damaged),
                Err(error) => return Err(failed(error)),
            }
        }
        Ok(states)
    }

    async fn read_together(&self, ids: &[KeyId]) -> Result<Vec<KeyState>, sqlx::Error> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let asked: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
        let sql = "select key_id, wrapped from keys where key_id = any ($1)";
        let query = sqlx::query(sql).bind(asked);
        let rows = self.database.run(|connection| Box::pin(query.fetch_all(connection))).await?;
        let mut found = HashMap::with_capacity(ids.len());
        for row in rows {
            let wrapped: &[u8] = row.try_get(1)?;
            let state = self.master.unwrap(wrapped).map_or(KeyState::Damaged, KeyState::Here);
            found.insert(KeyId(row.try_get(0)?), state);
        }
        let missing: Vec<Uuid> =
            ids.iter().filter(|id| !found.contains_key(id)).map(|id| id.0).collect();
        if !missing.is_empty() {
            let sql = "select key_id from destroyed where key_id = any ($1)";
            let query = sqlx::query_scalar::<_, Uuid>(sql).bind(missing);
            let gone =
                self.database.run(|connection| Box::pin(query.fetch_all(connection))).await?;
            found.extend(gone.into_iter().map(|id| (KeyId(id), KeyState::Destroyed)));
        }
        let state = |id: &KeyId| found.get(id).cloned().unwrap_or(KeyState::Unknown);
        Ok(ids.iter().map(state).collect())
    }

    /// Makes a batch of keys in one durable commit.
    pub(super) async fn make_batch(&self) -> Result<Vec<(KeyId, DataKey)>, KeyError> {
        let (master, run) = (Arc::clone(&self.master), self.run);
        let made = self.database.transaction(BEGIN, move |connection| {
            Box::pin(async move {
                let sql = "insert into batches (run) values ($1) returning batch";
                let batch: i64 =
                    sqlx::query_scalar(sql).bind(run).fetch_one(&mut *connection).await?;
                let made = (0..BATCH).map(|_| make(batch, &master)).collect::<Result<Vec<_>, _>>();
                let made = match made {
                    Ok(made) => made,
                    Err(error) => return Ok(Err(error)),
                };
                let keys = made.iter().map(|made| (made.id, &made.wrapped[..]));
                insert(connection, keys).await?;
                Ok(Ok(made.into_iter().map(|made| (made.id, made.key)).collect()))
            })
        });
        made.await.map_err(failed)?
    }

    /// Deletes a key, and has the space where it was given free. What the server writes into that
    /// space next overwrites it; its write-ahead log goes as the server recycles it.
    pub(super) async fn destroy(&self, id: KeyId) -> Result<(), KeyError> {
        let deleted = self.database.transaction(BEGIN, move |connection| {
            Box::pin(async move {
                let sql = "insert into destroyed (key_id) values ($1) on conflict do nothing";
                sqlx::query(sql).bind(id.0).execute(&mut *connection).await?;
                let delete = sqlx::query("delete from keys where key_id = $1").bind(id.0);
                delete.execute(connection).await
            })
        });
        let deleted = deleted.await.map_err(failed)?;
        if deleted.rows_affected() > 0 {
            let patient = self.database.clone().within(VACUUM);
            let vacuumed = patient.run(|connection| {
                Box::pin(sqlx::query("vacuum (skip_locked) keys").execute(connection))
            });
            if let Err(error) = vacuumed.await {
                tracing::warn!(%error, "the space of a destroyed key is not given free yet");
            }
        }
        Ok(())
    }

    /// Makes the keys whose ids follow `after`, up to the last of these or, `to_the_end`, all of
    /// them, exactly these.
    pub(super) async fn replace(
        &self,
        after: Option<KeyId>,
        keys: Vec<BareKey>,
        to_the_end: bool,
    ) -> Result<(), KeyError> {
        let mut wrapped = Vec::with_capacity(keys.len());
        for key in &keys {
            wrapped.push((key.id, self.master.wrap(&key.bytes)?));
        }
        let replaced = self.database.transaction(BEGIN, move |connection| {
            Box::pin(async move {
                let ids: Vec<Uuid> = wrapped.iter().map(|(id, _)| id.0).collect();
                let last = ids.last().copied().filter(|_| !to_the_end);
                // A key that was destroyed since must not come back.
                let sql = "delete from keys where ($1 is null or key_id > $1) \
                           and ($2 is null or key_id <= $2) and key_id <> all ($3)";
                let query = sqlx::query(sql).bind(after.map(|id| id.0)).bind(last).bind(ids);
                query.execute(&mut *connection).await?;
                insert(connection, wrapped.iter().map(|(id, wrapped)| (*id, &wrapped[..]))).await
            })
        });
        replaced.await.map_err(failed)
    }

    /// Disconnects once what is under way is done.
    pub(super) async fn close(&self) {
        self.database.close().await;
    }
}

async fn insert<'k>(
    connection: &mut PgConnection,
    keys: impl Iterator<Item = (KeyId, &'k [u8])> + Clone + Send,
) -> Result<(), sqlx::Error> {
    let (ids, wrapped): (Vec<Uuid>, Vec<&[u8]>) = keys.map(|(id, key)| (id.0, key)).unzip();
    let sql = "insert into keys (key_id, master, wrapped) \
               select id, $1, wrapped from unnest($2::uuid[], $3::bytea[]) as made (id, wrapped) \
               on conflict (key_id) do nothing";
    let query = sqlx::query(sql).bind(MASTER).bind(ids).bind(wrapped);
    query.execute(connection).await.map(drop)
}

/// Whether there is a key store of ours in that database.
pub(super) async fn is_there_at(server: &Server) -> Result<bool, KeyError> {
    let database = Database::new(server, KEYS_SCHEMA, 1);
    let found = async {
        check_settings(&database).await.map_err(cannot_use)?;
        is_there(&database).await
    };
    let found = found.await;
    database.close().await;
    found
}

async fn is_there(database: &Database) -> Result<bool, KeyError> {
    let found = database.transaction("begin", |connection| Box::pin(OWNED.find(connection)));
    let found = found.await.map_err(|error| cannot_use(cannot_open(database.server(), &error)))?;
    match found {
        Ok(found) => Ok(found == Found::Ours),
        Err(refusal) => Err(cannot_use(database.server().refused(refusal))),
    }
}

async fn check_or_make(
    database: &Database,
    master: &Arc<MasterKey>,
    wanted: Wanted,
) -> Result<(), KeyError> {
    let (server, master) = (database.server(), Arc::clone(master));
    let checked = database.transaction(BEGIN, move |connection| {
        Box::pin(async move {
            match OWNED.find(connection).await? {
                Ok(Found::Nothing) if wanted.may_create => {
                    make_tables(connection, &master, wanted).await
                }
                Ok(Found::Nothing) => Ok(Err(Checked::Refused("the key store is missing".into()))),
                Ok(Found::Ours) => check(connection, &master, wanted).await,
                Err(refusal) => Ok(Err(Checked::Refused(refusal))),
            }
        })
    });
    match checked.await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(Checked::Refused(why))) => Err(cannot_use(server.refused(why))),
        Ok(Err(Checked::Failed(error))) => Err(error),
        Err(error) => Err(cannot_use(cannot_open(server, &error))),
    }
}

/// Why the tables are not to be used.
enum Checked {
    Refused(Arc<str>),
    Failed(KeyError),
}

async fn make_tables(
    connection: &mut PgConnection,
    master: &MasterKey,
    wanted: Wanted,
) -> Result<Result<(), Checked>, sqlx::Error> {
    let check_value = match master.check_value() {
        Ok(check_value) => check_value,
        Err(error) => return Ok(Err(Checked::Failed(error))),
    };
    let import = wanted.import.map(|import| (IMPORT, import.to_string()));
    OWNED.make(connection, wanted.log, import.as_slice()).await?;
    connection.execute(ADDED).await?;
    let sql = "insert into master_keys (master, check_value) values ($1, $2)";
    sqlx::query(sql).bind(MASTER).bind(&check_value[..]).execute(connection).await?;
    Ok(Ok(()))
}

async fn check(
    connection: &mut PgConnection,
    master: &MasterKey,
    wanted: Wanted,
) -> Result<Result<(), Checked>, sqlx::Error> {
    let meta = OWNED.meta(connection).await?;
    if let Err(refusal) = meta.and_then(|meta| recognise(&meta, wanted)) {
        return Ok(Err(Checked::Refused(refusal)));
    }
    let sql = "select check_value from master_keys where master = $1";
    let check_value: Vec<u8> =
        sqlx::query_scalar(sql).bind(MASTER).fetch_one(&mut *connection).await?;
    if !master.made(&check_value) {
        return Ok(Err(Checked::Failed(KeyError::Damaged)));
    }
    let sql = "select to_regclass('destroyed') is null or to_regclass('mark') is null";
    if sqlx::query_scalar(sql).fetch_one(&mut *connection).await? {
        connection.execute(ADDED).await?;
    }
    Ok(Ok(()))
}

/// Keys are copied only into a key store that the same copy began.
fn recognise(meta: &Meta, wanted: Wanted) -> Result<(), Arc<str>> {
    if meta.log()? != wanted.log {
        return Err("the key store belongs to another log".into());
    }
    let begun = meta.get(IMPORT);
    match wanted.import.map(|import| import.to_string()) {
        Some(import) if begun != Some(&*import) => {
            Err("its key store was not begun by this copy of a history".into())
        }
        _ => Ok(()),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
fn cannot_use(error: PostgresError) -> KeyError {
    let why = error.to_string().into();
    match error {
        PostgresError::Refused { .. } => KeyError::Refused(why),
        PostgresError::Unreachable { .. } | PostgresError::Failed { .. } => {
            KeyError::Unavailable(why)
        }
    }
}

/// No message of the database holds a key: it never sees one that is not wrapped.
#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
pub(super) fn failed(error: sqlx::Error) -> KeyError {
    if is_damage(&error) {
        KeyError::Damaged
    } else if is_full(&error) {
        KeyError::Full
    } else {
        KeyError::Unavailable(error.to_string().into())
    }
}

/// Whether what is stored is not what was stored: `data_corrupted` and `index_corrupted`.
fn is_damage(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    matches!(code.as_deref(), Some("XX001" | "XX002"))
        || matches!(error, sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_))
}
