//! The `annals` binary.

use std::process::ExitCode;

use clap::Parser;
use deploy::config::Cli;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    deploy::cli::run(Cli::parse())
}
