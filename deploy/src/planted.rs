//! The `annals` binary with mistakes compiled in: it makes the one that `--planted` names.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    deploy::cli::run(std::env::args_os().collect())
}
