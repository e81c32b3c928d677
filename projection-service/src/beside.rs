//! Two read sides of one log compared: the same read models, made in different places.

use events::Position;

use crate::{
    compare::{TableReport, compare},
    read_side::ReadSide,
    read_store::{ReadStoreError, Snapshot},
};

impl ReadSide {
    /// Compares the live rows with those of `other`, cut where the one that is behind stands; says
    /// where that is. Only where both stand at one position can every table be compared.
    ///
    /// `tell` hears which table is next.
    ///
    /// # Errors
    /// When the rows of one of the two cannot be read.
    pub async fn compare_with(
        &self,
        other: &Self,
        tell: &(dyn Fn(&'static str) + Send + Sync),
    ) -> Result<(Position, Vec<TableReport>), ReadStoreError> {
        let mut old = self.snapshot().await?;
        let mut new = other.snapshot().await?;
        let cut = old.position().min(new.position());
        let mut reports = Vec::new();
        for table in self.inner.settings.models.tables() {
            tell(table.name);
            reports.push(compare(table, cut, &mut *old, &mut *new).await?);
        }
        Ok((cut, reports))
    }

    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, ReadStoreError> {
        let current = self.inner.current.lock().await;
        let ended = || ReadStoreError::Unavailable("the read side has ended".into());
        current.as_ref().ok_or_else(ended)?.store.snapshot().await
    }
}
