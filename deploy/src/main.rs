//! The `annals` binary.

use std::process::ExitCode;

use clap::Parser;
use deploy::config::Cli;

fn main() -> ExitCode {
    let cli = Cli::parse();
    deploy::cli::run(cli)
}
