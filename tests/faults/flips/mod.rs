//! One bit flips in a file that the product keeps. Whatever comes of it is harmless, or loud, or told by
//! `verify` or `replay`; never silent.
//!
//! A seeded sample by default; `ANNALS_FLIPS=5000` takes so many, `ANNALS_FLIPS=all` a bit of every byte,
//! `ANNALS_FLIPS=20000..40000` those of that part of all bytes, `ANNALS_FLIPS=used` a bit of every byte that
//! is not zero or stands at the begin of a page, `ANNALS_FLIPS=used/8` of every eighth of these.

use std::{
    fmt::Debug,
    fs,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use serde_json::json;
use tests::{Annals, Dice};
use tokio::runtime::Builder;
use uuid::Uuid;

mod keys;
mod log;
mod reads;

/// A page of SQLite as the product sets it up, and what describes it at its begin, in bytes.
const PAGE: usize = 4_096;
const PAGE_HEADER: usize = 12;

/// What came of a flip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// Every answer is the same.
    Harmless,
    /// What it touches says so.
    Loud,
    /// An answer is another, and `verify` or `replay` finds that.
    Told,
}

/// One flip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Flip {
    /// In which file.
    file: usize,
    offset: usize,
    bit: u8,
}

impl Flip {
    /// The bytes of its file, flipped.
    fn of(self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        bytes[self.offset] ^= 1 << self.bit;
        bytes
    }
}

/// What is flipped.
trait Flipped: Sync {
    /// Flips a bit, in a folder of the worker's own; what came of it, or what was silent about it.
    fn flip(&self, folder: &Path, flip: Flip) -> impl Future<Output = Result<Outcome, String>>;
}

/// Which bits are flipped: so many, or what the caller of the run asks for.
#[expect(clippy::disallowed_methods, reason = "how much is tried is said by who starts the run")]
fn flips(files: &[&[u8]], sample: usize) -> Vec<Flip> {
    let mut dice = Dice::new(11);
    let mut bit = || u8::try_from(dice.roll(8)).unwrap_or(0);
    let asked = std::env::var("ANNALS_FLIPS").unwrap_or_default();
    let part = asked.split_once("..").map(|(from, to)| (from.parse(), to.parse()));
    if let Some((from, to)) = part.or_else(|| (asked == "all").then_some((Ok(0), Ok(usize::MAX)))) {
        let (from, to): (usize, usize) = (from.unwrap(), to.unwrap());
        let every = |(file, bytes): (usize, &&[u8])| (0..bytes.len()).map(move |at| (file, at));
        let every = files.iter().enumerate().flat_map(every);
        let every = every.map(|(file, offset)| Flip { file, offset, bit: bit() });
        return every.skip(from).take(to.saturating_sub(from)).collect();
    }
    if let Some(every) = asked.strip_prefix("used") {
        let every = every.strip_prefix('/').map_or(1, |every| every.parse().unwrap());
        let is_used = |at: usize, byte: u8| byte != 0 || at % PAGE < PAGE_HEADER;
        let of = |(file, bytes): (usize, &&[u8])| {
            let used = bytes.iter().enumerate().filter(|(at, byte)| is_used(*at, **byte));
            used.map(|(at, _)| (file, at)).collect::<Vec<_>>()
        };
        let used = files.iter().enumerate().flat_map(of);
        let used = used.map(|(file, offset)| Flip { file, offset, bit: bit() });
        return used.step_by(every).collect();
    }
    let count = asked.parse().unwrap_or(sample);
    let mut dice = Dice::new(12);
    let mut place = |n: usize| {
        let file = usize::try_from(dice.roll(files.len() as u64)).unwrap_or(0);
        // The header and the schema are few bytes that everything hangs on, and most pages are nearly
        // empty: more of what is in use.
        loop {
            let length = files[file].len();
            let end = if n.is_multiple_of(8) { 4_096.min(length) } else { length };
            let offset = usize::try_from(dice.roll(end as u64)).unwrap_or(0);
            if n.is_multiple_of(4) || files[file][offset] != 0 {
                return (file, offset);
            }
        }
    };
    let one = |n| {
        let (file, offset) = place(n);
        Flip { file, offset, bit: bit() }
    };
    (0..count).map(one).collect()
}

/// Makes what is flipped.
fn case<C>(making: impl Future<Output = C>) -> C {
    Builder::new_multi_thread().enable_all().build().unwrap().block_on(making)
}

/// Flips them all, and demands that nothing is silent.
fn run(what: &str, case: &impl Flipped, flips: &[Flip]) {
    let next = AtomicUsize::new(0);
    let work = || {
        let folder = tempfile::tempdir().unwrap();
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let mut seen = Vec::new();
        while let Some(&flip) = flips.get(next.fetch_add(1, Ordering::Relaxed)) {
            seen.push((flip, runtime.block_on(case.flip(folder.path(), flip))));
        }
        seen
    };
    let seen: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..2).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    let count = |outcome| seen.iter().filter(|(_, found)| *found == Ok(outcome)).count();
    let silent: Vec<_> = seen.iter().filter(|(_, found)| found.is_err()).collect();
    eprintln!(
        "{what}: {} flips: {} harmless, {} loud, {} told, {} silent",
        flips.len(),
        count(Outcome::Harmless),
        count(Outcome::Loud),
        count(Outcome::Told),
        silent.len()
    );
    let first: Vec<_> = silent.iter().take(20).collect();
    assert!(silent.is_empty(), "{what}: {first:#?}");
}

/// Removes what an earlier flip left beside a database.
fn without_journals(database: &Path) {
    for ending in ["-wal", "-shm", "-journal"] {
        let mut name = database.as_os_str().to_owned();
        name.push(ending);
        fs::remove_file(name).ok();
    }
}

/// The records of an installation that has lived.
struct Lived {
    accounts: Vec<Uuid>,
    contacts: Vec<Uuid>,
    deals: Vec<Uuid>,
    quotes: Vec<Uuid>,
}

/// A few of everything: accounts, contacts, deals, quotes, orders, refusals, a token that was revoked.
async fn lived(annals: &Annals) -> Lived {
    let mut lived = Lived { accounts: vec![], contacts: vec![], deals: vec![], quotes: vec![] };
    for number in 0..2 {
        let name = format!("Contoso {number}");
        let account = annals.accept("CreateAccount", json!({ "name": name })).await.id;
        let customer = json!({ "type": "account", "id": account });
        let person = json!({ "first_name": "Ana", "last_name": "Souza", "parent": customer });
        let contact = annals.accept("CreateContact", person).await.id;
        let deal = json!({ "topic": "Chairs", "customer": customer, "contact": contact });
        let deal = annals.accept("CreateOpportunity", deal).await.id;
        let quote = annals.accept("StartQuote", json!({ "opportunity": deal })).await.id;
        let line = json!({
            "quote_id": quote, "product": "Chair", "quantity": "3", "unit_price": "150.10",
        });
        annals.accept("AddQuoteLine", line).await;
        annals.accept("ActivateQuote", json!({ "quote_id": quote })).await;
        let accept = json!({ "quote_id": quote, "close_opportunity": "won" });
        annals.accept("AcceptQuote", accept).await;
        annals
            .command("ActivateQuote", json!({ "quote_id": quote }))
            .await
            .refused("quote.not_draft");
        lived.accounts.push(account);
        lived.contacts.push(contact);
        lived.deals.push(deal);
        lived.quotes.push(quote);
    }
    let user = annals.user("Bea").await;
    let (token, _) = annals.token_for(user, &["read"]).await;
    annals.accept("RevokeToken", json!({ "token_id": token })).await;
    lived
}
