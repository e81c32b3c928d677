//! The harness: what every test from outside shares.

mod reference;
mod http;
mod annals;
mod process;
mod records;

pub use annals::Annals;
pub use http::{Accepted, Answer, Http, encoded};
pub use process::{Process, annals, binary, signal, until};
pub use records::{account, brl, contact, opportunity, texts, user};
pub use reference::{number_from, project_root, reference_data};
