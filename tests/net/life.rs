//! What happened in the log of the fixture: each command with each thing it can do, refusals, and the
//! events that only an operator or an older build makes.

use std::collections::BTreeMap;

use axum::body::Body;
use command_service::{
    access::{AddUser, FoundOrganization, IssueToken, Sha256Hex},
    aggregate::Command,
    handle::Request as Handled,
};
use events::{
    Actor, ActorKind, Cause, Channel, EventType, Instant, NewEvent, Position, Version,
    access::Scope,
    evidence::sha256,
    ids::{CommandId, ContactId, KeyId, OrganizationId, StreamName, UserId, derived},
    money::Currency,
    personal::Clear,
    values::{Line, Zone},
};
use events_log::store::{Append, Fingerprint};
use hyper::{Request, header};
use serde_json::{Value, json};
use uuid::Uuid;

use super::site::{Asked, Site, digest, log_id, token};

/// 2026-03-02T12:00:00Z.
const BEGIN: i64 = 1_772_452_800_000_000;
/// How much later each command comes.
const STEP: i64 = 10 * 3_600_000_000;

/// What happened so far.
pub(super) struct Life<'s> {
    site: &'s Site,
    commands: Asked,
    token: String,
    now: i64,
    count: u32,
    /// The records by names that the questions know.
    named: BTreeMap<&'static str, Uuid>,
}

/// Somebody or something to refer to.
pub(super) fn of(kind: &str, id: Uuid) -> Value {
    json!({ "type": kind, "id": id })
}

pub(super) fn reais(amount: &str) -> Value {
    json!({ "amount": amount, "currency": "BRL" })
}

/// What has been lived: the records by name, and the keys of those who are to be forgotten.
pub(super) struct Lived {
    pub(super) named: BTreeMap<&'static str, Uuid>,
    pub(super) forgotten: Vec<KeyId>,
}

/// Lives it.
pub(super) async fn live(site: &Site) -> Lived {
    let mut life = Life::begin(site).await;
    life.access().await;
    let [norte, sul, ana, bruno] = life.customers().await;
    life.connections(norte, sul, ana).await;
    let deal = life.deals(norte, ana).await;
    life.sales(norte, ana, deal).await;
    life.sales_to_a_person(bruno).await;
    life.ends(norte, sul, ana).await;
    life.operators(norte).await;
    life.leftovers(norte).await;
    let forgotten = vec![life.key_of(ContactId(bruno).stream()).await];
    Lived { named: life.named, forgotten }
}

impl<'s> Life<'s> {
    async fn begin(site: &'s Site) -> Self {
        let (id, text) = token("admin");
        let mut life = Self {
            site,
            commands: site.commands(),
            token: text,
            now: BEGIN,
            count: 0,
            named: BTreeMap::new(),
        };
        let found = FoundOrganization {
            organization_id: OrganizationId(log_id().0),
            name: Line::new("Norte").expect("a name"),
            zone: Zone::new("America/Sao_Paulo").expect("a zone"),
            base_currency: Currency::new("BRL").expect("a currency"),
        };
        life.found("FoundOrganization", Box::new(found)).await;
        let add = AddUser {
            user_id: Some(admin()),
            name: Clear(Line::new("Administrator").expect("a name")),
            email: None,
            manager: None,
            office: None,
        };
        life.found("AddUser", Box::new(add)).await;
        let issue = IssueToken {
            token_id: Some(id),
            user: admin(),
            secret_sha256: Sha256Hex::from_bytes(digest("admin")),
            scopes: Scope::ALL.to_vec(),
            label: None,
        };
        life.found("IssueToken", Box::new(issue)).await;
        life
    }

    /// The next moment, and the id of what is done in it.
    fn next(&mut self) -> Uuid {
        self.now += STEP;
        self.count += 1;
        self.site.clock.set(Instant::from_micros(self.now));
        derived(&format!("act {} of the fixture", self.count))
    }

    /// What the product does itself at its first start.
    async fn found(&mut self, name: &'static str, command: Box<dyn Command>) {
        let command_id = CommandId(self.next());
        let request = Handled::of_system(command_id, name, command);
        self.site.handler.handle(request).await.expect("it is founded");
    }

    /// Remembers a record under a name.
    pub(super) fn name(&mut self, name: &'static str, id: Uuid) {
        self.named.insert(name, id);
    }

    pub(super) fn named(&self, name: &str) -> Uuid {
        self.named[name]
    }

    /// The streams with an event of that type, in the order of the log.
    pub(super) async fn streams(&self, event_type: &str) -> Vec<Uuid> {
        let events = self.site.store.read(Position::START, 10_000).await.expect("the log");
        let found = events.iter().filter(|event| event.event.event_type.name == event_type);
        found.map(|event| event.stream.id).collect()
    }

    /// The key of the person that a stream is about.
    async fn key_of(&self, stream: StreamName) -> KeyId {
        let events = self.site.store.read_stream(stream, Version::NONE, 1).await.expect("a stream");
        let first: Value = serde_json::from_slice(&events[0].event.payload).expect("JSON");
        KeyId(first["data"]["key"].as_str().expect("a key").parse().expect("an id"))
    }

    async fn send(&mut self, name: &str, body: &Value, headers: &[(&str, &str)]) -> (u16, Value) {
        let id = self.next();
        let mut request = Request::post(format!("/commands/{name}"))
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .header(header::CONTENT_TYPE, "application/json")
            .header("idempotency-key", id.to_string());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_string())).expect("a request");
        let answer = self.commands.send(request).await;
        (answer.status, serde_json::from_str(&answer.text).expect("JSON"))
    }

    /// Sends a command that is accepted; the record it is about.
    pub(super) async fn done(&mut self, name: &str, body: Value) -> Uuid {
        self.done_with(name, body, &[]).await
    }

    pub(super) async fn done_with(
        &mut self,
        name: &str,
        body: Value,
        headers: &[(&str, &str)],
    ) -> Uuid {
        let (status, answer) = self.send(name, &body, headers).await;
        assert_eq!(status, 200, "{name} {body}: {answer}");
        answer["record"]["id"].as_str().expect("a record").parse().expect("an id")
    }

    /// Sends a command that a rule refuses.
    pub(super) async fn refused(&mut self, code: &str, name: &str, body: Value) {
        let (status, answer) = self.send(name, &body, &[]).await;
        assert_eq!(answer["code"], code, "{name} {body}: {status} {answer}");
    }

    /// Lets a token do what comes next.
    pub(super) fn as_token(&mut self, name: &str) {
        self.token = token(name).1;
    }

    /// Issues a token; who has it.
    pub(super) async fn issue(&mut self, name: &str, user: Uuid, scopes: &[&str]) -> Uuid {
        let body = json!({
            "token_id": token(name).0, "user": user, "scopes": scopes, "label": name,
            "secret_sha256": hex::encode(digest(name)),
        });
        self.done("IssueToken", body).await
    }

    /// Appends what no command makes.
    pub(super) async fn happened(
        &mut self,
        name: &'static str,
        version: u16,
        stream: StreamName,
        data: &Value,
    ) {
        let payload = json!({ "data": data }).to_string().into_bytes();
        let command_id = CommandId(self.next());
        let actor = Actor { kind: ActorKind::System, id: log_id().0 };
        let event = NewEvent {
            event_id: command_id.event(0),
            event_type: EventType::new(name, version),
            effective_at: None,
            cause: Cause {
                actor,
                on_behalf_of: None,
                channel: Channel::System,
                command_id,
                causation_id: command_id.0,
                correlation_id: command_id.0,
            },
            payload_sha256: sha256(&payload),
            payload: payload.into(),
        };
        let store = &self.site.store;
        let length = store.read_stream(stream, Version::NONE, 1_000).await.expect("a stream").len();
        let append = Append {
            command_id,
            fingerprint: Fingerprint([7; 32]),
            actor,
            stream,
            expected: Version(length as u64),
            events: vec![event],
        };
        for stored in store.append(vec![append]).await {
            stored.expect("it is appended");
        }
    }
}

/// The user of the first start.
pub(super) fn admin() -> UserId {
    UserId(derived("administrator of the fixture"))
}
