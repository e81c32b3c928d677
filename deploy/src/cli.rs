//! From the command line to what it asks for.

use std::{io::Write, process::ExitCode};

use tokio::signal::unix::{SignalKind, signal};

use crate::{
    assemble::{Running, start, system_clock},
    config::{Cli, Operation, Service},
    exit::Exit,
    operator, telemetry,
};

/// Runs what the command line says, and ends the process's life with one line when it fails.
pub fn run(cli: Cli) -> ExitCode {
    telemetry::start(&cli.log);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return report(&Exit::failed(error)),
    };
    let outcome = runtime.block_on(dispatch(cli));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(exit) => report(&exit),
    }
}

fn report(exit: &Exit) -> ExitCode {
    // Nobody may be listening any more; the exit code stands.
    writeln!(std::io::stderr(), "annals: {exit}").ok();
    exit.exit_code()
}

async fn dispatch(cli: Cli) -> Result<(), Exit> {
    let service = cli.service;
    match cli.command {
        None | Some(Operation::Serve) => serve(&service).await,
        Some(Operation::Import(import)) => operator::import::run(&service, import).await,
        Some(Operation::Replay(replay)) => operator::replay::run(&service, replay).await,
        Some(Operation::Token(token)) => operator::token::run(&service, token).await,
        Some(Operation::Verify(verify)) => operator::verify::run(&service, verify).await,
        Some(Operation::Backup(backup)) => operator::backup::run(&service, backup).await,
        Some(Operation::Demo(demo)) => operator::demo::run(&service, demo).await,
    }
}

async fn serve(service: &Service) -> Result<(), Exit> {
    let mut running = start(service, system_clock()).await?;
    welcome(&running, service);
    let mut terminate = signal(SignalKind::terminate()).map_err(Exit::failed)?;
    let mut hangup = signal(SignalKind::hangup()).map_err(Exit::failed)?;
    let failed = tokio::select! {
        exit = running.failed() => Some(exit),
        _ = tokio::signal::ctrl_c() => None,
        _ = terminate.recv() => None,
        _ = hangup.recv() => None,
    };
    running.shutdown().await;
    failed.map_or(Ok(()), Err)
}

/// Says where it is, how to read the token, and what to try. Never the token itself.
fn welcome(running: &Running, service: &Service) {
    let url = running.url();
    let token = running.token_file().display().to_string();
    let mut text = format!(
        "annals {version} serves {url}\n  data    {data} (log {log})\n  token   {token}\n",
        version = env!("CARGO_PKG_VERSION"),
        data = service.data.display(),
        log = running.log,
    );
    if running.is_new {
        text.push_str(&format!(
            "  new     organisation \"{}\", zone {}, currency {} (fixed now; see --help)\n",
            service.organization,
            service.zone.as_str(),
            service.currency,
        ));
    }
    text.push_str(&format!(
        "\nTry next, in another terminal:\n  \
         export ANNALS_COMMANDS={url} ANNALS_QUERIES={url} TOKEN=$(cat {token})\n  \
         curl -s -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' \\\n    \
         -d '{{\"name\":\"Contoso\"}}' $ANNALS_COMMANDS/commands/CreateAccount\n  \
         curl -s -H \"Authorization: Bearer $TOKEN\" $ANNALS_QUERIES/accounts\n\
         A sample company with a year of history: annals demo. Every route: {url}/openapi.json\n"
    ));
    // A closed standard output ends nothing.
    std::io::stdout().write_all(text.as_bytes()).ok();
    std::io::stdout().flush().ok();
}
