//! Evidence that nobody changed the past: RFC 6962 leaves, and marks that are kept apart from the
//! log. (The tree and its proofs build on them.)

mod leaf;
mod mark;

pub use leaf::{leaf, sha256};
pub use mark::{Mark, Unproven};
