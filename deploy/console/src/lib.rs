//! What a command of the operator reads and shows: files that somebody names, progress.
#![warn(missing_docs)]

pub mod regular;
pub mod telling;
