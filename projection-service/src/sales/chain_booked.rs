//! What was ordered in a sales chain, added up: a chain may have thousands of orders.

use std::collections::BTreeMap;

use events::{
    ids::{ContactId, CustomerRef, Principal},
    money::Currency,
    values::Day,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{chain_fact::Booking, chain_state::month};

/// The orders of a chain that are alike in whatever amounts are split by.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Booked {
    pub(super) customer: CustomerRef,
    pub(super) contact: Option<ContactId>,
    pub(super) owner: Principal,
    pub(super) currency: Currency,
    /// The first day of the month in which they were placed.
    pub(super) month: Day,
    pub(super) count: i64,
    /// In minor units.
    pub(super) amount: i64,
}

impl Booked {
    fn one(booking: &Booking) -> Self {
        Self {
            customer: booking.customer,
            contact: booking.contact,
            owner: booking.owner,
            currency: booking.total.currency(),
            month: month(booking.ordered_on),
            count: 1,
            amount: booking.total.minor(),
        }
    }

    fn kind(&self) -> impl Ord {
        (self.customer, self.contact, self.owner, self.currency, self.month)
    }
}

/// All orders of a chain.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Bookings {
    /// By kind, in its order.
    sums: Vec<Booked>,
    /// Each order. It is not written down: from what is, only the sums are known.
    #[serde(skip)]
    each: BTreeMap<Uuid, Booking>,
}

impl Bookings {
    pub(super) fn is_empty(&self) -> bool {
        self.sums.is_empty()
    }

    pub(super) fn sums(&self) -> &[Booked] {
        &self.sums
    }

    /// A new order.
    pub(super) fn add(&mut self, order: Uuid, booking: Booking) {
        self.count(Booked::one(&booking));
        self.each.insert(order, booking);
    }

    /// An order gets another owner, if it is one that was added here.
    pub(super) fn set_owner(&mut self, order: Uuid, owner: Principal) {
        let Some(booking) = self.each.get_mut(&order) else { return };
        let before = Booked::one(booking);
        booking.owner = owner;
        let after = Booked::one(booking);
        self.count(Booked { count: -before.count, amount: -before.amount, ..before });
        self.count(after);
    }

    /// Amounts stay far below the limit of an `i64`.
    fn count(&mut self, more: Booked) {
        match self.sums.binary_search_by(|sum| sum.kind().cmp(&more.kind())) {
            Ok(place) => {
                if let Some(sum) = self.sums.get_mut(place) {
                    sum.count = sum.count.saturating_add(more.count);
                    sum.amount = sum.amount.saturating_add(more.amount);
                }
                self.sums.retain(|sum| sum.count != 0);
            }
            Err(place) => self.sums.insert(place, more),
        }
    }
}
