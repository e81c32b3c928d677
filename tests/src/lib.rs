//! The harness: what every test from outside shares.

mod reference;
mod http;
mod promised;
mod raw;
mod annals;
mod process;
mod records;
mod dice;
mod servers;
mod network;
mod cluster;

pub use annals::{Annals, Deployment};
pub use cluster::{Cluster, Role, Settings, Shape};
pub use dice::Dice;
pub use http::{Accepted, Answer, Http, encoded};
pub use network::{Fault, Network, Place};
pub use process::{
    Launch, Process, annals, binary, planted_binary, product, signal, until, without_settings,
};
pub use raw::{Raw, RawAnswer};
pub use records::{account, brl, contact, opportunity, texts, user};
pub use reference::{deployment, number_from, project_root, reference_data};
pub use servers::{PostgresServer, free_port};
