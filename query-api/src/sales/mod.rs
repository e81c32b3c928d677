//! Questions about deals, documents, and the revenue to expect of them.

pub(crate) mod chains;
pub(crate) mod checkpoints;
pub(crate) mod ledger;
pub(crate) mod lists;
pub(crate) mod revenue;
