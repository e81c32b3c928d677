//! Journeys from outside: real HTTP, real stores, the whole product in this process.

// Accounts, contacts, connections, notes.
mod customers;
// The periods of relationships.
mod periods;
// Opportunities, quotes, orders.
mod sales;
// Deals and quotes that are decided together, or at once.
mod decided;
// What a sale is worth, counted once, as of any moment.
mod revenue;
// As of a moment: what was known, and what was true.
mod time;
// Lists, pages, cursors, reading one's own writes.
mod reading;
// What was just written, and whoever waits for more.
mod freshness;
// Bad input and broken rules.
mod refusals;
// Refused commands as evidence.
mod attempts;
// Why something was done.
mod reasons;
// Lists of commands.
mod batches;
// The log as evidence: the feed, histories, restart, replay.
mod evidence;
// Tokens and scopes.
mod access;
// What whoever is refused all the time hears, and what is kept of it.
mod limits;
// Bodies that are not read, and errors of one form.
mod bodies;
// What the wire allows, and whose requests come in.
mod http;
// Connections that are slow, idle or deaf.
mod connections;
// What is measured.
mod metrics;
// Every route and command with every kind of token.
mod roles;
// What can be handed out, to whom, and what of it is kept.
mod powers;
// A clock that jumps.
mod clock;
// What log lines say.
mod logs;
// A generated pipeline, with its figures computed apart.
mod generated;
