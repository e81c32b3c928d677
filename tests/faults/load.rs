//! Writers whose every command is drawn from a seed, and kept with what it was answered. Some write
//! until the connection breaks, some ask again until they know.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::http::Method;
use events_log::bus::nemesis::Dice;
use serde_json::{Value, json};
use tests::{Accepted, Answer, Http};
use tokio::{
    sync::watch,
    time::{Instant, interval_at, timeout},
};
use uuid::{Builder, Uuid};

/// How long who asks again waits for an answer, and before asking.
const PATIENCE: Duration = Duration::from_secs(4);
const PAUSE: Duration = Duration::from_millis(50);

/// One command, or one item of a list.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    /// Its idempotency key.
    pub(crate) key: Uuid,
    /// Its name.
    pub(crate) name: &'static str,
    /// Its body.
    pub(crate) body: Value,
    /// What it was answered; none when the connection broke.
    pub(crate) answer: Option<Accepted>,
}

impl Sent {
    /// Sends it, again if need be, with the same key.
    pub(crate) async fn send(&self, http: &Http) -> Option<Accepted> {
        Some(self.post().send(http).await?.accepted())
    }

    fn post(&self) -> Post {
        let path = format!("/commands/{}", self.name);
        Post { path, key: Some(self.key.to_string()), body: self.body.to_string() }
    }
}

/// Something to send, with the same id as often as need be.
struct Post {
    path: String,
    key: Option<String>,
    body: String,
}

impl Post {
    /// Sends it; none when the connection broke.
    async fn send(&self, http: &Http) -> Option<Answer> {
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(self.key.as_ref().map(|key| ("idempotency-key", key.as_str())));
        let body = self.body.clone().into_bytes();
        http.try_send(Method::POST, &self.path, &headers, body).await.ok()
    }
}

/// An id that a seed decides.
pub(crate) fn id(dice: &mut Dice) -> Uuid {
    let mut bytes = [0_u8; 16];
    for byte in &mut bytes {
        *byte = u8::try_from(dice.roll(256)).unwrap();
    }
    Builder::from_random_bytes(bytes).into_uuid()
}

/// What the writers of one round share.
pub(crate) struct Round {
    /// The services that take commands.
    pub(crate) services: Vec<Service>,
    /// Whether who gets no answer asks again, with the same id, until there is one.
    pub(crate) until_known: bool,
    /// How many commands were acknowledged so far.
    pub(crate) acknowledged: watch::Sender<u64>,
    /// The last that was: who reads it has to see it.
    pub(crate) told: watch::Sender<Option<Told>>,
    /// Turns true when no new command is to be begun.
    pub(crate) stop: watch::Receiver<bool>,
    /// Whether to stop asking: an answer is not to be expected any more.
    pub(crate) gives_up: AtomicBool,
    /// How often nobody knew what had become of a command.
    pub(crate) unknown: AtomicUsize,
    /// An account and an opportunity that all writers know.
    pub(crate) account: Uuid,
    pub(crate) opportunity: Uuid,
}

/// Where commands are sent, and how many are under way there.
pub(crate) struct Service {
    pub(crate) http: Http,
    pub(crate) in_flight: AtomicUsize,
}

impl Service {
    pub(crate) const fn of(http: Http) -> Self {
        Self { http, in_flight: AtomicUsize::new(0) }
    }
}

/// A record whose change was acknowledged.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) path: String,
    pub(crate) version: u64,
    pub(crate) position: String,
}

/// One writer of one round.
pub(crate) struct Writer {
    round: Arc<Round>,
    dice: Dice,
    sent: Vec<Sent>,
    /// The service it writes to.
    at: usize,
    /// Whether it goes to another service from time to time, and when one does not answer.
    wanders: bool,
}

/// The connection broke: the process is gone. Or whoever asks gives up.
struct Gone;

impl Writer {
    pub(crate) const fn new(round: Arc<Round>, seed: u64) -> Self {
        Self { round, dice: Dice::new(seed), sent: Vec::new(), at: 0, wanders: false }
    }

    /// The same writer, of another service.
    pub(crate) fn at(self, at: usize, wanders: bool) -> Self {
        Self { at, wanders, ..self }
    }

    /// Writes until the process is gone, or it is told to stop; answers with everything it sent.
    pub(crate) async fn run(mut self) -> Vec<Sent> {
        while !*self.round.stop.borrow() {
            if self.wanders && self.dice.happens(3) {
                self.wander();
            }
            let step = match self.dice.roll(10) {
                0..=3 => self.contact().await,
                4..=5 => self.stage().await,
                6..=7 => self.sale().await,
                _ => self.list().await,
            };
            if step.is_err() {
                break;
            }
        }
        self.sent
    }

    fn wander(&mut self) {
        self.at = (self.at + 1) % self.round.services.len();
    }

    /// Asks a service until it is known what became of it; where the round is not that patient,
    /// once.
    async fn patiently(&mut self, post: &Post) -> Result<Answer, Gone> {
        loop {
            let service = &self.round.services[self.at];
            service.in_flight.fetch_add(1, Ordering::Relaxed);
            let asking = post.send(&service.http);
            let answer = match self.round.until_known {
                true => timeout(PATIENCE, asking).await.ok().flatten(),
                false => asking.await,
            };
            service.in_flight.fetch_sub(1, Ordering::Relaxed);
            let is_away = |answer: &Answer| self.round.until_known && is_away(answer);
            match answer {
                Some(answer) if !is_away(&answer) => return Ok(answer),
                None if !self.round.until_known => return Err(Gone),
                _ => {}
            }
            self.still_unknown()?;
            interval_at(Instant::now() + PAUSE, PAUSE).tick().await;
            if self.wanders {
                self.wander();
            }
        }
    }

    /// Nobody knows what became of a command; an error if nobody is to ask again.
    fn still_unknown(&self) -> Result<(), Gone> {
        self.round.unknown.fetch_add(1, Ordering::Relaxed);
        if self.round.gives_up.load(Ordering::Relaxed) { Err(Gone) } else { Ok(()) }
    }

    async fn command(&mut self, name: &'static str, body: Value) -> Result<(), Gone> {
        let key = id(&mut self.dice);
        let sent = Sent { key, name, body, answer: None };
        self.sent.push(sent.clone());
        let answer = self.patiently(&sent.post()).await?.accepted();
        self.keep(self.sent.len() - 1, answer);
        Ok(())
    }

    /// Keeps the answer to a command.
    fn keep(&mut self, index: usize, answer: Accepted) {
        let records = match self.sent[index].name {
            "CreateContact" => "contacts",
            "ChangeOpportunityStage" => "opportunities",
            _ => "quotes",
        };
        let path = format!("/{records}/{}", answer.id);
        let Accepted { version, position, .. } = answer.clone();
        self.round.told.send_replace(Some(Told { path, version, position }));
        self.sent[index].answer = Some(answer);
        self.round.acknowledged.send_modify(|count| *count += 1);
    }

    fn contact_body(&mut self) -> Value {
        let number = self.dice.roll(1_000_000);
        let parent = json!({ "type": "account", "id": self.round.account });
        json!({ "first_name": "Ana", "last_name": format!("Souza {number}"), "parent": parent })
    }

    async fn contact(&mut self) -> Result<(), Gone> {
        let body = self.contact_body();
        self.command("CreateContact", body).await
    }

    /// All writers change the same opportunity, so that they run into each other.
    async fn stage(&mut self) -> Result<(), Gone> {
        let stage = format!("Stage {}", self.dice.roll(1_000_000));
        let opportunity_id = self.round.opportunity;
        let body = json!({ "opportunity_id": opportunity_id, "stage": stage });
        self.command("ChangeOpportunityStage", body).await
    }

    /// A quote from its start to its acceptance, which places an order.
    async fn sale(&mut self) -> Result<(), Gone> {
        let quote = id(&mut self.dice);
        let customer = json!({ "type": "account", "id": self.round.account });
        let start = json!({
            "quote_id": quote, "customer": customer, "currency": "BRL", "name": "Chairs",
            "valid_until": "2099-12-31",
        });
        self.command("StartQuote", start).await?;
        let price = format!("{}.90", self.dice.roll(900) + 1);
        let line = json!({
            "quote_id": quote, "product": "Chair", "quantity": "3", "unit_price": price,
        });
        self.command("AddQuoteLine", line).await?;
        self.command("ActivateQuote", json!({ "quote_id": quote })).await?;
        self.command("AcceptQuote", json!({ "quote_id": quote })).await
    }

    /// A list of commands in one request: each item is kept like a command of its own.
    async fn list(&mut self) -> Result<(), Gone> {
        let first = self.sent.len();
        for _ in 0..=self.dice.roll(7) {
            let key = id(&mut self.dice);
            let body = self.contact_body();
            self.sent.push(Sent { key, name: "CreateContact", body, answer: None });
        }
        let items = self.sent[first..]
            .iter()
            .map(|sent| json!({ "id": sent.key, "type": sent.name, "data": sent.body }));
        let list: Value = items.collect();
        let path = "/commands".to_owned();
        let answers = self.list_answers(Post { path, key: None, body: list.to_string() }).await?;
        let answers = answers.as_array().expect("a list");
        assert_eq!(answers.len(), self.sent.len() - first);
        for (index, answer) in (first..).zip(answers) {
            assert_eq!(answer["status"], "accepted", "{answer}");
            self.keep(index, accepted(answer));
        }
        Ok(())
    }

    /// Sends a list until all of it is known.
    async fn list_answers(&mut self, post: Post) -> Result<Value, Gone> {
        loop {
            let answers = self.patiently(&post).await?.ok();
            let is_away = |item: &Value| item["problem"]["status"] == 503;
            let is_known = !answers.as_array().is_some_and(|all| all.iter().any(is_away));
            if is_known || !self.round.until_known {
                return Ok(answers);
            }
            self.still_unknown()?;
        }
    }
}

/// Whether it says: come again.
pub(crate) fn is_away(answer: &Answer) -> bool {
    let is_away = answer.status == 503;
    assert!(!is_away || answer.header("retry-after").is_some(), "{}", answer.text());
    is_away
}

fn accepted(answer: &Value) -> Accepted {
    Accepted {
        id: answer["record"]["id"].as_str().unwrap().parse().unwrap(),
        version: answer["version"].as_u64().unwrap(),
        position: answer["position"].as_str().unwrap().to_owned(),
    }
}
