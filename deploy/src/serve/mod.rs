//! How requests come in and answers go out: connections, the rules of HTTP, who asks, what is measured.

mod problem;
mod source;
mod hosts;
mod accept;
mod guards;
mod guard;
mod connection;
mod stream;
mod linger;
mod head;
mod request_body;
mod response_body;
mod layers;
mod observe;
mod document;
pub mod metrics;

pub use accept::serve;
pub use document::StaticDocument;
pub use hosts::{AllowedHost, Hosts};
pub use layers::wrap;
pub(crate) use observe::Unlogged;
pub(crate) use problem::problem;
pub use source::{Proxies, Proxy, Source};
