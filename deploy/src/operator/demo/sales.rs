//! A deal of the sample from its first day to its last, as chapters of commands.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    company::{Customer, Draw},
    words::PRODUCT,
};

/// The stages of the sample's pipeline, each with its probability.
const STAGES: [(&str, &str); 4] =
    [("Qualify", "10"), ("Develop", "30"), ("Propose", "60"), ("Close", "80")];

/// One deal.
pub(super) struct Deal {
    what: String,
    opportunity: Uuid,
    quote: Uuid,
    customer: Value,
    contact: Uuid,
    owner: Uuid,
    topic: String,
    /// The product and its price in cents.
    product: (&'static str, i64),
    quantity: i64,
    /// How many days ago it began, and how many days lie between its chapters.
    began: i64,
    pace: i64,
    ending: Ending,
}

/// How a deal ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    Open,
    Won,
    Lost,
    /// By accepting a quote.
    Ordered,
}

impl Deal {
    pub(super) fn draw(draw: &mut Draw, customer: &Customer, number: i64) -> Self {
        let what = format!("{}:{number}", customer.index);
        let product = *draw.random.pick(&PRODUCT);
        let ending = match draw.random.between(1, 10) {
            1..=3 => Ending::Open,
            4..=5 => Ending::Lost,
            6..=7 => Ending::Won,
            _ => Ending::Ordered,
        };
        Self {
            opportunity: draw.id(&format!("opportunity:{what}")),
            quote: draw.id(&format!("quote:{what}")),
            customer: json!({ "type": "account", "id": customer.account }),
            contact: draw.id(&format!("contact:{}:0", customer.index)),
            owner: customer.owner,
            topic: format!("{} for {}", product.0, customer.name),
            product,
            quantity: draw.random.between(1, 40),
            began: draw.random.between(30, customer.since),
            pace: draw.random.between(2, 5),
            ending,
            what,
        }
    }

    /// The chapters, in order.
    pub(super) fn tell(&self, draw: &mut Draw) -> Vec<Vec<Value>> {
        let mut chapters = vec![vec![self.create(draw)]];
        let reached = if self.ending == Ending::Open { draw.random.between(0, 3) } else { 3 };
        let mut ago = self.began;
        for (stage, probability) in
            STAGES.iter().skip(1).take(usize::try_from(reached).unwrap_or(0))
        {
            ago -= self.pace;
            let what = format!("{}:{stage}", self.what);
            let body = json!({ "opportunity_id": self.opportunity, "stage": stage });
            let moved = draw.command("ChangeOpportunityStage", &what, ago, &body);
            let body = json!({ "opportunity_id": self.opportunity, "probability": probability });
            chapters
                .push(vec![moved, draw.command("ChangeOpportunityProbability", &what, ago, &body)]);
        }
        ago -= self.pace;
        chapters.extend(self.end(draw, ago));
        chapters
    }

    /// The value in cents.
    fn cents(&self) -> i64 {
        self.product.1 * self.quantity
    }

    fn money(&self) -> Value {
        let cents = self.cents();
        json!({ "amount": format!("{}.{:02}", cents / 100, cents % 100), "currency": "USD" })
    }

    fn create(&self, draw: &Draw) -> Value {
        let body = json!({
            "opportunity_id": self.opportunity,
            "topic": self.topic,
            "customer": self.customer,
            "contact": self.contact,
            "product": self.product.0,
            "estimated_value": self.money(),
            "estimated_close_date": draw.date(self.began - 60),
            "probability": STAGES[0].1,
            "stage": STAGES[0].0,
            "owner": { "type": "user", "id": self.owner },
        });
        draw.command("CreateOpportunity", &self.what, self.began, &body)
    }

    fn end(&self, draw: &Draw, ago: i64) -> Vec<Vec<Value>> {
        let id = self.opportunity;
        let close_date = draw.date(ago);
        match self.ending {
            Ending::Open => Vec::new(),
            Ending::Won => {
                let body = json!({
                    "opportunity_id": id, "actual_value": self.money(), "close_date": close_date,
                });
                vec![vec![draw.command("WinOpportunity", &self.what, ago, &body)]]
            }
            Ending::Lost => {
                let body = json!({
                    "opportunity_id": id, "status_reason": "OutSold", "close_date": close_date,
                });
                vec![vec![draw.command("LoseOpportunity", &self.what, ago, &body)]]
            }
            Ending::Ordered => self.quote(draw, ago),
        }
    }

    fn quote(&self, draw: &Draw, ago: i64) -> Vec<Vec<Value>> {
        let cents = self.product.1;
        let start = json!({
            "quote_id": self.quote, "opportunity": self.opportunity,
            "valid_until": draw.date(-90), "owner": { "type": "user", "id": self.owner },
        });
        let line = json!({
            "quote_id": self.quote, "product": self.product.0,
            "quantity": self.quantity.to_string(),
            "unit_price": format!("{}.{:02}", cents / 100, cents % 100),
        });
        let activate = json!({ "quote_id": self.quote });
        let accept = json!({ "quote_id": self.quote, "close_opportunity": "won" });
        let command = |name, ago, body| draw.command(name, &self.what, ago, &body);
        vec![
            vec![
                command("StartQuote", ago + 1, start),
                command("AddQuoteLine", ago + 1, line),
                command("ActivateQuote", ago + 1, activate),
            ],
            vec![command("AcceptQuote", ago, accept)],
        ]
    }
}
