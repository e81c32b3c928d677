//! Real servers for the tests of adapters.

mod nats;
mod postgres;
mod skip;

pub use nats::NatsServer;
pub use postgres::TestDatabase;
pub use skip::skipped;
