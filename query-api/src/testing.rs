//! A small installation for tests: a log in memory, its read side on either database, who asks.

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU64, Ordering},
};

use axum::{body::Body, http::Request};
use bytes::Bytes;
use events::{
    Actor, ActorKind, Cause, Channel, CrmEvent, EventType, Instant, NewEvent, Payload, Position,
    Version,
    access::{
        OrganizationEvent, OrganizationFounded, Scope, TokenEvent, TokenIssued, UserAdded,
        UserDisabled, UserEvent,
    },
    customers::{
        AccountCreated, AccountEvent, ContactCreated, ContactEvent, ContactKind, CustomerType,
    },
    evidence::sha256,
    ids::{
        AccountId, CommandId, ContactId, CustomerRef, KeyId, LogId, OpportunityId, OrganizationId,
        Principal, StreamName, TokenId, UserId, derived,
    },
    money::{Currency, Money},
    personal::Personal,
    sales::{OpportunityCreated, OpportunityEvent},
    values::{Day, Line, Zone},
};
use events_log::{
    keys::{KeyEraser, Keyring, MemoryKeys},
    store::{Append, EventStore, Fingerprint, StreamReader, memory::MemoryStore},
};
use projection_service::{follow::Log, read_side::ReadSide, read_view::ReadView};
use tokio::sync::Semaphore;

use crate::{
    App,
    gate::Gate,
    places::{Projecting, TestPlace},
    router,
    sales::checkpoints::Checkpoints,
};
pub(crate) use crate::{
    asker::{Answer, Asker},
    places::on_both,
};

/// Noon in UTC.
pub(crate) const START: &str = "2026-03-10T12:00:00Z";

pub(crate) fn instant(text: &str) -> Instant {
    text.parse::<jiff::Timestamp>().unwrap().into()
}

pub(crate) fn line<const MAX: usize>(text: &str) -> Line<MAX> {
    Line::new(text).unwrap()
}

pub(crate) fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

pub(crate) fn account(name: &str) -> AccountId {
    AccountId(derived(name))
}

pub(crate) fn contact(name: &str) -> ContactId {
    ContactId(derived(name))
}

pub(crate) fn opportunity(name: &str) -> OpportunityId {
    OpportunityId(derived(name))
}

pub(crate) fn user(name: &str) -> UserId {
    UserId(derived(name))
}

pub(crate) fn brl(amount: &str) -> Money {
    Money::parse(amount, Currency::new("BRL").unwrap()).unwrap()
}

/// A token's text.
pub(crate) fn token(name: &str) -> String {
    let secret = hex::encode(sha256(name.as_bytes()));
    format!("annals_{}_{secret}", derived(&format!("token {name}")).simple())
}

pub(crate) struct World {
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) read_side: ReadSide,
    pub(crate) view: ReadView,
    /// The log as whoever makes the rows sees it.
    pub(crate) gate: Arc<Gate>,
    /// The log as whoever answers sees it.
    pub(crate) front: Arc<Gate>,
    pub(crate) checkpoints: Checkpoints,
    /// How many more may wait for events.
    pub(crate) followers: Arc<Semaphore>,
    asker: Asker,
    pub(crate) keys: Arc<MemoryKeys>,
    pub(crate) keyring: Keyring,
    now: Arc<AtomicI64>,
    commands: AtomicU64,
    _projecting: Projecting,
}

impl World {
    /// An organisation in Sao Paulo with Ana, who has a token that opens questions and the audit.
    pub(crate) async fn on(place: &TestPlace) -> Self {
        let log = LogId(derived("log"));
        let now = Arc::new(AtomicI64::new(instant(START).micros()));
        let clock = {
            let now = now.clone();
            Arc::new(move || Instant::from_micros(now.load(Ordering::Relaxed)))
        };
        let store = Arc::new(MemoryStore::new(log, clock.clone()));
        let keys = Arc::new(MemoryKeys::new());
        let keyring = Keyring::new(keys.clone(), log);
        let unsealer = keyring.unsealer().clone();
        let (gate, front) = (Gate::before(store.clone()), Gate::before(store.clone()));
        let log = Log { feed: gate.clone(), bus: None, unsealer: unsealer.clone(), log_id: log };
        let projecting = place.project(log).await;
        let (read_side, view) = (projecting.read_side.clone(), projecting.view.clone());
        let mut app = App::new(view.clone(), front.clone(), store.clone(), unsealer, clock);
        // Small blocks, so that small logs have some.
        app.checkpoints = Checkpoints::of_blocks(8);
        let (checkpoints, followers) = (app.checkpoints.clone(), app.followers.clone());
        let asker = Asker(router(app));
        let commands = AtomicU64::new(0);
        let world = Self {
            store,
            read_side,
            view,
            gate,
            front,
            checkpoints,
            followers,
            asker,
            keys,
            keyring,
            now,
            commands,
            _projecting: projecting,
        };
        world.found().await;
        world
    }

    async fn found(&self) {
        let founded = OrganizationFounded {
            name: line("Example"),
            zone: Zone::new("America/Sao_Paulo").unwrap(),
            base_currency: Currency::new("BRL").unwrap(),
        };
        let organization = OrganizationId(derived("organization")).stream();
        self.record(organization, OrganizationEvent::Founded(founded)).await;
        self.add_user("ana").await;
        self.issue("ana", "ana", vec![Scope::Read, Scope::Audit]).await;
    }

    pub(crate) async fn add_user(&self, name: &str) -> Position {
        let added = UserAdded {
            key: self.key().await,
            name: Personal::Clear(line(name)),
            email: None,
            manager: None,
            office: None,
            awaits_token: true,
        };
        self.record(user(name).stream(), UserEvent::Added(added)).await
    }

    pub(crate) async fn disable_user(&self, name: &str) -> Position {
        self.record(user(name).stream(), UserEvent::Disabled(UserDisabled {})).await
    }

    /// Issues the token [`token`] of that name.
    pub(crate) async fn issue(&self, name: &str, owner: &str, scopes: Vec<Scope>) -> Position {
        let secret = hex::encode(sha256(name.as_bytes()));
        let issued = TokenIssued {
            key: self.key().await,
            user: user(owner),
            label: None,
            scopes,
            secret_sha256: hex::encode(sha256(secret.as_bytes())),
            pending: false,
            issued_with: None,
        };
        let stream = TokenId(derived(&format!("token {name}"))).stream();
        self.record(stream, TokenEvent::Issued(issued)).await
    }

    pub(crate) async fn add_account(&self, name: &str) -> Position {
        let created = AccountCreated {
            key: self.key().await,
            name: line(name),
            account_number: None,
            customer_type: CustomerType::Prospect,
            industry: None,
            website: None,
            annual_revenue: None,
            employees: None,
            phone: None,
            email: None,
            description: None,
            owner: Principal::User(user("ana")),
        };
        self.record(account(name).stream(), AccountEvent::Created(created)).await
    }

    /// A contact, with the key that its values are sealed under.
    pub(crate) async fn add_contact(
        &self,
        name: &str,
        parent: Option<CustomerRef>,
    ) -> (Position, KeyId) {
        let key = self.key().await;
        let created = ContactCreated {
            key,
            first_name: Some(Personal::Clear(line(name))),
            last_name: Personal::Clear(line("Souza")),
            kind: ContactKind::Employee,
            parent,
            job_title: None,
            email: None,
            phone: None,
            mobile: None,
            birthdate: None,
            description: None,
            owner: Principal::User(user("ana")),
        };
        let event = CrmEvent::from(ContactEvent::Created(created));
        (self.record_sealed(contact(name).stream(), event, None, Some(key)).await, key)
    }

    /// A deal of an account, with its estimate and the day it would close.
    pub(crate) async fn add_deal(
        &self,
        name: &str,
        customer: &str,
        estimate: Money,
        effective: Option<&str>,
    ) -> Position {
        let key = self.key().await;
        let created = OpportunityCreated {
            key,
            topic: Personal::Clear(line(name)),
            customer: Some(CustomerRef::Account(account(customer))),
            contact: None,
            product: None,
            currency: estimate.currency(),
            estimated_value: Some(estimate),
            estimated_close_date: Some(day("2026-05-20")),
            probability: Some("40".parse().unwrap()),
            stage: line("Qualify"),
            rating: None,
            description: None,
            owner: Principal::User(user("ana")),
        };
        let event = CrmEvent::from(OpportunityEvent::Created(created));
        let stream = opportunity(name).stream();
        self.record_sealed(stream, event, effective.map(instant), Some(key)).await
    }

    pub(crate) async fn key(&self) -> KeyId {
        self.keyring.take().await.unwrap()
    }

    pub(crate) async fn forget(&self, key: KeyId) {
        self.keys.destroy(key).await.unwrap();
        self.keyring.unsealer().forget(key);
    }

    pub(crate) fn set_clock(&self, text: &str) {
        self.now.store(instant(text).micros(), Ordering::Relaxed);
    }

    /// Appends one event and says where.
    pub(crate) async fn record(&self, stream: StreamName, event: impl Into<CrmEvent>) -> Position {
        let key = self.key().await;
        self.record_sealed(stream, event.into(), None, Some(key)).await
    }

    /// The same with a business time.
    pub(crate) async fn record_sealed(
        &self,
        stream: StreamName,
        event: CrmEvent,
        effective_at: Option<Instant>,
        key: Option<KeyId>,
    ) -> Position {
        let number = self.commands.fetch_add(1, Ordering::Relaxed);
        let command_id = CommandId(derived(&format!("command {number}")));
        let event_type = event.event_type();
        let mut payload = Payload::from(event);
        let event_id = command_id.event(0);
        self.keyring.seal(&mut payload, event_id, key).await.unwrap();
        let payload = payload.encode().unwrap();
        self.append(stream, command_id, event_type, effective_at, payload).await
    }

    /// Appends an event that nobody can read: the rows stand still before it.
    pub(crate) async fn spoil(&self) -> Position {
        let stream = account("spoilt").stream();
        let command_id = CommandId(derived("a command that went wrong"));
        let kind = CrmEvent::from(UserEvent::Disabled(UserDisabled {})).event_type();
        self.append(stream, command_id, kind, None, b"{}".to_vec()).await
    }

    async fn append(
        &self,
        stream: StreamName,
        command_id: CommandId,
        event_type: EventType,
        effective_at: Option<Instant>,
        payload: Vec<u8>,
    ) -> Position {
        let actor = Actor { kind: ActorKind::User, id: user("ana").0 };
        let event = NewEvent {
            event_id: command_id.event(0),
            event_type,
            effective_at,
            cause: Cause {
                actor,
                on_behalf_of: None,
                channel: Channel::Api,
                command_id,
                causation_id: command_id.0,
                correlation_id: command_id.0,
            },
            payload_sha256: sha256(&payload),
            payload: Bytes::from(payload),
        };
        let length = self.store.read_stream(stream, Version::NONE, 1_000).await.unwrap().len();
        let append = Append {
            command_id,
            fingerprint: Fingerprint([0; 32]),
            actor,
            stream,
            expected: Version(u64::try_from(length).unwrap()),
            events: vec![event],
        };
        let answers = self.store.append(vec![append]).await;
        answers.into_iter().next().unwrap().unwrap().receipt().position
    }

    /// Asks as somebody with a token.
    pub(crate) async fn ask(&self, token: &str, path: &str) -> Answer {
        self.asker.ask(token, path).await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        self.asker.send(request).await
    }

    /// Somebody who asks beside the test.
    pub(crate) fn asker(&self) -> Asker {
        self.asker.clone()
    }

    /// Where the log ends.
    pub(crate) async fn record_head(&self) -> Position {
        self.store.head().await.unwrap().position
    }

    /// Asks as Ana, no earlier than everything that was recorded.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        let head = self.record_head().await;
        let sign = if path.contains('?') { '&' } else { '?' };
        self.ask(&token("ana"), &format!("{path}{sign}at_least={head}")).await
    }
}
