//! Looks at read models that another process makes: again and again, because a notification could
//! get lost, and the row to look at is in memory.

use std::{sync::Arc, time::Duration};

use events::{Position, ids::LogId};
use events_log::postgres::{Database, PostgresError, READ_SCHEMA};
use sqlx::{AssertSqlSafe, Row as _, postgres::PgRow};
use tokio::{sync::watch, time::timeout};
use uuid::Uuid;

use super::{Reading, heads::Heads};
use crate::{
    follow::{Progress, Status},
    generation::{Pool, seen, unfit},
    read_side::LiveGeneration,
    read_store::postgres::schema_of,
    standby::LEASE,
};

/// How long to wait between two looks while somebody waits for a position.
const BRISK: Duration = Duration::from_micros(2_500);
/// The same while nobody does.
const CALM: Duration = Duration::from_millis(100);
/// The longest pause after the database could not be asked.
const LONGEST: Duration = Duration::from_secs(2);
/// How long one look may take: a row, for which everybody waits.
const LOOK: Duration = Duration::from_secs(2);

/// Read models of another process.
pub(super) struct Distant {
    live: watch::Receiver<Option<LiveGeneration>>,
    progress: watch::Receiver<Progress>,
    waiters: watch::Sender<usize>,
    heads: Arc<Heads>,
    ending: watch::Sender<bool>,
}

impl Distant {
    pub(super) async fn follow(reading: Reading) -> Result<Self, PostgresError> {
        let database = Database::new(&reading.server, READ_SCHEMA, 2).within(LOOK);
        match database.connect().await {
            Err(error @ PostgresError::Refused { .. }) => return Err(error),
            // It may come.
            Err(error) => tracing::warn!(%error, "questions wait for the read models"),
            Ok(()) => {}
        }
        let (live, shown) = watch::channel(None);
        let (progress, told) = watch::channel(Progress::default());
        let (waiters, waiting) = watch::channel(0);
        let (ending, ended) = watch::channel(false);
        let heads = Arc::new(Heads::of(Arc::clone(&reading.feed), ended.clone()));
        let mut looker = Looker { reading, database, heads: Arc::clone(&heads), live, progress };
        if let Err(Trouble::Unfit(why)) = looker.look().await {
            return Err(looker.reading.server.refused(why));
        }
        tokio::spawn(looker.run(waiting, ended));
        Ok(Self { live: shown, progress: told, waiters, heads, ending })
    }

    pub(super) fn live(&self) -> Option<LiveGeneration> {
        self.live.borrow().clone()
    }

    pub(super) fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    pub(super) fn waiters(&self) -> watch::Sender<usize> {
        self.waiters.clone()
    }

    /// Where the log ends, no earlier than now.
    pub(super) async fn head(&self) -> Option<Position> {
        self.heads.now().await
    }

    pub(super) fn end(&self) {
        self.ending.send_replace(true);
    }
}

impl Drop for Distant {
    fn drop(&mut self) {
        self.end();
    }
}

/// Why there is nothing to be seen now.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("{0}")]
    Unfit(String),
    #[error("there are no read models yet")]
    Nothing,
    #[error("the read models are of another build")]
    OtherShape,
    #[error("no process makes the read models now")]
    NobodyLeads,
    #[error("the read models cannot be looked at: {0}")]
    Database(#[from] sqlx::Error),
}

impl Trouble {
    /// 42P01 and 3F000: what is asked is not there. It never was, or has only just gone.
    fn is_missing(&self) -> bool {
        let Self::Database(error) = self else { return false };
        let code = error.as_database_error().and_then(|error| error.code());
        matches!(code.as_deref(), Some("42P01" | "3F000"))
    }
}

struct Looker {
    reading: Reading,
    database: Database,
    heads: Arc<Heads>,
    live: watch::Sender<Option<LiveGeneration>>,
    progress: watch::Sender<Progress>,
}

impl Looker {
    async fn run(mut self, mut waiting: watch::Receiver<usize>, mut ended: watch::Receiver<bool>) {
        let mut failures = 0_u32;
        loop {
            let pause = match self.look().await {
                Ok(()) => {
                    failures = 0;
                    CALM
                }
                Err(trouble) => {
                    failures = (failures + 1).min(5);
                    self.tell_waiting(&trouble);
                    (CALM * 2_u32.pow(failures)).min(LONGEST)
                }
            };
            let is_over = timeout(BRISK, ended.wait_for(|ended| *ended)).await.is_ok();
            if is_over {
                break;
            }
            let is_awaited = failures == 0 && *waiting.borrow_and_update() > 0;
            if !is_awaited {
                // Whoever begins to wait is looked for at once, unless the database is away.
                let waited = timeout(pause, async {
                    tokio::select! {
                        _ = ended.wait_for(|ended| *ended) => {}
                        _ = waiting.changed(), if failures == 0 => {}
                    }
                });
                waited.await.ok();
            }
        }
        if let Some(live) = self.live.send_replace(None) {
            live.pool.close().await;
        }
        self.database.close().await;
        self.progress.send_modify(|progress| progress.status = Status::Ended);
    }

    fn tell_waiting(&self, trouble: &Trouble) {
        let detail: Arc<str> = trouble.to_string().into();
        self.progress.send_if_modified(|progress| {
            let status = Status::Waiting { detail };
            let is_new = progress.status != status;
            if is_new {
                tracing::warn!(%trouble, "questions wait for the read models");
            }
            progress.status = status;
            is_new
        });
    }

    /// Sees which generation is live, and how far it is.
    async fn look(&mut self) -> Result<(), Trouble> {
        let known = self.live.borrow().as_ref().map(|live| live.number);
        let row = match self.ask(known).await {
            // The generation that was live may be gone by now.
            Err(trouble) if known.is_some() && trouble.is_missing() => self.ask(None).await,
            row => row,
        };
        let row = row.map_err(|trouble| match trouble.is_missing() {
            true => Trouble::Nothing,
            false => trouble,
        })?;
        let log = LogId(row.try_get::<Uuid, _>("log_id")?);
        if let Some(why) = unfit(row.try_get("format")?, log, self.reading.log_id) {
            self.live.send_replace(None);
            return Err(Trouble::Unfit(why));
        }
        let number: Option<i64> = row.try_get("number")?;
        let Some(number) = number.and_then(|number| u32::try_from(number).ok()) else {
            return Err(Trouble::Nothing);
        };
        if known == Some(number) {
            return self.tell(&row, number);
        }
        self.show(number).await?;
        let row = self.ask(Some(number)).await?;
        self.tell(&row, number)
    }

    async fn ask(&self, known: Option<u32>) -> Result<PgRow, Trouble> {
        let (reached, join) = known.map_or_else(
            || ("null::bigint", String::new()),
            |number| {
                let schema = schema_of(number);
                ("c.position", format!(" left join {schema}.checkpoint c on g.number = {number}"))
            },
        );
        let sql = AssertSqlSafe(format!(
            "select i.log_id, i.format, s.caught_up, s.state, s.position as status_position, \
             s.code, s.detail, g.number, {reached} as reached, exists (select 1 from leases \
             where name = $1 and until > clock_timestamp()) as is_led from installation i \
             cross join status s left join generation g on g.state = 'live'{join}"
        ));
        let asked = self.database.run(|connection| {
            Box::pin(async move { sqlx::query(sql).bind(LEASE).fetch_one(connection).await })
        });
        Ok(asked.await?)
    }

    /// Opens the rows of a generation for questions.
    async fn show(&self, number: u32) -> Result<(), Trouble> {
        let shape = Arc::clone(self.reading.models.shape());
        let asked = self.database.run(move |connection| {
            Box::pin(async move {
                let sql = "select shape = $1 from generation where number = $2";
                let query = sqlx::query_scalar::<_, bool>(sql).bind(&*shape);
                query.bind(i64::from(number)).fetch_optional(connection).await
            })
        });
        if asked.await? != Some(true) {
            self.live.send_replace(None);
            return Err(Trouble::OtherShape);
        }
        let Reading { server, connections, .. } = &self.reading;
        let pool = Pool::of_schema(server, number, *connections);
        let (live, mut released) = LiveGeneration::new(number, pool.clone());
        self.live.send_replace(Some(live));
        tokio::spawn(async move {
            // Nobody ever sends: this ends when nobody holds the generation any more.
            released.recv().await;
            pool.close().await;
        });
        Ok(())
    }

    fn tell(&self, row: &PgRow, number: u32) -> Result<(), Trouble> {
        let reached: Option<i64> = row.try_get("reached")?;
        let position = Position::from_sql(reached.unwrap_or(0));
        let head = self.heads.last().max(position);
        let (status, caught_up) = seen(row, head > position)?;
        let is_led: bool = row.try_get("is_led")?;
        self.progress.send_if_modified(|progress| {
            let before = progress.clone();
            progress.generation = number;
            progress.position = position;
            progress.head = head;
            if is_led {
                progress.caught_up = caught_up;
                progress.status = status;
            }
            *progress != before
        });
        if !is_led {
            self.tell_waiting(&Trouble::NobodyLeads);
        }
        Ok(())
    }
}
