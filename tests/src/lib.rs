//! The harness: what every test from outside shares.

mod reference;

pub use reference::reference_data;
