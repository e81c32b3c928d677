//! How the tests of the SQLite store open one.

use std::{path::Path, sync::Arc};

use super::{OpenError, OpenOptions, SqliteStore};
pub(super) use crate::store::testing::{append, clock};
use crate::store::{
    AppendError, Appended,
    ladder::unheard,
    testing::{self, LOG},
};
use events::envelope::Recorded;

pub(super) fn options() -> OpenOptions {
    OpenOptions { log_id: LOG, clock: clock(), readers: 1, hear: unheard() }
}

pub(super) fn open(path: &Path) -> Result<SqliteStore, OpenError> {
    SqliteStore::open(path, options())
}

pub(super) async fn put(store: &SqliteStore, n: u64) -> Result<Appended, AppendError> {
    testing::put(store, n).await
}

pub(super) async fn whole_log(store: &SqliteStore) -> Vec<Arc<Recorded>> {
    testing::whole_log(store).await
}

pub(super) async fn assert_whole(store: &SqliteStore) -> Vec<Arc<Recorded>> {
    testing::assert_whole(store).await
}
