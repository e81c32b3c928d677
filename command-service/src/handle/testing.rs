//! A write loop on a store in memory, for tests: an organisation, Ana, and what she sends.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
};

use events::{
    Actor, ActorKind, Channel, Instant, Position, Recorded, Version,
    access::Scope,
    ids::{
        AccountId, CommandId, CustomerRef, LogId, OpportunityId, OrganizationId, QuoteId,
        StreamName, TokenId,
    },
};
use events_log::{
    keys::{Keyring, MemoryKeys},
    store::{
        Answer, Append, AppendError, Appended, Attempt, EventFeed, EventLog, EventStore, Head,
        LedgerEntry, RecordedAttempt, StoreError, StreamReader, memory::MemoryStore,
    },
};
use serde_json::{Value, json};
use tokio::sync::Notify;
use uuid::Uuid;

use super::{Accepted, Clock, CommandError, Handler, Request, system};
use crate::{
    aggregate::{Authority, Command},
    command::commands,
};

/// 2026-03-02T12:00:00Z.
pub(crate) const NOON: i64 = 1_772_452_800_000_000;
pub(crate) const LOG: LogId = LogId(Uuid::from_u128(0xA));
pub(crate) const ANA: Uuid = Uuid::from_u128(0xA1A);

pub(crate) struct World {
    pub(crate) handler: Arc<Handler>,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) now: Arc<AtomicI64>,
    keys: Arc<MemoryKeys>,
    next: Mutex<u128>,
}

fn handler(store: Arc<dyn EventLog>, keys: &Arc<MemoryKeys>, now: &Arc<AtomicI64>) -> Arc<Handler> {
    let clock_now = now.clone();
    let clock: Clock = Arc::new(move || Instant::from_micros(clock_now.load(Ordering::SeqCst)));
    Arc::new(Handler::new(store, Keyring::new(keys.clone(), LOG), clock, &[7; 32]))
}

impl World {
    /// An organisation in São Paulo with one user, Ana.
    pub(crate) async fn new() -> Self {
        Self::on(MemoryStore::new).await
    }

    /// The same on a log that other write loops append to as well.
    pub(crate) async fn shared() -> Self {
        Self::on(MemoryStore::shared).await
    }

    async fn on(open: fn(LogId, Clock) -> MemoryStore) -> Self {
        let now = Arc::new(AtomicI64::new(NOON));
        let clock_now = now.clone();
        let clock: Clock = Arc::new(move || Instant::from_micros(clock_now.load(Ordering::SeqCst)));
        let store = Arc::new(open(LOG, clock));
        let keys = Arc::new(MemoryKeys::new());
        let handler = handler(store.clone(), &keys, &now);
        let world = Self { handler, store, now, keys, next: Mutex::new(0x1000) };
        let found = crate::access::FoundOrganization {
            organization_id: OrganizationId(LOG.0),
            name: events::values::Line::new("Norte").unwrap(),
            zone: events::values::Zone::new("America/Sao_Paulo").unwrap(),
            base_currency: events::money::Currency::new("BRL").unwrap(),
        };
        let mut request = world.request("FoundOrganization", Box::new(found));
        request.actor = system();
        world.handler.handle(request).await.unwrap();
        let add = world.parse("AddUser", &json!({ "user_id": ANA, "name": "Ana" }));
        let mut request = world.request("AddUser", add);
        request.actor = system();
        world.handler.handle(request).await.unwrap();
        world
    }

    /// Another write loop on the same log, which sees it as `store` shows it.
    pub(crate) fn handler_on(&self, store: Arc<dyn EventLog>) -> Arc<Handler> {
        handler(store, &self.keys, &self.now)
    }

    /// Another write loop on the same log, which does not look what the others do.
    pub(crate) fn blind_handler_on(&self, store: Arc<dyn EventLog>) -> Arc<Handler> {
        let mut handler = Arc::into_inner(self.handler_on(store)).unwrap();
        handler.fresh = None;
        Arc::new(handler)
    }

    pub(crate) fn id(&self) -> Uuid {
        let mut next = self.next.lock().unwrap();
        *next += 1;
        Uuid::from_u128(*next)
    }

    #[expect(clippy::unused_self, reason = "a test reads like a sentence")]
    pub(crate) fn parse(&self, name: &str, body: &Value) -> Box<dyn Command> {
        let entry = commands().into_iter().find(|entry| entry.name == name).unwrap();
        let raw = serde_json::value::to_raw_value(body).unwrap();
        (entry.parse)(&raw).unwrap_or_else(|error| panic!("{name}: {}", error.detail))
    }

    pub(crate) fn request(&self, name: &'static str, command: Box<dyn Command>) -> Request {
        let command_id = CommandId(self.id());
        Request {
            command_id,
            name,
            command,
            expected: None,
            effective_at: None,
            reason: None,
            actor: Actor { kind: ActorKind::User, id: ANA },
            authority: Some(Authority { token: TokenId(ANA), scopes: Scope::ALL.into() }),
            on_behalf_of: None,
            channel: Channel::Api,
            causation_id: command_id.0,
            correlation_id: command_id.0,
            freshened: None,
        }
    }

    pub(crate) async fn send(
        &self,
        name: &'static str,
        body: Value,
    ) -> Result<Accepted, CommandError> {
        self.send_to(&self.handler, name, body).await
    }

    pub(crate) async fn send_to(
        &self,
        handler: &Handler,
        name: &'static str,
        body: Value,
    ) -> Result<Accepted, CommandError> {
        handler.handle(self.request(name, self.parse(name, &body))).await
    }

    pub(crate) async fn length(&self) -> u64 {
        self.store.head().await.unwrap().position.0
    }

    pub(crate) async fn types_after(&self, position: u64) -> Vec<String> {
        let events = self.store.read(Position(position), 100).await.unwrap();
        events.iter().map(|event| event.event.event_type.name.to_string()).collect()
    }

    pub(crate) async fn attempts(&self) -> Vec<String> {
        let attempts = self.store.attempts(0, 100).await.unwrap();
        attempts.iter().map(|recorded| recorded.attempt.code.to_string()).collect()
    }

    /// A quote over 1,500.00 BRL that only has to be accepted, for an opportunity.
    pub(crate) async fn active_quote(&self) -> (QuoteId, OpportunityId) {
        let account = AccountId(self.id());
        let opportunity = OpportunityId(self.id());
        let quote = QuoteId(self.id());
        let customer = CustomerRef::Account(account);
        self.send("CreateAccount", json!({ "account_id": account, "name": "Contoso" }))
            .await
            .unwrap();
        let body =
            json!({ "opportunity_id": opportunity, "topic": "Chairs", "customer": customer });
        self.send("CreateOpportunity", body).await.unwrap();
        self.send("StartQuote", json!({ "quote_id": quote, "opportunity": opportunity }))
            .await
            .unwrap();
        let line = json!({
            "quote_id": quote, "product": "Chair", "quantity": "10", "unit_price": "150",
        });
        self.send("AddQuoteLine", line).await.unwrap();
        self.send("ActivateQuote", json!({ "quote_id": quote })).await.unwrap();
        (quote, opportunity)
    }
}

impl Handler {
    /// Appends what a command decides, and ends there, as a process that is killed does.
    pub(crate) async fn append_only(&self, request: Request) {
        let fingerprint = self.fingerprint(&request).unwrap();
        let stream = request.command.stream(request.command_id);
        self.judge(&request, stream, fingerprint).await.unwrap();
    }
}

/// The rule that refused a command.
pub(crate) fn code(outcome: Result<Accepted, CommandError>) -> &'static str {
    match outcome {
        Err(CommandError::Refused(refusal)) => refusal.code(),
        other => panic!("not refused: {other:?}"),
    }
}

/// The store, watched: what was asked of it, and a stream whose first page is only answered when it
/// is let go.
pub(crate) struct Watched {
    store: Arc<MemoryStore>,
    pub(crate) saves: AtomicUsize,
    pub(crate) appends: AtomicUsize,
    pub(crate) reads: AtomicUsize,
    pub(crate) asked: AtomicUsize,
    pub(crate) heads: AtomicUsize,
    pub(crate) pages: AtomicUsize,
    /// Whether it is away: it answers nothing then but that.
    pub(crate) away: AtomicBool,
    held: Option<StreamName>,
    /// Tells that the held stream has been read, but not yet answered.
    pub(crate) is_read: Notify,
    /// Lets the answer go.
    pub(crate) go: Notify,
}

impl Watched {
    pub(crate) fn new(store: Arc<MemoryStore>, held: Option<StreamName>) -> Arc<Self> {
        Arc::new(Self {
            store,
            saves: AtomicUsize::new(0),
            appends: AtomicUsize::new(0),
            reads: AtomicUsize::new(0),
            asked: AtomicUsize::new(0),
            heads: AtomicUsize::new(0),
            pages: AtomicUsize::new(0),
            away: AtomicBool::new(false),
            held,
            is_read: Notify::new(),
            go: Notify::new(),
        })
    }
}

impl Watched {
    /// Gives others a turn, as every answer over a wire does, and fails while it is away.
    async fn reach(&self) -> Result<(), StoreError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        let away = self.away.load(Ordering::SeqCst);
        if away { Err(StoreError::Unavailable("it is away".into())) } else { Ok(()) }
    }
}

impl StreamReader for Watched {
    fn log_id(&self) -> LogId {
        self.store.log_id()
    }

    fn head(&self) -> Answer<'_, Result<Head, StoreError>> {
        self.heads.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            self.reach().await?;
            self.store.head().await
        })
    }

    fn read_stream(
        &self,
        stream: StreamName,
        after: Version,
        limit: usize,
    ) -> Answer<'_, Result<Vec<Arc<Recorded>>, StoreError>> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            self.reach().await?;
            let page = self.store.read_stream(stream, after, limit).await;
            if self.held == Some(stream) && after == Version::NONE {
                self.is_read.notify_one();
                self.go.notified().await;
            }
            self.reach().await?;
            page
        })
    }
}

impl EventStore for Watched {
    fn is_shared(&self) -> bool {
        self.store.is_shared()
    }

    fn append(&self, batch: Vec<Append>) -> Answer<'_, Vec<Result<Appended, AppendError>>> {
        self.appends.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            if let Err(error) = self.reach().await {
                return batch.iter().map(|_| Err(error.clone().into())).collect();
            }
            let answers = self.store.append(batch).await;
            tokio::task::yield_now().await;
            answers
        })
    }

    fn lookup(
        &self,
        commands: Vec<CommandId>,
    ) -> Answer<'_, Result<Vec<Option<LedgerEntry>>, StoreError>> {
        Box::pin(async move {
            self.reach().await?;
            self.store.lookup(commands).await
        })
    }

    fn record_attempts(&self, attempts: Vec<Attempt>) -> Answer<'_, Result<u64, StoreError>> {
        Box::pin(async move {
            self.reach().await?;
            self.store.record_attempts(attempts).await
        })
    }

    fn raise_attempts(&self, raised: Vec<RecordedAttempt>) -> Answer<'_, Result<(), StoreError>> {
        Box::pin(async move {
            self.reach().await?;
            self.store.raise_attempts(raised).await
        })
    }

    fn attempts(
        &self,
        after: u64,
        limit: usize,
    ) -> Answer<'_, Result<Vec<RecordedAttempt>, StoreError>> {
        self.store.attempts(after, limit)
    }

    fn checkpoint(&self, name: &'static str) -> Answer<'_, Result<Position, StoreError>> {
        Box::pin(async move {
            self.reach().await?;
            self.store.checkpoint(name).await
        })
    }

    fn save_checkpoint(
        &self,
        name: &'static str,
        position: Position,
    ) -> Answer<'_, Result<(), StoreError>> {
        self.saves.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            self.reach().await?;
            self.store.save_checkpoint(name, position).await
        })
    }
}

impl EventFeed for Watched {
    fn feed_head(&self) -> Answer<'_, Result<Head, StoreError>> {
        self.head()
    }

    fn read(
        &self,
        after: Position,
        limit: usize,
    ) -> Answer<'_, Result<Vec<Arc<Recorded>>, StoreError>> {
        self.pages.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            self.reach().await?;
            self.store.read(after, limit).await
        })
    }

    fn wait(&self, beyond: Position) -> Answer<'_, ()> {
        self.store.wait(beyond)
    }

    fn position_at(&self, instant: Instant) -> Answer<'_, Result<Position, StoreError>> {
        self.store.position_at(instant)
    }
}
