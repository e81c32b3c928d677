//! An installation with the records that the lines of the catalogue are about.

use serde_json::json;
use tests::{Annals, Http, account, brl, user};
use uuid::Uuid;

use crate::row::Caller;

/// An account.
pub(crate) const ACCOUNT: &str = "11111111-1111-4111-8111-111111111111";
/// Another one.
pub(crate) const OTHER: &str = "12121212-1212-4212-8212-121212121212";
/// A contact of the account.
pub(crate) const CONTACT: &str = "22222222-2222-4222-8222-222222222222";
/// An open deal with the account.
pub(crate) const DEAL: &str = "33333333-3333-4333-8333-333333333333";
/// A deal that was won.
pub(crate) const WON: &str = "34343434-3434-4434-8434-343434343434";
/// A draft of a quote of the open deal, in reais.
pub(crate) const QUOTE: &str = "44444444-4444-4444-8444-444444444444";
/// A user who is enabled.
pub(crate) const USER: &str = "55555555-5555-4555-8555-555555555555";
/// A user who was disabled.
pub(crate) const DISABLED: &str = "56565656-5656-4656-8656-565656565656";
/// Nobody's id.
pub(crate) const NOBODY: &str = "99999999-9999-4999-8999-999999999999";

/// An id of those above.
pub(crate) fn id(text: &str) -> Uuid {
    Uuid::try_parse(text).expect("an id")
}

/// An installation, its records and its callers.
pub(crate) struct World {
    pub(crate) annals: Annals,
    auditor: Http,
}

impl World {
    /// Makes it.
    pub(crate) async fn new() -> Self {
        let annals = Annals::start().await;
        records(&annals).await;
        let (_, auditor) = annals.token_for(id(USER), &["read", "audit"]).await;
        let auditor = annals.with_token(Some(&auditor));
        annals.settled().await;
        Self { annals, auditor }
    }

    /// The client of a caller. A stranger comes from an address of their own: who fails too often
    /// hears that instead.
    pub(crate) fn client(&self, caller: Caller) -> Http {
        match caller {
            Caller::First => self.annals.http().clone(),
            Caller::Auditor => self.auditor.clone(),
            Caller::Stranger => self.annals.elsewhere().with_token(None),
        }
    }
}

async fn records(annals: &Annals) {
    let customer = account(id(ACCOUNT));
    for (name, body) in [
        ("CreateAccount", json!({ "account_id": ACCOUNT, "name": "Contoso", "industry": "Wood" })),
        ("CreateAccount", json!({ "account_id": OTHER, "name": "Fabrikam" })),
        (
            "CreateContact",
            json!({ "contact_id": CONTACT, "last_name": "Quintela", "parent": customer }),
        ),
        (
            "CreateOpportunity",
            json!({
                "opportunity_id": DEAL, "topic": "Chairs", "customer": customer, "currency": "BRL",
            }),
        ),
        (
            "CreateOpportunity",
            json!({
                "opportunity_id": WON, "topic": "Desks", "customer": customer,
                "estimated_value": brl("5.00"),
            }),
        ),
        ("WinOpportunity", json!({ "opportunity_id": WON })),
        ("StartQuote", json!({ "quote_id": QUOTE, "opportunity": DEAL })),
        ("AddUser", json!({ "user_id": USER, "name": "Rita" })),
        ("AddUser", json!({ "user_id": DISABLED, "name": "Davi" })),
        ("DisableUser", json!({ "user_id": DISABLED })),
        ("AssignOwner", json!({ "record": account(id(OTHER)), "owner": user(id(USER)) })),
    ] {
        annals.accept(name, body).await;
    }
}
