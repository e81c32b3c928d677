//! Real servers for the tests of adapters.

mod child;
mod nats;
mod postgres;
mod skip;

pub use child::told;
pub use nats::NatsServer;
pub use postgres::TestDatabase;
pub use skip::skipped;
