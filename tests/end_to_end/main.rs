//! Journeys from outside: real HTTP, real stores, the whole product in this process.

// Accounts, contacts, connections, notes.
mod customers;
