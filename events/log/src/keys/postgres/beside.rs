//! What is seldom asked of the keys: tombstones, batches, all of them in turn, and the mark of the log.

use events::{envelope::Position, ids::KeyId};
use sqlx::Row as _;
use uuid::Uuid;

use super::table::{BEGIN, KeyTable, failed};
use crate::keys::{BareKey, KeyBatch, KeyError};

impl KeyTable {
    /// At most `limit` ids of destroyed keys that follow `after`.
    pub(super) async fn destroyed(
        &self,
        after: Option<KeyId>,
        limit: usize,
    ) -> Result<Vec<KeyId>, KeyError> {
        let sql = "select key_id from destroyed where $1 is null or key_id > $1 \
                   order by key_id limit $2";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let query = sqlx::query_scalar::<_, Uuid>(sql).bind(after.map(|id| id.0)).bind(limit);
        let gone = self.database.run(|connection| Box::pin(query.fetch_all(connection))).await;
        Ok(gone.map_err(failed)?.into_iter().map(KeyId).collect())
    }

    /// Leaves tombstones.
    pub(super) async fn bury(&self, keys: Vec<KeyId>) -> Result<(), KeyError> {
        let ids: Vec<Uuid> = keys.into_iter().map(|id| id.0).collect();
        let buried = self.database.transaction(BEGIN, move |connection| {
            let sql =
                "insert into destroyed select * from unnest($1::uuid[]) on conflict do nothing";
            Box::pin(sqlx::query(sql).bind(ids).execute(connection))
        });
        buried.await.map(drop).map_err(failed)
    }

    /// The text of the mark of the log, where one is kept here.
    pub(super) async fn mark(&self) -> Result<Option<String>, KeyError> {
        let query = sqlx::query_scalar("select text from mark");
        let found = self.database.run(|connection| Box::pin(query.fetch_optional(connection)));
        found.await.map_err(failed)
    }

    /// Keeps a mark of the log, unless another process has kept a later one; or `anyway`.
    pub(super) async fn put_mark(
        &self,
        epoch: u32,
        position: Position,
        text: String,
        anyway: bool,
    ) -> Result<(), KeyError> {
        let kept = self.database.transaction(BEGIN, move |connection| {
            let sql = "insert into mark (epoch, position, text) values ($1, $2, $3) \
                       on conflict (only_row) do update set epoch = excluded.epoch, \
                       position = excluded.position, text = excluded.text \
                       where $4 or (mark.epoch, mark.position) < (excluded.epoch, excluded.position)";
            let query = sqlx::query(sql).bind(i64::from(epoch)).bind(position.sql()).bind(text);
            let query = query.bind(anyway);
            Box::pin(query.execute(connection))
        });
        kept.await.map(drop).map_err(failed)
    }

    /// The newest batch.
    pub(super) async fn newest_batch(&self) -> Result<Option<KeyBatch>, KeyError> {
        let query = sqlx::query("select batch, run from batches order by batch desc limit 1");
        let row = self.database.run(|connection| Box::pin(query.fetch_optional(connection))).await;
        let Some(row) = row.map_err(failed)? else { return Ok(None) };
        let number: i64 = row.try_get(0).map_err(failed)?;
        let number = u64::try_from(number).map_err(|_| KeyError::Damaged)?;
        Ok(Some(KeyBatch { number, run: row.try_get(1).map_err(failed)? }))
    }

    /// Whether that very batch is there.
    pub(super) async fn has_batch(&self, batch: KeyBatch) -> Result<bool, KeyError> {
        let sql = "select exists (select from batches where batch = $1 and run = $2)";
        let number = i64::try_from(batch.number).unwrap_or(i64::MAX);
        let query = sqlx::query_scalar(sql).bind(number).bind(batch.run);
        let found = self.database.run(|connection| Box::pin(query.fetch_one(connection))).await;
        found.map_err(failed)
    }

    /// At most `limit` keys whose ids follow `after`, unwrapped.
    pub(super) async fn export(
        &self,
        after: Option<KeyId>,
        limit: usize,
    ) -> Result<Vec<BareKey>, KeyError> {
        let sql = "select key_id, wrapped from keys where $1 is null or key_id > $1 \
                   order by key_id limit $2";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let query = sqlx::query(sql).bind(after.map(|id| id.0)).bind(limit);
        let rows = self.database.run(|connection| Box::pin(query.fetch_all(connection))).await;
        let mut keys = Vec::new();
        for row in rows.map_err(failed)? {
            let wrapped: &[u8] = row.try_get(1).map_err(failed)?;
            let bytes = self.master.unwrap_bytes(wrapped)?;
            keys.push(BareKey { id: KeyId(row.try_get(0).map_err(failed)?), bytes });
        }
        Ok(keys)
    }
}
