//! What a sales chain is worth on each business day: a step function, counted once per chain.

use std::collections::{BTreeMap, btree_map::Entry};

use events::{
    ids::{ContactId, CustomerRef, Principal, RecordRef},
    money::{Currency, Money, Percent},
    values::Day,
};
use uuid::Uuid;

use super::chain_fact::{Booking, ChainFact, Deal, Moved, Offer};

/// In which state an amount is, as a dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    Open,
    Won,
    Lost,
    Ordered,
}

impl Standing {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Won => "won",
            Self::Lost => "lost",
            Self::Ordered => "ordered",
        }
    }
}

/// By what amounts are split. Amounts of different dimensions are never one row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Dimensions {
    pub(super) customer: Option<CustomerRef>,
    pub(super) contact: Option<ContactId>,
    pub(super) owner: Principal,
    pub(super) currency: Currency,
    pub(super) stage: Option<String>,
    /// The first day of the month in which it closes or closed.
    pub(super) period: Option<Day>,
    pub(super) standing: Standing,
    pub(super) product: Option<String>,
}

/// What is counted and added up; amounts in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Measures {
    pub(super) open_count: i64,
    pub(super) open_amount: i64,
    pub(super) weighted_amount: i64,
    pub(super) booked_count: i64,
    pub(super) booked_amount: i64,
    pub(super) won_count: i64,
    pub(super) won_amount: i64,
    pub(super) lost_count: i64,
}

impl Measures {
    /// The measures in the order of the columns.
    pub(super) const fn all(self) -> [i64; 8] {
        [
            self.open_count,
            self.open_amount,
            self.weighted_amount,
            self.booked_count,
            self.booked_amount,
            self.won_count,
            self.won_amount,
            self.lost_count,
        ]
    }

    fn zip(self, other: Self, with: impl Fn(i64, i64) -> i64) -> Self {
        Self {
            open_count: with(self.open_count, other.open_count),
            open_amount: with(self.open_amount, other.open_amount),
            weighted_amount: with(self.weighted_amount, other.weighted_amount),
            booked_count: with(self.booked_count, other.booked_count),
            booked_amount: with(self.booked_amount, other.booked_amount),
            won_count: with(self.won_count, other.won_count),
            won_amount: with(self.won_amount, other.won_amount),
            lost_count: with(self.lost_count, other.lost_count),
        }
    }

    /// Both together. Amounts stay far below the limit of an `i64`.
    fn plus(self, other: Self) -> Self {
        self.zip(other, i64::saturating_add)
    }

    /// What is in the first and not in the second.
    fn minus(self, other: Self) -> Self {
        self.zip(other, i64::saturating_sub)
    }
}

/// What a chain is worth, by dimensions.
pub(super) type Worth = BTreeMap<Dimensions, Measures>;

/// What changes in a chain's worth on each business day.
pub(super) type Steps = BTreeMap<i64, Worth>;

fn difference(after: &Worth, before: &Worth) -> Worth {
    let mut difference = after.clone();
    for (dimensions, measures) in before {
        match difference.entry(dimensions.clone()) {
            Entry::Occupied(mut entry) => {
                let left = entry.get().minus(*measures);
                entry.insert(left);
            }
            Entry::Vacant(entry) => {
                entry.insert(Measures::default().minus(*measures));
            }
        }
    }
    difference.retain(|_, measures| *measures != Measures::default());
    difference
}

/// The steps of a chain's worth over business time, from all facts that are known.
///
/// What happened before its document began counts from that beginning; on the same instant the
/// later record wins. Whether a deal is open and a quote active goes by the order of recording
/// (see [`crate::record::business_order`]).
pub(super) fn steps(facts: &[ChainFact]) -> Steps {
    let begins: BTreeMap<RecordRef, (i64, i64)> = facts
        .iter()
        .filter(|fact| fact.begins())
        .map(|fact| (fact.document, (fact.effective_at, fact.day)))
        .collect();
    let when = |fact: &ChainFact| {
        let own = (fact.effective_at, fact.day);
        begins.get(&fact.document).map_or(own, |begin| own.max(*begin))
    };
    let mut ordered: Vec<_> = facts.iter().map(|fact| (when(fact), fact)).collect();
    ordered.sort_by_key(|(when, fact)| (when.0, fact.position));
    let mut chain = Chain::default();
    let mut before = Worth::new();
    let mut steps = Steps::new();
    for day in ordered.chunk_by(|(a, _), (b, _)| a.1 == b.1) {
        day.iter().for_each(|(_, fact)| chain.apply(fact));
        let after = chain.worth();
        if let Some(((_, number), _)) = day.first() {
            steps.insert(*number, difference(&after, &before));
        }
        before = after;
    }
    steps
}

/// What has to be added to the steps before to get the steps after.
pub(super) fn corrections(before: &Steps, after: &Steps) -> Steps {
    let none = Worth::new();
    let days = before.keys().chain(after.keys()).copied();
    let mut corrections: Steps = days
        .map(|day| {
            let (before, after) = (before.get(&day), after.get(&day));
            (day, difference(after.unwrap_or(&none), before.unwrap_or(&none)))
        })
        .collect();
    corrections.retain(|_, worth| !worth.is_empty());
    corrections
}

/// How an opportunity ended.
#[derive(Clone, Copy, Debug)]
enum Ending {
    Won { actual: Money, on: Day },
    Lost { on: Day },
}

/// A value that goes by the order of recording, with the position that set it last.
#[derive(Clone, Copy, Debug)]
struct Turn<T> {
    position: u64,
    value: Option<T>,
}

impl<T> Default for Turn<T> {
    fn default() -> Self {
        Self { position: 0, value: None }
    }
}

impl<T> Turn<T> {
    fn set(&mut self, position: u64, value: Option<T>) {
        if position > self.position {
            *self = Self { position, value };
        }
    }
}

#[derive(Debug)]
struct Quoted {
    offer: Offer,
    /// The total that is before the customer.
    live: Turn<Money>,
}

/// A chain at one moment of business time.
#[derive(Debug, Default)]
struct Chain {
    deal: Option<(Deal, Turn<Ending>)>,
    quotes: BTreeMap<Uuid, Quoted>,
    orders: BTreeMap<Uuid, Booking>,
}

impl Chain {
    fn apply(&mut self, fact: &ChainFact) {
        let id = fact.document.id;
        match &fact.moved {
            Moved::Opened(deal) => self.deal = Some((deal.clone(), Turn::default())),
            Moved::Offered(offer) => {
                self.quotes.insert(id, Quoted { offer: offer.clone(), live: Turn::default() });
            }
            Moved::Ordered(booking) => {
                self.orders.insert(id, booking.clone());
            }
            Moved::Active(total) => self.set_live(fact, Some(*total)),
            Moved::Withdrawn => self.set_live(fact, None),
            Moved::Owner(owner) => self.set_owner(id, *owner),
            moved => {
                if let Some((deal, ending)) = &mut self.deal {
                    apply_to_deal(deal, moved);
                    apply_to_ending(ending, fact.position, moved);
                }
            }
        }
    }

    fn set_live(&mut self, fact: &ChainFact, total: Option<Money>) {
        if let Some(quoted) = self.quotes.get_mut(&fact.document.id) {
            quoted.live.set(fact.position, total);
        }
    }

    fn set_owner(&mut self, document: Uuid, owner: Principal) {
        if let Some(quoted) = self.quotes.get_mut(&document) {
            quoted.offer.owner = owner;
        } else if let Some(booking) = self.orders.get_mut(&document) {
            booking.owner = owner;
        } else if let Some((deal, _)) = &mut self.deal {
            deal.owner = owner;
        }
    }

    /// The active quote that counts: the highest, those in the deal's own currency first.
    fn best_quote(&self) -> Option<(&Offer, Money)> {
        let own = self.deal.as_ref().map(|(deal, _)| deal.currency);
        self.quotes
            .values()
            .filter_map(|quoted| Some((&quoted.offer, quoted.live.value?)))
            .max_by_key(|(_, total)| (Some(total.currency()) == own, total.minor()))
    }

    fn worth(&self) -> Worth {
        let mut worth = Worth::new();
        for booking in self.orders.values() {
            self.add_order(booking, &mut worth);
        }
        match self.deal.as_ref().map(|(deal, ending)| (deal, ending.value)) {
            Some((deal, Some(ending))) => add_ending(deal, ending, &mut worth),
            Some((deal, None)) if self.orders.is_empty() => self.add_open_deal(deal, &mut worth),
            None if self.orders.is_empty() => self.add_lone_quote(&mut worth),
            // An order is further than anything open: the chain counts as booked, once.
            Some((_, None)) | None => {}
        }
        worth
    }

    fn add_order(&self, booking: &Booking, worth: &mut Worth) {
        let deal = self.deal.as_ref().map(|(deal, _)| deal);
        let dimensions = Dimensions {
            customer: Some(booking.customer),
            contact: booking.contact,
            owner: booking.owner,
            currency: booking.total.currency(),
            stage: deal.map(|deal| deal.stage.to_string()),
            period: Some(month(booking.ordered_on)),
            standing: Standing::Ordered,
            product: deal.and_then(|deal| deal.product.as_ref()).map(ToString::to_string),
        };
        let measures = Measures {
            booked_count: 1,
            booked_amount: booking.total.minor(),
            ..Measures::default()
        };
        add(worth, dimensions, measures);
    }

    fn add_open_deal(&self, deal: &Deal, worth: &mut Worth) {
        let quote = self.best_quote();
        let amount = quote.map(|(_, total)| total).or(deal.estimate);
        let amount = amount.unwrap_or(Money::zero(deal.currency));
        // Without a probability an estimate is worth nothing yet; a quote is worth half.
        let by_default = if quote.is_some() { half() } else { Percent::ZERO };
        let weighted = amount.share(deal.probability.unwrap_or(by_default));
        let mut dimensions = of_deal(deal, amount.currency(), Standing::Open, deal.close);
        if let Some((offer, _)) = quote {
            dimensions.customer = dimensions.customer.or(Some(offer.customer));
            dimensions.contact = dimensions.contact.or(offer.contact);
        }
        add(worth, dimensions, open(amount, weighted));
    }

    fn add_lone_quote(&self, worth: &mut Worth) {
        let Some((offer, total)) = self.best_quote() else { return };
        let dimensions = Dimensions {
            customer: Some(offer.customer),
            contact: offer.contact,
            owner: offer.owner,
            currency: total.currency(),
            stage: None,
            period: None,
            standing: Standing::Open,
            product: None,
        };
        add(worth, dimensions, open(total, total.share(half())));
    }
}

fn apply_to_deal(deal: &mut Deal, moved: &Moved) {
    match moved {
        Moved::Parties { customer, contact, product } => {
            customer.apply_to(&mut deal.customer);
            contact.apply_to(&mut deal.contact);
            product.apply_to(&mut deal.product);
        }
        Moved::Stage(stage) => deal.stage = stage.clone(),
        Moved::Probability(probability) => deal.probability = *probability,
        Moved::Estimate(estimate) => deal.estimate = *estimate,
        Moved::Close(day) => deal.close = *day,
        // Handled as its ending, or by the chain, which knows the other documents.
        Moved::Won { .. }
        | Moved::Lost { .. }
        | Moved::Reopened
        | Moved::Opened(_)
        | Moved::Offered(_)
        | Moved::Active(_)
        | Moved::Withdrawn
        | Moved::Ordered(_)
        | Moved::Owner(_) => {}
    }
}

fn apply_to_ending(ending: &mut Turn<Ending>, position: u64, moved: &Moved) {
    let value = match moved {
        Moved::Won { actual, on } => Some(Ending::Won { actual: *actual, on: *on }),
        Moved::Lost { on } => Some(Ending::Lost { on: *on }),
        Moved::Reopened => None,
        _ => return,
    };
    ending.set(position, value);
}

fn add_ending(deal: &Deal, ending: Ending, worth: &mut Worth) {
    match ending {
        Ending::Won { actual, on } => {
            let dimensions = of_deal(deal, actual.currency(), Standing::Won, Some(on));
            let (won_count, won_amount) = (1, actual.minor());
            add(worth, dimensions, Measures { won_count, won_amount, ..Measures::default() });
        }
        Ending::Lost { on } => {
            let dimensions = of_deal(deal, deal.currency, Standing::Lost, Some(on));
            add(worth, dimensions, Measures { lost_count: 1, ..Measures::default() });
        }
    }
}

fn of_deal(deal: &Deal, currency: Currency, standing: Standing, day: Option<Day>) -> Dimensions {
    Dimensions {
        customer: deal.customer,
        contact: deal.contact,
        owner: deal.owner,
        currency,
        stage: Some(deal.stage.to_string()),
        period: day.map(month),
        standing,
        product: deal.product.as_ref().map(ToString::to_string),
    }
}

fn open(amount: Money, weighted: Money) -> Measures {
    Measures {
        open_count: 1,
        open_amount: amount.minor(),
        weighted_amount: weighted.minor(),
        ..Measures::default()
    }
}

fn add(worth: &mut Worth, dimensions: Dimensions, measures: Measures) {
    let sum = worth.entry(dimensions).or_default();
    *sum = sum.plus(measures);
}

/// What an active quote is worth when nobody said how likely it is.
fn half() -> Percent {
    Percent::new(Percent::HUNDRED.scaled() / 2).unwrap_or(Percent::ZERO)
}

/// The first day of a day's month.
fn month(day: Day) -> Day {
    Day::new(day.date().first_of_month()).unwrap_or(day)
}
