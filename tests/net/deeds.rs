//! Who works there, whom they know, and how those are connected.

use events::ids::derived;
use serde_json::json;
use uuid::Uuid;

use super::{
    life::{Life, of, reais},
    site::token,
};

impl Life<'_> {
    /// Users and tokens.
    pub(super) async fn access(&mut self) {
        let add = json!({ "name": "Ana Lima", "email": "ana@example.com", "office": "Centro" });
        let ana = self.done("AddUser", add).await;
        let add = json!({ "name": "Rui Prado", "manager": ana });
        let rui = self.done("AddUser", add).await;
        self.name("user ana", ana);
        self.name("user rui", rui);
        self.refused(
            "record.not_found",
            "ChangeUser",
            json!({ "user_id": derived("nobody"), "name": "X" }),
        )
        .await;
        self.done(
            "ChangeUser",
            json!({ "user_id": rui, "office": "Norte", "email": "rui@example.com" }),
        )
        .await;
        self.issue("ana", ana, &["read", "write", "audit"]).await;
        self.issue("reader", rui, &["read"]).await;
        self.issue("second", rui, &["read", "write"]).await;
        self.as_token("reader");
        self.done("AcceptToken", json!({ "token_id": token("second").0 })).await;
        self.refused("access.denied", "CreateAccount", json!({ "name": "Not his" })).await;
        self.as_token("admin");
        self.issue("lost", ana, &["read"]).await;
        self.done("RevokeToken", json!({ "token_id": token("lost").0 })).await;
        let add = json!({ "name": "Eva Melo", "manager": ana });
        let eva = self.done("AddUser", add).await;
        self.name("user eva", eva);
        self.done("DisableUser", json!({ "user_id": eva })).await;
        self.done("EnableUser", json!({ "user_id": eva })).await;
        self.done("DisableUser", json!({ "user_id": eva })).await;
        self.as_token("ana");
    }

    /// Accounts and contacts: two of each.
    pub(super) async fn customers(&mut self) -> [Uuid; 4] {
        let body = json!({
            "name": "Comércio do Norte Ltda.", "account_number": "N-100", "industry": "Retail",
            "annual_revenue": reais("1250000.50"), "customer_type": "Customer", "employees": 40,
            "description": "Buys in spring", "email": "compras@norte.example",
            "phone": "+55 11 5555 0100", "website": "https://norte.example",
        });
        let norte = self.done("CreateAccount", body).await;
        let sul = self.done("CreateAccount", json!({ "name": "Sul Mineração" })).await;
        let group = self.done("CreateAccount", json!({ "name": "grupo norte" })).await;
        let ana = json!({
            "first_name": "Anabela", "last_name": "Souza", "email": "anabela@norte.example",
            "phone": "+55 11 5555 0101", "mobile": "+55 11 9555 0101", "job_title": "Buyer",
            "kind": "Employee", "birthdate": "1984-02-29", "description": "Prefers mornings",
            "parent": of("account", norte),
        });
        let ana = self.done("CreateContact", ana).await;
        let bruno =
            json!({ "first_name": "Bruno", "last_name": "Ávila", "email": "bruno@example.com" });
        let bruno = self.done("CreateContact", bruno).await;
        let carla = json!({ "last_name": "Carla", "parent": of("account", norte) });
        let carla = self.done("CreateContact", carla).await;
        for (name, id) in [
            ("account norte", norte),
            ("account sul", sul),
            ("account group", group),
            ("contact ana", ana),
            ("contact bruno", bruno),
            ("contact carla", carla),
        ] {
            self.name(name, id);
        }
        let change = json!({
            "account_id": norte, "industry": "Wholesale", "employees": null, "phone": "+55 11 5555 0199",
        });
        self.done("ChangeAccountDetails", change).await;
        let change = json!({ "contact_id": ana, "job_title": "Head of buying", "mobile": null });
        self.done("ChangeContactDetails", change).await;
        self.done("SetParentAccount", json!({ "account_id": norte, "parent": group })).await;
        self.done("SetParentAccount", json!({ "account_id": sul, "parent": norte })).await;
        self.refused(
            "account.parent_loop",
            "SetParentAccount",
            json!({ "account_id": group, "parent": sul }),
        )
        .await;
        self.done("ClearParentAccount", json!({ "account_id": sul })).await;
        self.done("SetPrimaryContact", json!({ "account_id": norte, "contact": carla })).await;
        let replace = json!({ "account_id": norte, "contact": ana, "replace": true });
        self.done("SetPrimaryContact", replace).await;
        self.done("ClearPrimaryContact", json!({ "account_id": norte })).await;
        self.done("SetPrimaryContact", json!({ "account_id": norte, "contact": ana })).await;
        self.details_of_customers(norte, ana).await;
        let since = json!({
            "contact_id": carla, "parent": of("account", sul), "since": "2026-02-01",
        });
        self.done("ChangeContactParent", since).await;
        [norte, sul, ana, bruno]
    }

    /// Addresses, preferences, terms, notes, owners; of an account and of a contact.
    async fn details_of_customers(&mut self, norte: Uuid, ana: Uuid) {
        for record in [of("account", norte), of("contact", ana)] {
            for kind in ["primary", "ship_to"] {
                let address = json!({
                    "street": ["Rua do Comércio 12", "2. andar"], "city": "São Paulo", "state": "SP",
                    "postal_code": "01000-000", "country": "BR",
                });
                let set = json!({ "record": record, "kind": kind, "address": address });
                self.done("SetAddress", set).await;
            }
            self.done("RemoveAddress", json!({ "record": record, "kind": "ship_to" })).await;
            let preferences = json!({ "do_not_phone": true, "do_not_bulk_email": true });
            let set = json!({ "record": record, "preferences": preferences });
            self.done("SetContactPreferences", set).await;
            let terms = json!({
                "credit_limit": reais("50000.00"), "currency": "BRL", "payment_terms": "Net30",
                "freight_terms": "Fob", "shipping_method": "Road", "price_list": "Wholesale",
            });
            self.done("SetCommercialTerms", json!({ "record": record, "terms": terms })).await;
            let note = json!({ "regarding": record, "text": "Asked for a catalogue" });
            let note = self.done("AddNote", note).await;
            self.name("note", note);
            let owner = of("user", self.named("user rui"));
            self.done("AssignOwner", json!({ "record": record, "owner": owner })).await;
        }
        let disabled = of("user", self.named("user eva"));
        let assign = json!({ "record": of("account", norte), "owner": disabled });
        self.refused("owner.unknown", "AssignOwner", assign).await;
    }

    /// Roles and connections.
    pub(super) async fn connections(&mut self, norte: Uuid, sul: Uuid, ana: Uuid) {
        let role = json!({ "name": "Supplier", "category": "Business", "applies_to": ["account"] });
        let supplier = self.done("DefineConnectionRole", role).await;
        let role = json!({ "name": "Client", "category": "Business", "matching": [supplier] });
        let client = self.done("DefineConnectionRole", role).await;
        let old = json!({ "name": "Agent", "category": "Sales" });
        let old = self.done("DefineConnectionRole", old).await;
        let change = json!({ "connection_role_id": supplier, "matching": [client] });
        self.done("ChangeConnectionRole", change).await;
        self.done("RetireConnectionRole", json!({ "connection_role_id": old })).await;
        for (name, id) in [("role supplier", supplier), ("role client", client), ("role old", old)]
        {
            self.name(name, id);
        }
        let relate = json!({
            "a": of("account", norte), "b": of("account", sul), "role_a": client, "role_b": supplier,
            "description_a": "buys ore", "start": "2025-06-01",
        });
        let connection = self.done("RelateRecords", relate).await;
        self.name("connection accounts", connection);
        let change = json!({ "connection_id": connection, "description_b": "sells ore", "start": "2025-07-01" });
        self.done("ChangeConnectionDetails", change).await;
        self.done("EndConnection", json!({ "connection_id": connection, "end": "2026-03-01" }))
            .await;
        let again = json!({ "connection_id": connection, "start": "2026-03-10" });
        self.done("ReinstateConnection", again).await;
        let retired = json!({ "a": of("account", sul), "b": of("contact", ana), "role_a": old });
        self.refused("connection.role_retired", "RelateRecords", retired).await;
        let relate = json!({ "a": of("account", sul), "b": of("contact", ana) });
        let connection = self.done("RelateRecords", relate).await;
        self.name("connection people", connection);
    }
}
