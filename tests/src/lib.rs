//! The harness: what every test from outside shares.

mod reference;
mod http;
mod annals;
mod process;

pub use annals::Annals;
pub use http::{Accepted, Answer, Http};
pub use process::{Process, annals, binary, signal, until};
pub use reference::{number_from, project_root, reference_data};
