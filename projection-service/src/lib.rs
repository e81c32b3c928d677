//! Remembers: events in, rows out.
//!
//! This crate must not know commands, aggregates, HTTP or how to append.

pub mod table;
pub mod projector;
pub mod record;
pub mod erased;
pub mod customers;
pub mod sales;
pub mod access;
pub mod models;
pub mod unreadable;
pub mod read_store;
pub mod fold;
pub mod follow;
pub mod generation;
pub mod compare;
pub mod beside;
pub mod read_side;
pub mod read_view;
pub mod standby;
pub mod replay;
pub mod witness;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod places;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod world;
