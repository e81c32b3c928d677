//! Decides: commands in, events out.
//!
//! This crate must not know read models, nor which store it writes to.

pub mod aggregate;
pub mod refusal;
pub mod body;
pub mod command;
pub mod customers;
pub mod sales;
pub mod access;
pub mod processes;
pub mod handle;
pub mod clock;
pub mod reactions;
pub mod caller;
pub mod limit;
pub mod attempts;
pub mod relay;
pub mod to_its_end;
pub mod http;

#[cfg(test)]
mod testing;
