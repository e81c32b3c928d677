//! Assembles: the only crate that knows all others. It holds no business rule.

pub mod config;
pub mod config_file;
pub mod settings;
pub mod cli;
pub mod exit;
pub mod telemetry;
pub mod folder;
pub mod mark;
mod guard;
pub mod carried;
pub mod founding;
pub mod draw;
pub mod running;
pub mod embedded;
pub mod cluster;
pub mod health;
pub mod admin;
pub mod progress;
pub mod serve;
pub mod verify;
pub mod backup;
pub mod replay_report;
pub mod service;
pub mod client;
pub mod import;
pub mod migrate;
pub mod operator;
