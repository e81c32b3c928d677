//! The records most journeys begin with, and the values commands and answers are made of.

use std::fmt::Write;

use events::evidence::sha256;
use hyper::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    http::{Accepted, Answer, Http},
    process::until,
};

/// An amount of reais.
pub fn brl(amount: &str) -> Value {
    json!({ "amount": amount, "currency": "BRL" })
}

/// An account, as a customer or a side of a connection.
pub fn account(id: Uuid) -> Value {
    json!({ "type": "account", "id": id })
}

/// A contact, as a customer or a side of a connection.
pub fn contact(id: Uuid) -> Value {
    json!({ "type": "contact", "id": id })
}

/// An opportunity, as a side of a connection.
pub fn opportunity(id: Uuid) -> Value {
    json!({ "type": "opportunity", "id": id })
}

/// A user, as an owner.
pub fn user(id: Uuid) -> Value {
    json!({ "type": "user", "id": id })
}

/// One field of each item, as text.
#[track_caller]
pub fn texts(items: &Value, pointer: &str) -> Vec<String> {
    let items = items["items"].as_array().or(items.as_array()).expect("items");
    let text = |item: &Value| item.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    items.iter().map(|item| text(item).unwrap_or_else(|| panic!("{pointer} in {item}"))).collect()
}

impl Http {
    /// A new account.
    pub async fn account(&self, name: &str) -> Accepted {
        self.accept("CreateAccount", json!({ "name": name })).await
    }

    /// A new contact of a customer, or of none with `null`.
    pub async fn contact(&self, first: &str, last: &str, parent: Value) -> Accepted {
        let body = json!({ "first_name": first, "last_name": last, "parent": parent });
        self.accept("CreateContact", body).await
    }

    /// A new opportunity of a customer: what it would bring in reais, how likely, and when.
    pub async fn deal(&self, customer: Value, worth: &str, likely: &str, close: &str) -> Accepted {
        let body = json!({
            "topic": "A deal", "customer": customer, "estimated_value": brl(worth),
            "probability": likely, "estimated_close_date": close,
        });
        self.accept("CreateOpportunity", body).await
    }

    /// A new quote with one line that costs `total`, before the customer.
    pub async fn active_quote(&self, start: Value, total: &str) -> Uuid {
        let quote = self.accept("StartQuote", start).await.id;
        let line = json!({
            "quote_id": quote, "product": "Service", "quantity": "1", "unit_price": total,
        });
        self.accept("AddQuoteLine", line).await;
        self.accept("ActivateQuote", json!({ "quote_id": quote })).await;
        quote
    }

    /// A new user.
    pub async fn user(&self, name: &str) -> Uuid {
        self.accept("AddUser", json!({ "name": name, "office": "South" })).await.id
    }

    /// A new token of a user: its id, and what to present.
    pub async fn token_for(&self, user: Uuid, scopes: &[&str]) -> (Uuid, String) {
        let secret = format!("{}{}", user.simple(), Uuid::from_u128(!user.as_u128()).simple());
        let body = json!({ "user": user, "scopes": scopes, "secret_sha256": hex(&secret) });
        let token = self.accept("IssueToken", body).await.id;
        (token, format!("annals_{}_{secret}", token.simple()))
    }

    /// A client of a new user with that name.
    pub async fn as_user(&self, name: &str) -> (Uuid, Self) {
        let user = self.user(name).await;
        let (_, token) = self.token_for(user, &["read", "write", "audit"]).await;
        (user, self.with_token(Some(&token)))
    }

    /// The last position of the log.
    pub async fn head(&self) -> String {
        let processes = self.get("/processes").await.ok();
        processes["head"].as_str().expect("a position").to_owned()
    }

    /// Asks a question that has to see everything recorded by now.
    pub async fn now(&self, path: &str) -> Value {
        let head = self.head().await;
        self.see(path, &head).await
    }

    /// Every item of a list, page by page.
    pub async fn all(&self, path: &str) -> Vec<Value> {
        let separator = if path.contains('?') { '&' } else { '?' };
        let mut page = self.now(path).await;
        let mut items = page["items"].as_array().expect("items").clone();
        while let Some(cursor) = page["next"].as_str() {
            page = self.get(&format!("{path}{separator}cursor={cursor}")).await.ok();
            items.extend(page["items"].as_array().expect("items").iter().cloned());
        }
        items
    }

    /// The events of the log after a position, as the feed gives them.
    pub async fn feed(&self, query: &str) -> Vec<Value> {
        let answer = self.get(&format!("/events?{query}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
        let text = answer.text();
        text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }

    /// The whole history of a record.
    pub async fn history(&self, path: &str) -> Vec<Value> {
        self.all(&format!("{path}/history?limit=200")).await
    }

    /// Rebuilds the read models; answers with the report, which has to say that nothing differs.
    pub async fn replay(&self) -> Value {
        let answer = self.begin_replay().await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let text = answer.text();
        let last = text.lines().last().expect("a last line");
        let last: Value = serde_json::from_str(last).expect("a line of JSON");
        let report = last["done"].clone();
        let tables = report["tables"].as_array().unwrap_or_else(|| panic!("no report: {text}"));
        let is_well = |verdict: &Value| verdict == "equal" || verdict == "not compared";
        assert!(tables.iter().all(|table| is_well(&table["verdict"])), "{report}");
        report
    }

    /// Asks for a replay, again while nobody keeps the read models: a service that was kept from its
    /// lease for a while stands by until it holds it again.
    async fn begin_replay(&self) -> Answer {
        let mut begun = None;
        until("somebody keeps the read models", async || {
            let answer = self.send(Method::POST, "/admin/replay", &[], Vec::new()).await;
            let is_begun = answer.status != 503 || answer.json()["code"] != "replay.standby";
            begun = is_begun.then_some(answer);
            is_begun
        })
        .await;
        begun.expect("an answer")
    }

    /// Every refused command, oldest first.
    pub async fn attempts(&self) -> Vec<Value> {
        let mut all: Vec<Value> = Vec::new();
        loop {
            let after = all.last().map_or(0, |last| last["number"].as_u64().expect("a number"));
            let page = self.get(&format!("/attempts?after={after}&limit=200")).await.ok();
            let items = page["items"].as_array().expect("items");
            if items.is_empty() {
                return all;
            }
            all.extend(items.iter().cloned());
        }
    }
}

fn hex(secret: &str) -> String {
    sha256(secret.as_bytes()).iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a text takes all there is");
        text
    })
}
