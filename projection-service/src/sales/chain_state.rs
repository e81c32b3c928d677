//! A sales chain at one moment of business time: which of its documents count, and for how much.

use std::collections::BTreeMap;

use events::{
    ids::{Category, Principal},
    money::{Currency, ExactShare, Money, Percent},
    values::Day,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    chain_booked::{Booked, Bookings},
    chain_fact::{ChainFact, Deal, Moved, Offer},
    chain_worth::{Dimensions, Measures, Standing, Worth},
};

/// How an opportunity ended.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum Ending {
    Won { actual: Money, on: Day },
    Lost { on: Day },
}

/// A value that goes by the order of recording, with the position that set it last.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
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

#[derive(Debug, Serialize, Deserialize)]
struct Quoted {
    offer: Offer,
    /// The total that is before the customer.
    live: Turn<Money>,
}

/// A chain at one moment of business time.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Chain {
    deal: Option<(Deal, Turn<Ending>)>,
    /// Only while nothing is ordered: an order is further than any quote, and stays.
    quotes: BTreeMap<Uuid, Quoted>,
    bookings: Bookings,
}

impl Chain {
    /// Whether that fact can be taken by a chain that was written down and read again.
    pub(super) const fn knows_enough_for(fact: &ChainFact) -> bool {
        // Which of the bookings that order is, is not written down.
        !(matches!(fact.moved, Moved::Owner(_))
            && matches!(fact.document.category, Category::Order))
    }

    /// Takes the next fact in business time.
    pub(super) fn apply(&mut self, fact: &ChainFact) {
        let id = fact.document.id;
        match &fact.moved {
            Moved::Opened(deal) => self.deal = Some((deal.clone(), Turn::default())),
            Moved::Offered(offer) if self.bookings.is_empty() => {
                self.quotes.insert(id, Quoted { offer: offer.clone(), live: Turn::default() });
            }
            Moved::Offered(_) => {}
            Moved::Ordered(booking) => {
                self.quotes.clear();
                self.bookings.add(id, booking.clone());
            }
            Moved::Active(total) => self.set_live(fact, Some(*total)),
            Moved::Withdrawn => self.set_live(fact, None),
            Moved::Owner(owner) => self.set_owner(fact, *owner),
            Moved::Parties { .. }
            | Moved::Stage(_)
            | Moved::Probability(_)
            | Moved::Estimate(_)
            | Moved::Close(_)
            | Moved::Won { .. }
            | Moved::Lost { .. }
            | Moved::Reopened
            | Moved::Touched => {
                if let Some((deal, ending)) = &mut self.deal {
                    apply_to_deal(deal, &fact.moved);
                    apply_to_ending(ending, fact.position, &fact.moved);
                }
            }
        }
    }

    fn set_live(&mut self, fact: &ChainFact, total: Option<Money>) {
        if let Some(quoted) = self.quotes.get_mut(&fact.document.id) {
            quoted.live.set(fact.position, total);
        }
    }

    fn set_owner(&mut self, fact: &ChainFact, owner: Principal) {
        let id = fact.document.id;
        match fact.document.category {
            Category::Order => self.bookings.set_owner(id, owner),
            Category::Quote => {
                if let Some(quoted) = self.quotes.get_mut(&id) {
                    quoted.offer.owner = owner;
                }
            }
            Category::Opportunity => {
                if let Some((deal, _)) = &mut self.deal {
                    deal.owner = owner;
                }
            }
            // No chain has them.
            Category::Account
            | Category::Contact
            | Category::ConnectionRole
            | Category::Connection
            | Category::Note
            | Category::User
            | Category::Token
            | Category::Organization
            | Category::Numbering
            | Category::Administration => {}
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

    /// What it is worth now.
    pub(super) fn worth(&self) -> Worth {
        let mut worth = Worth::new();
        for booked in self.bookings.sums() {
            self.add_booked(booked, &mut worth);
        }
        match self.deal.as_ref().map(|(deal, ending)| (deal, ending.value)) {
            Some((deal, Some(ending))) => add_ending(deal, ending, &mut worth),
            Some((deal, None)) if self.bookings.is_empty() => self.add_open_deal(deal, &mut worth),
            None if self.bookings.is_empty() => self.add_lone_quote(&mut worth),
            // An order is further than anything open: the chain counts as booked, once.
            Some((_, None)) | None => {}
        }
        worth
    }

    fn add_booked(&self, booked: &Booked, worth: &mut Worth) {
        let deal = self.deal.as_ref().map(|(deal, _)| deal);
        let dimensions = Dimensions {
            customer: Some(booked.customer),
            contact: booked.contact,
            owner: booked.owner,
            currency: booked.currency,
            stage: deal.map(|deal| deal.stage.to_string()),
            period: Some(booked.month),
            standing: Standing::Ordered,
            product: deal.and_then(|deal| deal.product.as_ref()).map(ToString::to_string),
        };
        let measures = Measures {
            booked_count: booked.count,
            booked_amount: booked.amount,
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
        let weighted = amount.exact_share(deal.probability.unwrap_or(by_default));
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
        add(worth, dimensions, open(total, total.exact_share(half())));
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
        | Moved::Owner(_)
        | Moved::Touched => {}
    }
}

fn apply_to_ending(ending: &mut Turn<Ending>, position: u64, moved: &Moved) {
    let value = match moved {
        Moved::Won { actual, on } => Some(Ending::Won { actual: *actual, on: *on }),
        Moved::Lost { on } => Some(Ending::Lost { on: *on }),
        Moved::Reopened => None,
        Moved::Opened(_)
        | Moved::Parties { .. }
        | Moved::Stage(_)
        | Moved::Probability(_)
        | Moved::Estimate(_)
        | Moved::Close(_)
        | Moved::Offered(_)
        | Moved::Active(_)
        | Moved::Withdrawn
        | Moved::Ordered(_)
        | Moved::Owner(_)
        | Moved::Touched => return,
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

fn open(amount: Money, weighted: ExactShare) -> Measures {
    Measures {
        open_count: 1,
        open_amount: amount.minor(),
        weighted_amount: weighted.minor,
        weighted_millionths: weighted.millionths,
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
pub(super) fn month(day: Day) -> Day {
    Day::new(day.date().first_of_month()).unwrap_or(day)
}
