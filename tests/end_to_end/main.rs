//! Journeys from outside: real HTTP, real stores, the whole product in this process.

// Accounts, contacts, connections, notes.
mod customers;
// Opportunities, quotes, orders.
mod sales;
// What a sale is worth, counted once, as of any moment.
mod revenue;
// As of a moment: what was known, and what was true.
mod time;
// Lists, pages, cursors, reading one's own writes.
mod reading;
