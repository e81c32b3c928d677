//! The `annals` binary.

use std::process::ExitCode;

use clap::Parser;
use deploy::config::Cli;

fn main() -> ExitCode {
    deploy::cli::run(Cli::parse())
}
