//! What is sold, what ends, and what operators do.

use events::ids::{KeyId, LogId, OrganizationId, TokenId, derived};
use serde_json::json;
use uuid::Uuid;

use super::{
    life::{Life, admin, of, reais},
    site::{digest, log_id, token},
};

impl Life<'_> {
    /// An opportunity that goes through all it can before it is decided.
    pub(super) async fn deals(&mut self, norte: Uuid, ana: Uuid) -> Uuid {
        let body = json!({
            "topic": "Chairs", "customer": of("account", norte), "contact": ana,
            "estimated_value": reais("12000.00"), "probability": "40",
            "estimated_close_date": "2026-05-20", "product": "Chair", "rating": "Warm",
            "description": "For the new office",
        });
        let deal = self.done("CreateOpportunity", body).await;
        self.name("opportunity chairs", deal);
        let change =
            json!({ "opportunity_id": deal, "rating": "Hot", "topic": "Chairs and desks" });
        self.done("ChangeOpportunityDetails", change).await;
        let estimate = json!({ "opportunity_id": deal, "estimated_value": reais("15000.00") });
        self.done("ChangeOpportunityEstimate", estimate).await;
        self.done(
            "ChangeOpportunityProbability",
            json!({ "opportunity_id": deal, "probability": "60" }),
        )
        .await;
        let stage = json!({ "opportunity_id": deal, "stage": "Propose" });
        self.done("ChangeOpportunityStage", stage).await;
        let moved = json!({ "opportunity_id": deal, "estimated_close_date": "2026-06-10" });
        self.done_with(
            "MoveCloseDate",
            moved,
            &[("annals-effective-at", "2026-03-20T12:00:00Z"), ("annals-reason", "told by phone")],
        )
        .await;
        let owner = json!({ "record": of("opportunity", deal), "owner": of("user", self.named("user rui")) });
        self.done("AssignOwner", owner).await;
        self.done(
            "AddNote",
            json!({ "regarding": of("opportunity", deal), "text": "They compare us" }),
        )
        .await;
        let relate = json!({ "a": of("opportunity", deal), "b": of("contact", ana) });
        self.done("RelateRecords", relate).await;
        let ended = json!({ "name": "Desks", "topic": "Desks" });
        self.refused("command.invalid", "CreateOpportunity", ended).await;
        deal
    }

    /// Quotes of an opportunity, up to an order.
    pub(super) async fn sales(&mut self, norte: Uuid, ana: Uuid, deal: Uuid) {
        let start = json!({ "opportunity": deal, "contact": ana, "name": "Offer", "valid_until": "2026-12-31" });
        let quote = self.done("StartQuote", start).await;
        self.name("quote chairs", quote);
        let line = |product: &str, quantity: &str, price: &str| json!({ "quote_id": quote, "product": product, "quantity": quantity, "unit_price": price });
        let (chair, lamp) = (derived("line chair"), derived("line lamp"));
        let mut first = line("Chair", "10", "150.10");
        first["line_id"] = json!(chair);
        first["discount"] = json!({ "percent": "5" });
        self.done("AddQuoteLine", first).await;
        let mut second = line("Lamp", "3", "40.00");
        second["line_id"] = json!(lamp);
        self.done("AddQuoteLine", second).await;
        self.done(
            "ChangeQuoteLine",
            json!({ "quote_id": quote, "line_id": chair, "quantity": "12" }),
        )
        .await;
        self.done("RemoveQuoteLine", json!({ "quote_id": quote, "line_id": lamp })).await;
        self.done(
            "SetQuoteDiscount",
            json!({ "quote_id": quote, "discount": { "percent": "2.5" } }),
        )
        .await;
        self.done("SetQuoteFreight", json!({ "quote_id": quote, "freight": reais("80.00") })).await;
        self.done("SetQuoteTax", json!({ "quote_id": quote, "tax": "10" })).await;
        self.done("SetQuoteValidity", json!({ "quote_id": quote, "valid_until": "2026-11-30" }))
            .await;
        let owner =
            json!({ "record": of("quote", quote), "owner": of("user", self.named("user rui")) });
        self.done("AssignOwner", owner).await;
        self.done("ActivateQuote", json!({ "quote_id": quote })).await;
        self.refused("quote.not_draft", "AddQuoteLine", line("Late", "1", "1.00")).await;
        self.done("ReviseQuote", json!({ "quote_id": quote })).await;
        self.done("AddQuoteLine", line("Desk", "2", "900.00")).await;
        self.done("ActivateQuote", json!({ "quote_id": quote })).await;
        let draft = self
            .done("StartQuote", json!({ "customer": of("account", norte), "name": "Other" }))
            .await;
        self.name("quote discarded", draft);
        self.done("DiscardQuoteDraft", json!({ "quote_id": draft })).await;
        let accept = json!({
            "quote_id": quote, "close_opportunity": "won", "accepted_by": "Anabela Souza",
            "customer_reference": "PO 77",
        });
        self.done("AcceptQuote", accept).await;
        self.refused(
            "quote.not_active",
            "CloseQuote",
            json!({ "quote_id": quote, "status_reason": "Lost" }),
        )
        .await;
    }

    /// A quote of a person, without an opportunity; and one that is closed.
    pub(super) async fn sales_to_a_person(&mut self, bruno: Uuid) {
        for (name, is_sold) in [("quote sold", true), ("quote lost", false)] {
            let start = json!({ "customer": of("contact", bruno), "currency": "USD" });
            let quote = self.done("StartQuote", start).await;
            self.name(name, quote);
            let line = json!({
                "quote_id": quote, "product": "Repair", "quantity": "1.5", "unit_price": "99.99",
            });
            self.done("AddQuoteLine", line).await;
            self.done("ActivateQuote", json!({ "quote_id": quote })).await;
            if is_sold {
                self.done("AcceptQuote", json!({ "quote_id": quote })).await;
            } else {
                let close = json!({ "quote_id": quote, "status_reason": "Canceled" });
                self.done("CloseQuote", close).await;
            }
        }
    }

    /// Deals that are won and lost and opened again, records that go out of use and come back.
    pub(super) async fn ends(&mut self, norte: Uuid, sul: Uuid, ana: Uuid) {
        let deal = |topic: &str, customer: Uuid, close: &str| {
            json!({
                "topic": topic, "customer": of("account", customer), "probability": "25",
                "estimated_value": reais("4000.00"), "estimated_close_date": close,
            })
        };
        let lost = self.done("CreateOpportunity", deal("Cables", sul, "2026-07-01")).await;
        let lose =
            json!({ "opportunity_id": lost, "status_reason": "OutSold", "competitor": "Oeste" });
        self.done("LoseOpportunity", lose).await;
        let again = self.done("CreateOpportunity", deal("Pumps", sul, "2026-04-30")).await;
        let win = json!({ "opportunity_id": again, "actual_value": reais("3900.00"), "close_date": "2026-04-02" });
        self.done("WinOpportunity", win).await;
        self.refused(
            "opportunity.closed",
            "ChangeOpportunityStage",
            json!({ "opportunity_id": again, "stage": "Close" }),
        )
        .await;
        self.done("ReopenOpportunity", json!({ "opportunity_id": again })).await;
        let foreign = json!({
            "topic": "Export", "customer": of("account", norte), "currency": "USD",
            "estimated_value": { "amount": "700.00", "currency": "USD" }, "probability": "80",
            "estimated_close_date": "2026-09-15",
        });
        let foreign = self.done("CreateOpportunity", foreign).await;
        for (name, id) in
            [("opportunity lost", lost), ("opportunity again", again), ("opportunity usd", foreign)]
        {
            self.name(name, id);
        }
        self.done("DeactivateContact", json!({ "contact_id": ana })).await;
        self.done("ReactivateContact", json!({ "contact_id": ana })).await;
        self.done("DeactivateAccount", json!({ "account_id": sul })).await;
        let late = json!({ "topic": "Late", "customer": of("account", sul) });
        self.refused("customer.inactive", "CreateOpportunity", late).await;
        self.done("ReactivateAccount", json!({ "account_id": sul })).await;
        let orders = self.streams("order.placed").await;
        for (name, id) in ["order chairs", "order repair"].into_iter().zip(&orders) {
            self.name(name, *id);
        }
        let order = orders[0];
        let owner =
            json!({ "record": of("order", order), "owner": of("user", self.named("user ana")) });
        self.done("AssignOwner", owner).await;
    }

    /// What operators do, and what builds of before did.
    pub(super) async fn operators(&mut self, norte: Uuid) {
        let LogId(log) = log_id();
        let stream = format!("administration-{log}").parse().expect("a stream");
        let equal = json!({ "position": 60, "equal": true, "outcome": { "result": "done" } });
        self.happened("administration.replayed", 1, stream, &equal).await;
        let taken =
            json!({ "name": "2026-04-01", "position": 61, "outcome": { "result": "done" } });
        self.happened("administration.backup_taken", 1, stream, &taken).await;
        let failed =
            json!({ "name": "2026", "outcome": { "result": "failed", "why": "no room is left" } });
        self.happened("administration.exported", 1, stream, &failed).await;
        let organization = OrganizationId(log).stream();
        let older = json!({
            "epoch": 1, "position": 50, "leaf": "5a".repeat(32), "known_position": 57,
            "known_leaf": "a5".repeat(32),
        });
        self.happened("organization.older_log_accepted", 1, organization, &older).await;
        let times = json!({ "from": "2026-04-01T12:00:00Z", "to": "2026-04-01T18:00:00Z" });
        self.happened("organization.clock_confirmed", 1, organization, &times).await;
        let key = KeyId(derived("key 0 of the fixture")).0;
        for (name, of, version) in [("token.issued", "old", 1), ("token.recovered", "recovered", 1)]
        {
            let TokenId(id) = token(of).0;
            let data = json!({
                "key": key, "user": admin(), "scopes": ["read", "write"],
                "secret_sha256": hex::encode(digest(of)),
            });
            self.happened(name, version, TokenId(id).stream(), &data).await;
        }
        self.done("AddNote", json!({ "regarding": of("account", norte), "text": "The last note" }))
            .await;
    }

    /// What is left in each state that a record can be in.
    pub(super) async fn leftovers(&mut self, norte: Uuid) {
        let [group, carla] = ["account group", "contact carla"].map(|name| self.named(name));
        self.done("DeactivateContact", json!({ "contact_id": carla })).await;
        self.done("DeactivateAccount", json!({ "account_id": group })).await;
        let ended =
            json!({ "connection_id": self.named("connection people"), "end": "2026-04-01" });
        self.done("EndConnection", ended).await;
        for (name, is_active) in [("quote draft", false), ("quote active", true)] {
            let start = json!({ "customer": of("account", norte), "valid_until": "2026-10-31" });
            let quote = self.done("StartQuote", start).await;
            self.name(name, quote);
            let line = json!({
                "quote_id": quote, "product": "Shelf", "quantity": "4", "unit_price": "75.00",
            });
            self.done("AddQuoteLine", line).await;
            if is_active {
                self.done("ActivateQuote", json!({ "quote_id": quote })).await;
            }
        }
        let canceled = json!({ "topic": "Ladders", "customer": of("account", norte) });
        let canceled = self.done("CreateOpportunity", canceled).await;
        self.name("opportunity canceled", canceled);
        let lose = json!({ "opportunity_id": canceled, "status_reason": "Canceled" });
        self.done("LoseOpportunity", lose).await;
        self.as_token("admin");
        let rui = self.named("user rui");
        self.issue("pending", rui, &["read"]).await;
    }
}
