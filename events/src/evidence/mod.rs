//! Evidence that nobody changed the past: RFC 6962 leaves. (The tree and its proofs build on them.)

mod leaf;

pub use leaf::{leaf, sha256};
