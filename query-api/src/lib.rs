//! Answers: questions in, rows and events out.
//!
//! This crate must not know commands, aggregates, how to append, or how rows are made.
#![warn(missing_docs)]

mod database;
mod http;
mod as_of;
mod cursor;
mod list;
mod records;
mod history;
mod feed;
mod customers;
mod sales;
mod access;

#[cfg(test)]
mod places;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod gate;
#[cfg(test)]
mod asker;
#[cfg(test)]
mod journey_tests;
#[cfg(test)]
mod freshness_tests;
#[cfg(test)]
mod statement_tests;

pub use http::{
    App,
    document::paths,
    problem::Problem,
    refusals::{Kept, Refusals, RefusedQuestion},
    routes::{access_of, router},
    turn::{Place, Turn},
};
