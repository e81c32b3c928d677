//! The product in several processes: one role each, on PostgreSQL and NATS.

mod command;
mod founding;
mod projection;
mod query;
mod secrets;
mod servers;
mod witness;

pub use command::start as start_command_service;
pub(crate) use founding::check_installation;
pub use projection::start as start_projection_service;
pub use query::start as start_query_api;
pub use secrets::Secrets;
pub(crate) use servers::{Databases, exit_of_keys, open_log};
pub use servers::{Servers, exit_of};
pub(crate) use witness::look as look_at_log;

/// The port of the write API where none was named: that of the whole product in one process.
pub const COMMAND_PORT: u16 = 7440;
/// The port of the query API where none was named.
pub const QUERY_PORT: u16 = 7441;
/// The port of the projection service's health and operation where none was named.
pub const PROJECTION_PORT: u16 = 7442;

/// How many connections to the log a service has, beside its writer's.
pub(crate) const LOG_CONNECTIONS: u32 = 6;
