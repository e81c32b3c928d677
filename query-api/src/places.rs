//! Where the rows of a test are, and who makes them: in the process that answers, on a file; in
//! another one, as far as the one that answers can tell, on PostgreSQL.

use std::sync::Arc;

use events_log::testing::TestDatabase;
use projection_service::{
    follow::Log,
    models,
    read_side::{Place, ReadSide, Settings},
    read_view::{ReadView, Reading},
    standby,
};
use tempfile::TempDir;
use tokio::sync::watch;
use uuid::Uuid;

/// Runs each of these functions as a test on both databases.
macro_rules! on_both {
    ($of:ident: $($name:ident,)*) => {$(
        mod $name {
            #[test]
            fn on_sqlite() {
                crate::places::on_sqlite(async |place| {
                    super::$name(super::$of::on(place).await).await;
                });
            }

            #[test]
            fn on_postgres() {
                let test = concat!(module_path!(), "::on_postgres");
                crate::places::on_postgres(test, async |place| {
                    super::$name(super::$of::on(place).await).await;
                });
            }
        }
    )*};
}
pub(crate) use on_both;

/// Runs a test on files.
pub(crate) fn on_sqlite(body: impl AsyncFnOnce(&TestPlace)) {
    let place = TestPlace::folder();
    runtime().block_on(body(&place));
}

/// Runs a test on a database. Nothing of the test is left when the database goes: a connection that
/// is only half made would keep the server waiting for a minute.
pub(crate) fn on_postgres(test: &str, body: impl AsyncFnOnce(&TestPlace)) {
    if let Some(place) = TestPlace::postgres(test) {
        runtime().block_on(body(&place));
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Where the rows are. It goes with the test.
pub(crate) enum TestPlace {
    Folder(TempDir),
    Postgres(TestDatabase),
}

/// A read side at work.
pub(crate) struct Projecting {
    pub(crate) read_side: ReadSide,
    pub(crate) view: ReadView,
    _stop: Option<watch::Sender<bool>>,
}

impl TestPlace {
    pub(crate) fn folder() -> Self {
        Self::Folder(tempfile::tempdir().unwrap())
    }

    pub(crate) fn postgres(test: &str) -> Option<Self> {
        TestDatabase::new(test).map(Self::Postgres)
    }

    fn place(&self) -> Place {
        match self {
            Self::Folder(folder) => Place::Folder(folder.path().to_owned()),
            Self::Postgres(database) => Place::Postgres(database.server()),
        }
    }

    /// Makes the read models of a log.
    pub(crate) async fn project(&self, log: Log) -> Projecting {
        let models = Arc::new(models::all().unwrap());
        let settings = Settings {
            place: self.place(),
            models: models.clone(),
            log: log.clone(),
            cache_bytes: 1_000_000,
            connections: 2,
        };
        let Self::Postgres(database) = self else {
            let read_side = ReadSide::open(settings).await.unwrap();
            return Projecting { view: read_side.view(), read_side, _stop: None };
        };
        let (server, log_id) = (database.server(), log.log_id);
        let lease = standby::lease(&server, log_id, Uuid::from_u128(1)).await.unwrap();
        let (stop, stopped) = watch::channel(false);
        let (shown, mut showing) = watch::channel(None);
        tokio::spawn(async move { standby::run(settings, &lease, stopped, shown).await });
        let read_side = showing.wait_for(Option::is_some).await.unwrap().clone().unwrap();
        let reading = Reading { server, log_id, feed: log.feed, models, connections: 2 };
        let view = ReadView::follow(reading).await.unwrap();
        Projecting { read_side, view, _stop: Some(stop) }
    }
}
