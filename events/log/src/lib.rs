//! The log of the CRM: where events are kept, under which keys, how they travel.
//!
//! This crate knows the language and nobody else: no HTTP, no read models, no commands.
#![warn(missing_docs)]

pub mod private;
pub mod keys;
pub mod mark;
pub mod store;
pub mod bus;
pub mod postgres;
#[cfg(feature = "planted")]
pub mod planted;
#[cfg(any(test, feature = "contract"))]
pub mod golden;
#[cfg(any(test, feature = "contract"))]
pub mod testing;
