//! The language of the CRM: what can be said, and how it is written down.
//!
//! This crate knows nobody and waits for nothing: no log, no HTTP, no read models, no commands.
#![warn(missing_docs)]

pub mod ids;
pub mod values;
pub mod money;
pub mod personal;
pub mod envelope;
mod schema;
pub mod category;
pub mod customers;
pub mod sales;
pub mod access;
pub mod codec;
pub mod evidence;

pub use codec::{CrmEvent, DecodeError, Payload};
pub use envelope::{
    Actor, ActorKind, Cause, Channel, EventType, Instant, Leaf, NewEvent, Position, Recorded,
    Version,
};
