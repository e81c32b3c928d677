//! The three services as real processes, on a PostgreSQL and a NATS server of their own.

#![expect(clippy::print_stderr, reason = "a run says what it was and what it saw")]
#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it has to be")]

// Two command services on one log decide as one.
mod consistency;
// Starts that have to be refused.
mod startup;
// How far the read models are behind.
mod lag;
// The script that starts all of them, with servers of their own.
mod script;
// A log that is older than is known of it.
mod older_log;
// The network between two of them breaks, loudly or silently, and heals.
mod network;
// What is standing by takes over; what is away shows.
mod roles;
// The real sales list, figure by figure: the comparison is the one of the product in one process.
#[path = "../operating/figures.rs"]
mod figures;
mod import;
// An installation of one process becomes a cluster.
mod migrate;
// Moves that have to be refused.
mod migrate_refusals;
