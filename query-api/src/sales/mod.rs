//! Questions about deals, documents, and the revenue to expect of them.

pub(crate) mod lists;
