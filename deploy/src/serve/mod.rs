//! How requests come in and answers go out: connections, the rules of HTTP, who asks, what is measured.

mod problem;
mod source;
mod accept;
mod connection;
mod stream;
mod request_body;
mod layers;
mod observe;
pub mod metrics;

pub use accept::serve;
pub use layers::wrap;
pub(crate) use problem::problem;
pub use source::{Proxies, Proxy, Source};
