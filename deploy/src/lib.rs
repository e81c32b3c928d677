//! Assembles the services; the only crate that knows them all.

pub mod client;
pub mod import;
