//! Writers that send commands until the connection breaks, and keep what they were told.

use std::sync::Arc;

use events::bus::nemesis::Dice;
use serde_json::{Value, json};
use tests::{Accepted, Http};
use tokio::sync::watch;
use uuid::{Builder, Uuid};

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
        let key = self.key.to_string();
        let path = format!("/commands/{}", self.name);
        let headers = [("content-type", "application/json"), ("idempotency-key", key.as_str())];
        let body = self.body.to_string().into_bytes();
        let answer = http.try_send(axum::http::Method::POST, &path, &headers, body).await.ok()?;
        Some(answer.accepted())
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
    pub(crate) http: Http,
    /// How many commands were acknowledged so far.
    pub(crate) acknowledged: watch::Sender<u64>,
    /// An account and an opportunity that all writers know.
    pub(crate) account: Uuid,
    pub(crate) opportunity: Uuid,
}

/// One writer of one round.
pub(crate) struct Writer {
    round: Arc<Round>,
    dice: Dice,
    sent: Vec<Sent>,
}

/// The connection broke: the process is gone.
struct Gone;

impl Writer {
    pub(crate) const fn new(round: Arc<Round>, seed: u64) -> Self {
        Self { round, dice: Dice::new(seed), sent: Vec::new() }
    }

    /// Writes until the process is gone; answers with everything that was sent.
    pub(crate) async fn run(mut self) -> Vec<Sent> {
        loop {
            let step = match self.dice.roll(10) {
                0..=3 => self.contact().await,
                4..=5 => self.stage().await,
                6..=7 => self.sale().await,
                _ => self.list().await,
            };
            if step.is_err() {
                return self.sent;
            }
        }
    }

    async fn command(&mut self, name: &'static str, body: Value) -> Result<(), Gone> {
        let key = id(&mut self.dice);
        self.sent.push(Sent { key, name, body, answer: None });
        let sent = self.sent.last_mut().expect("it was just added");
        sent.answer = Some(sent.send(&self.round.http).await.ok_or(Gone)?);
        self.round.acknowledged.send_modify(|count| *count += 1);
        Ok(())
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
        let headers = [("content-type", "application/json")];
        let body = list.to_string().into_bytes();
        let method = axum::http::Method::POST;
        let answer = self.round.http.try_send(method, "/commands", &headers, body).await;
        let answers = answer.map_err(|_| Gone)?.ok();
        let answers = answers.as_array().expect("a list");
        assert_eq!(answers.len(), self.sent.len() - first);
        for (sent, answer) in self.sent[first..].iter_mut().zip(answers) {
            assert_eq!(answer["status"], "accepted", "{answer}");
            sent.answer = Some(accepted(answer));
            self.round.acknowledged.send_modify(|count| *count += 1);
        }
        Ok(())
    }
}

fn accepted(answer: &Value) -> Accepted {
    Accepted {
        id: answer["record"]["id"].as_str().unwrap().parse().unwrap(),
        version: answer["version"].as_u64().unwrap(),
        position: answer["position"].as_str().unwrap().to_owned(),
    }
}
