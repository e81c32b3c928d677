//! Reads rows at one moment: the only file that knows which database is asked.
//!
//! A statement is the same text for both. Numbers are `bigint` everywhere: a sum must be cast.

use std::time::{Duration, Instant};

use events_log::postgres::Session;
use projection_service::{read_side::Pool, table::Value};
use sqlx::{
    Arguments as _, AssertSqlSafe, Decode, Postgres, Row as _, Sqlite, Transaction, Type,
    TypeInfo as _, ValueRef as _,
    encode::{Encode, IsNull},
    error::BoxDynError,
    postgres::{PgArgumentBuffer, PgArguments, PgRow, PgTypeInfo, types::Oid},
    sqlite::SqliteRow,
};
use uuid::Uuid;

/// How long a question may read, as a whole on SQLite: its WAL cannot begin again meanwhile. On
/// PostgreSQL each statement has a deadline of its own.
const LONGEST: Duration = Duration::from_secs(5);
/// After how many steps of a statement the clock is looked at: some milliseconds' work.
const STEPS: i32 = 100_000;

/// How a question's transaction begins: all of it sees one moment.
const READING: &str = "begin isolation level repeatable read read only";

/// Why the database did not answer.
#[derive(Debug, thiserror::Error)]
#[error("the read models cannot be read: {0}")]
pub(crate) struct DatabaseError(#[from] sqlx::Error);

/// One read transaction: everything that is read in it held at the same position.
pub(crate) enum Snapshot {
    Sqlite(Transaction<'static, Sqlite>),
    /// Owned by a task: whoever drops a question leaves no transaction behind.
    Postgres(Session),
}

impl Snapshot {
    /// Begins a transaction. The moment it shows is the moment of its first question.
    pub(crate) async fn begin(pool: &Pool) -> Result<Self, DatabaseError> {
        Self::begin_for(pool, LONGEST).await
    }

    async fn begin_for(pool: &Pool, longest: Duration) -> Result<Self, DatabaseError> {
        Ok(match pool {
            Pool::Sqlite(pool) => {
                let mut transaction = pool.begin().await?;
                let end = Instant::now() + longest;
                let is_in_time = move || Instant::now() < end;
                transaction.lock_handle().await?.set_progress_handler(STEPS, is_in_time);
                Self::Sqlite(transaction)
            }
            Pool::Postgres(database) => Self::Postgres(Session::begin(database, READING).await?),
        })
    }

    /// Asks. The statement is put together from our own texts only; whatever a caller gave is bound.
    pub(crate) async fn rows(
        &mut self,
        statement: &str,
        binds: &[Value],
    ) -> Result<Vec<Row>, DatabaseError> {
        Ok(match self {
            Self::Sqlite(transaction) => {
                let rows = from_sqlite(transaction, statement, binds).await?;
                rows.into_iter().map(Row::Sqlite).collect()
            }
            Self::Postgres(session) => {
                let rows = from_postgres(session, statement, binds).await?;
                rows.into_iter().map(Row::Postgres).collect()
            }
        })
    }

    /// Asks for one row at most.
    pub(crate) async fn row(
        &mut self,
        statement: &str,
        binds: &[Value],
    ) -> Result<Option<Row>, DatabaseError> {
        Ok(self.rows(statement, binds).await?.into_iter().next())
    }
}

async fn from_sqlite(
    transaction: &mut Transaction<'static, Sqlite>,
    statement: &str,
    binds: &[Value],
) -> Result<Vec<SqliteRow>, sqlx::Error> {
    let mut query = sqlx::query(AssertSqlSafe(statement));
    for value in binds {
        query = match value {
            Value::Null => query.bind(None::<i64>),
            Value::Int(number) => query.bind(*number),
            Value::Text(text) => query.bind(text.to_string()),
            Value::Id(id) => query.bind(id.as_bytes().to_vec()),
        };
    }
    query.fetch_all(&mut **transaction).await
}

async fn from_postgres(
    session: &Session,
    statement: &str,
    binds: &[Value],
) -> Result<Vec<PgRow>, sqlx::Error> {
    let mut arguments = PgArguments::default();
    for value in binds {
        let added = match value {
            Value::Null => arguments.add(Nothing),
            Value::Int(number) => arguments.add(number),
            Value::Text(text) => arguments.add(&**text),
            Value::Id(id) => arguments.add(id),
        };
        added.map_err(sqlx::Error::Encode)?;
    }
    let statement = AssertSqlSafe(statement.to_owned());
    let asked = session.run(|connection| {
        Box::pin(async move { sqlx::query_with(statement, arguments).fetch_all(connection).await })
    });
    asked.await
}

/// No value, of whatever type the statement takes there.
struct Nothing;

impl Type<Postgres> for Nothing {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(0))
    }
}

impl Encode<'_, Postgres> for Nothing {
    fn encode_by_ref(&self, _: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Ok(IsNull::Yes)
    }
}

/// One row of an answer.
pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl Row {
    fn get<'r, T>(&'r self, column: &str) -> Result<T, DatabaseError>
    where
        T: Decode<'r, Sqlite> + Type<Sqlite> + Decode<'r, Postgres> + Type<Postgres>,
    {
        Ok(match self {
            Self::Sqlite(row) => row.try_get(column)?,
            Self::Postgres(row) => row.try_get(column)?,
        })
    }

    /// A number.
    pub(crate) fn int(&self, column: &str) -> Result<i64, DatabaseError> {
        self.get(column)
    }

    /// A number, if there is one.
    pub(crate) fn int_or_none(&self, column: &str) -> Result<Option<i64>, DatabaseError> {
        self.get(column)
    }

    /// A text.
    pub(crate) fn text(&self, column: &str) -> Result<&str, DatabaseError> {
        self.get(column)
    }

    /// A text, if there is one.
    pub(crate) fn text_or_none(&self, column: &str) -> Result<Option<&str>, DatabaseError> {
        self.get(column)
    }

    /// An id.
    pub(crate) fn id(&self, column: &str) -> Result<Uuid, DatabaseError> {
        self.id_or_none(column)?.ok_or_else(|| missing(column))
    }

    /// An id, if there is one.
    pub(crate) fn id_or_none(&self, column: &str) -> Result<Option<Uuid>, DatabaseError> {
        let row = match self {
            Self::Sqlite(row) => row,
            Self::Postgres(row) => return Ok(row.try_get(column)?),
        };
        let bytes: Option<&[u8]> = row.try_get(column)?;
        bytes.map(Uuid::from_slice).transpose().map_err(|error| {
            let source = Box::new(error);
            sqlx::Error::ColumnDecode { index: column.to_owned(), source }.into()
        })
    }

    /// Whatever stands there.
    pub(crate) fn value(&self, column: &str) -> Result<Value, DatabaseError> {
        let (is_null, kind) = match self {
            Self::Sqlite(row) => {
                let raw = row.try_get_raw(column)?;
                (raw.is_null(), raw.type_info().name().to_owned())
            }
            Self::Postgres(row) => {
                let raw = row.try_get_raw(column)?;
                (raw.is_null(), raw.type_info().name().to_owned())
            }
        };
        Ok(match kind.as_str() {
            _ if is_null => Value::Null,
            "INTEGER" | "INT8" => Value::Int(self.int(column)?),
            "BLOB" | "UUID" => Value::Id(self.id(column)?),
            _ => Value::Text(self.text(column)?.into()),
        })
    }
}

fn missing(column: &str) -> DatabaseError {
    let source = "an id that is not there".into();
    sqlx::Error::ColumnDecode { index: column.to_owned(), source }.into()
}

#[cfg(test)]
#[path = "database_tests.rs"]
mod tests;
