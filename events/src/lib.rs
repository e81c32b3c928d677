//! The language of the CRM and its log: what can be said, how it is written down, how it travels.
//!
//! This crate knows nobody: no HTTP, no read models, no commands.
#![warn(missing_docs)]

pub mod ids;
pub mod values;
pub mod money;
pub mod personal;
pub mod envelope;
pub mod customers;
pub mod sales;
pub mod access;
pub mod private;
pub mod codec;
pub mod evidence;
pub mod keys;
pub mod store;
pub mod bus;
pub mod postgres;
#[cfg(feature = "planted")]
pub mod planted;
#[cfg(any(test, feature = "contract"))]
pub mod golden;
#[cfg(any(test, feature = "contract"))]
pub mod testing;

pub use codec::{CrmEvent, DecodeError, Payload};
pub use envelope::{
    Actor, ActorKind, Cause, Channel, EventType, Instant, Leaf, NewEvent, Position, Recorded,
    Version,
};
