//! The sample company: who works there, whom it knows, and the passes of commands that tell it.

use events::{Instant, ids::derived};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    random::Random,
    sales::Deal,
    words::{CITY, COMPANY, FIRST, LAST, NOTE, TRADE},
};

const DAY: i64 = 86_400_000_000;
/// How far back the history goes, in days.
pub(super) const PAST: i64 = 365;

/// The sample company as commands.
pub(super) struct Company {
    /// How many accounts it has.
    pub(super) accounts: usize,
    /// How many contacts.
    pub(super) contacts: usize,
    /// How many opportunities.
    pub(super) deals: usize,
    /// The name of the first account, to look for.
    pub(super) first_name: String,
    /// The commands, in passes that have to follow each other.
    pub(super) passes: Vec<Vec<Value>>,
}

/// What the sample is drawn with.
pub(super) struct Draw {
    pub(super) random: Random,
    seed: u64,
    /// The midnight before the sample was drawn, in microseconds.
    midnight: i64,
}

impl Draw {
    /// An id that is the same for the same seed.
    pub(super) fn id(&self, what: &str) -> Uuid {
        derived(&format!("demo:{}:{what}", self.seed))
    }

    /// A command that took effect so many days ago.
    pub(super) fn command(&self, name: &str, what: &str, days_ago: i64, data: &Value) -> Value {
        json!({
            "id": self.id(&format!("{name}:{what}")),
            "type": name,
            "data": data,
            "effective_at": Instant::from_micros(self.midnight - days_ago * DAY),
        })
    }

    /// The date so many days ago; negative numbers lie in the future.
    pub(super) fn date(&self, days_ago: i64) -> String {
        let instant = Instant::from_micros(self.midnight - days_ago * DAY);
        instant.to_string().chars().take(10).collect()
    }
}

/// An account of the sample.
pub(super) struct Customer {
    pub(super) index: usize,
    pub(super) account: Uuid,
    pub(super) owner: Uuid,
    pub(super) name: String,
    /// How many days ago it became known.
    pub(super) since: i64,
}

impl Company {
    /// Draws the company: the same for the same seed, number of accounts and day.
    pub(super) fn draw(seed: u64, accounts: u32, now: Instant) -> Self {
        let midnight = now.micros().div_euclid(DAY) * DAY;
        let mut draw = Draw { random: Random::new(seed), seed, midnight };
        let (managers, sellers, users) = users(&mut draw);
        let mut records = Vec::new();
        let mut details = Vec::new();
        let mut contacts = 0;
        let mut customers = Vec::new();
        for index in 0..accounts as usize {
            let owner = *draw.random.pick(&users);
            let customer = customer(&mut draw, index, owner, &mut records);
            contacts += staff(&mut draw, &customer, &mut records, &mut details);
            customers.push(customer);
        }
        families(&mut draw, &customers, &mut details);
        let mut passes = vec![managers, sellers];
        passes.extend(roles(&draw));
        passes.extend([records, details]);
        let mut deals = 0;
        let mut stories = Vec::new();
        for customer in &customers {
            for number in 0..draw.random.between(1, 5) {
                stories.push(Deal::draw(&mut draw, customer, number).tell(&mut draw));
                deals += 1;
            }
        }
        passes.extend(interleave(stories));
        let first_name = customers.first().map(|c| c.name.clone()).unwrap_or_default();
        Self { accounts: customers.len(), contacts, deals, first_name, passes }
    }
}

/// The chapters of all stories side by side: the first ones of each, then the second ones, ..
fn interleave(stories: Vec<Vec<Vec<Value>>>) -> Vec<Vec<Value>> {
    let mut passes: Vec<Vec<Value>> = Vec::new();
    for story in stories {
        for (chapter, commands) in story.into_iter().enumerate() {
            if passes.len() <= chapter {
                passes.push(Vec::new());
            }
            passes[chapter].extend(commands);
        }
    }
    passes
}

/// The managers, the sellers who report to them, and the sellers' ids.
fn users(draw: &mut Draw) -> (Vec<Value>, Vec<Value>, Vec<Uuid>) {
    let (mut managers, mut sellers, mut ids) = (Vec::new(), Vec::new(), Vec::new());
    for (number, office) in ["North", "South"].into_iter().enumerate() {
        let manager = draw.id(&format!("manager:{number}"));
        let name = format!("{} {}", FIRST[number], LAST[number]);
        let body = json!({ "user_id": manager, "name": name, "office": office });
        managers.push(draw.command("AddUser", &manager.to_string(), PAST, &body));
        for seller in 0..4 {
            let user = draw.id(&format!("seller:{number}:{seller}"));
            let name = format!("{} {}", draw.random.pick(&FIRST), draw.random.pick(&LAST));
            let body = json!({
                "user_id": user, "name": name, "manager": manager, "office": office,
            });
            sellers.push(draw.command("AddUser", &user.to_string(), PAST, &body));
            ids.push(user);
        }
    }
    (managers, sellers, ids)
}

/// Two roles that match each other: the second names the first, then the first the second.
fn roles(draw: &Draw) -> Vec<Vec<Value>> {
    let (supplier, buyer) = (draw.id("role:supplier"), draw.id("role:buyer"));
    let define = |role: Uuid, name: &str, matching: &[Uuid]| {
        let body = json!({
            "connection_role_id": role, "name": name, "category": "Business",
            "applies_to": ["account"], "matching": matching,
        });
        vec![draw.command("DefineConnectionRole", name, PAST, &body)]
    };
    let body = json!({ "connection_role_id": supplier, "matching": [buyer] });
    vec![
        define(supplier, "Supplier", &[]),
        define(buyer, "Buyer", &[supplier]),
        vec![draw.command("ChangeConnectionRole", "Supplier", PAST, &body)],
    ]
}

fn customer(draw: &mut Draw, index: usize, owner: Uuid, records: &mut Vec<Value>) -> Customer {
    let account = draw.id(&format!("account:{index}"));
    let trade = *draw.random.pick(&TRADE);
    let word = COMPANY[index % COMPANY.len()];
    let round = index / COMPANY.len();
    let name =
        if round == 0 { format!("{word} {trade}") } else { format!("{word} {trade} {round}") };
    let since = draw.random.between(200, PAST);
    let body = json!({
        "account_id": account,
        "name": name,
        "customer_type": if draw.random.chance(60) { "Customer" } else { "Prospect" },
        "industry": trade,
        "employees": draw.random.between(5, 4_000),
        "owner": { "type": "user", "id": owner },
    });
    records.push(draw.command("CreateAccount", &index.to_string(), since, &body));
    Customer { index, account, owner, name, since }
}

/// The people of an account, its primary contact, address, terms and now and then a note.
fn staff(
    draw: &mut Draw,
    customer: &Customer,
    records: &mut Vec<Value>,
    details: &mut Vec<Value>,
) -> usize {
    let count = draw.random.between(1, 4);
    let reference = json!({ "type": "account", "id": customer.account });
    for number in 0..count {
        let (first, last) = (*draw.random.pick(&FIRST), *draw.random.pick(&LAST));
        let contact = draw.id(&format!("contact:{}:{number}", customer.index));
        let mail = format!("{}.{}.{}@example.net", first, last, customer.index).to_lowercase();
        let body = json!({
            "contact_id": contact, "first_name": first, "last_name": last, "kind": "Employee",
            "email": mail, "owner": { "type": "user", "id": customer.owner },
        });
        let what = format!("{}:{number}", customer.index);
        records.push(draw.command("CreateContact", &what, customer.since, &body));
        let body = json!({ "contact_id": contact, "parent": reference });
        details.push(draw.command("ChangeContactParent", &what, customer.since, &body));
    }
    let what = customer.index.to_string();
    let (city, country) = *draw.random.pick(&CITY);
    let body = json!({
        "record": reference, "kind": "bill_to", "address": { "city": city, "country": country },
    });
    details.push(draw.command("SetAddress", &what, customer.since, &body));
    let terms = json!({ "currency": "USD", "payment_terms": "Net30" });
    let body = json!({ "record": reference, "terms": terms });
    details.push(draw.command("SetCommercialTerms", &what, customer.since, &body));
    if draw.random.chance(40) {
        let body = json!({ "regarding": reference, "text": draw.random.pick(&NOTE) });
        let ago = draw.random.between(1, customer.since);
        details.push(draw.command("AddNote", &what, ago, &body));
    }
    usize::try_from(count).unwrap_or(0)
}

/// Some accounts belong to others, some supply others.
fn families(draw: &mut Draw, customers: &[Customer], details: &mut Vec<Value>) {
    for pair in customers.chunks(5) {
        let [parent, child, .., supplier] = pair else { continue };
        let body = json!({ "account_id": child.account, "parent": parent.account });
        let what = child.index.to_string();
        details.push(draw.command("SetParentAccount", &what, 150, &body));
        let body = json!({
            "a": { "type": "account", "id": parent.account },
            "b": { "type": "account", "id": supplier.account },
            "role_b": draw.id("role:supplier"),
        });
        details.push(draw.command("RelateRecords", &what, 140, &body));
    }
}
