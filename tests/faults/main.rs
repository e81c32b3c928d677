//! What must hold when something breaks.

// The process is killed.
mod killed;
