//! Journeys from outside: real HTTP, real stores, the whole product in this process.

// Accounts, contacts, connections, notes.
mod customers;
// Opportunities, quotes, orders.
mod sales;
// What a sale is worth, counted once, as of any moment.
mod revenue;
