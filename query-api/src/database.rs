//! Reads rows at one moment: the only file that knows which database is asked.

use projection_service::table::Value;
use sqlx::{
    AssertSqlSafe, Row as _, Sqlite, SqlitePool, Transaction, TypeInfo as _, ValueRef as _,
    sqlite::SqliteRow,
};
use uuid::Uuid;

/// Why the database did not answer.
#[derive(Debug, thiserror::Error)]
#[error("the read models cannot be read: {0}")]
pub(crate) struct DatabaseError(#[from] sqlx::Error);

/// One read transaction: everything that is read in it held at the same position.
pub(crate) struct Snapshot(Transaction<'static, Sqlite>);

impl Snapshot {
    /// Begins a transaction. The moment it shows is the moment of its first question.
    pub(crate) async fn begin(pool: &SqlitePool) -> Result<Self, DatabaseError> {
        Ok(Self(pool.begin().await?))
    }

    /// Asks. The statement is put together from our own texts only; whatever a caller gave is bound.
    pub(crate) async fn rows(
        &mut self,
        statement: &str,
        binds: &[Value],
    ) -> Result<Vec<Row>, DatabaseError> {
        let mut query = sqlx::query(AssertSqlSafe(statement));
        for value in binds {
            query = match value {
                Value::Null => query.bind(None::<i64>),
                Value::Int(number) => query.bind(*number),
                Value::Text(text) => query.bind(text.to_string()),
                Value::Id(id) => query.bind(id.as_bytes().to_vec()),
            };
        }
        let rows = query.fetch_all(&mut *self.0).await?;
        Ok(rows.into_iter().map(Row).collect())
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

/// One row of an answer.
pub(crate) struct Row(SqliteRow);

impl Row {
    /// A number.
    pub(crate) fn int(&self, column: &str) -> Result<i64, DatabaseError> {
        Ok(self.0.try_get(column)?)
    }

    /// A number, if there is one.
    pub(crate) fn int_or_none(&self, column: &str) -> Result<Option<i64>, DatabaseError> {
        Ok(self.0.try_get(column)?)
    }

    /// A text.
    pub(crate) fn text(&self, column: &str) -> Result<&str, DatabaseError> {
        Ok(self.0.try_get(column)?)
    }

    /// A text, if there is one.
    pub(crate) fn text_or_none(&self, column: &str) -> Result<Option<&str>, DatabaseError> {
        Ok(self.0.try_get(column)?)
    }

    /// An id.
    pub(crate) fn id(&self, column: &str) -> Result<Uuid, DatabaseError> {
        self.id_or_none(column)?.ok_or_else(|| missing(column))
    }

    /// Whatever stands there.
    pub(crate) fn value(&self, column: &str) -> Result<Value, DatabaseError> {
        let raw = self.0.try_get_raw(column)?;
        if raw.is_null() {
            return Ok(Value::Null);
        }
        let kind = raw.type_info().name().to_owned();
        Ok(match kind.as_str() {
            "INTEGER" => Value::Int(self.int(column)?),
            "BLOB" => Value::Id(self.id(column)?),
            _ => Value::Text(self.text(column)?.into()),
        })
    }

    /// An id, if there is one.
    pub(crate) fn id_or_none(&self, column: &str) -> Result<Option<Uuid>, DatabaseError> {
        let bytes: Option<&[u8]> = self.0.try_get(column)?;
        bytes.map(Uuid::from_slice).transpose().map_err(|error| {
            let source = Box::new(error);
            sqlx::Error::ColumnDecode { index: column.to_owned(), source }.into()
        })
    }
}

fn missing(column: &str) -> DatabaseError {
    let source = "an id that is not there".into();
    sqlx::Error::ColumnDecode { index: column.to_owned(), source }.into()
}
