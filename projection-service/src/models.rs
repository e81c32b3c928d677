//! Every read model there is: the one list.

use std::sync::Arc;

use crate::{access, customers, projector::Projector, sales};

/// Every projector. The read loop runs all of them on every event, in this order.
#[must_use]
pub fn projectors() -> Vec<Arc<dyn Projector>> {
    vec![
        Arc::new(access::Organization),
        Arc::new(access::Users),
        Arc::new(access::Tokens),
        Arc::new(customers::Accounts),
        Arc::new(customers::Contacts),
        Arc::new(customers::ConnectionRoles),
        Arc::new(customers::Connections),
        Arc::new(customers::Notes),
        Arc::new(customers::Timelines),
        Arc::new(sales::Opportunities),
        Arc::new(sales::Quotes),
        Arc::new(sales::Orders),
        Arc::new(sales::Chains),
        Arc::new(sales::Revenue),
    ]
}

#[cfg(test)]
#[path = "models_tests.rs"]
mod tests;
