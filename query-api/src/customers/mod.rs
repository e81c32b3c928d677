//! Questions about accounts, contacts, and how they are related.

pub(crate) mod connections;
pub(crate) mod lists;
pub(crate) mod timeline;
