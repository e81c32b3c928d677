//! From the command line to what it asks for.

use std::{ffi::OsString, io::Write, process::ExitCode};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{
    cluster,
    config::{Cli, Operation, Service, variables},
    config_file,
    draw::{system_clock, system_clocks},
    embedded,
    exit::Exit,
    operator,
    running::Running,
    telemetry,
};

/// Why a build with mistakes does not start like any other.
#[cfg(feature = "planted")]
const UNFIT: &str = "this build makes mistakes on purpose: say which, with --planted";

/// Runs what the command line says, and ends the process's life with one line when it fails.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    let cli = match config_file::parse(arguments, variables()) {
        Ok(cli) => cli,
        Err(exit) => return report(&exit),
    };
    #[cfg(feature = "planted")]
    match cli.planted {
        Some(mistake) => events_log::planted::plant(mistake),
        None => return report(&Exit::new(crate::exit::Code::Usage, UNFIT)),
    }
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
        None | Some(Operation::Serve) => {
            let running = embedded::start(&service, system_clocks()).await?;
            let told = Told::listen()?;
            welcome(&running, &service);
            until_told(running, told).await
        }
        Some(Operation::CommandService(servers)) => {
            let running =
                cluster::start_command_service(&service, &servers, system_clocks()).await?;
            let told = Told::listen()?;
            welcome_role(&running, "command-service", "COMMANDS");
            until_told(running, told).await
        }
        Some(Operation::ProjectionService(servers)) => {
            let running =
                cluster::start_projection_service(&service, &servers, system_clocks()).await?;
            let told = Told::listen()?;
            welcome_role(&running, "projection-service", "ANNALS_URL");
            until_told(running, told).await
        }
        Some(Operation::QueryApi(servers)) => {
            let running = cluster::start_query_api(&service, &servers, system_clock()).await?;
            let told = Told::listen()?;
            welcome_role(&running, "query-api", "QUERIES");
            until_told(running, told).await
        }
        Some(Operation::Migrate(migrate)) => operator::migrate::run(migrate).await,
        Some(Operation::Import(import)) => operator::import::run(&service, import).await,
        Some(Operation::Replay(replay)) => operator::replay::run(&service, replay).await,
        Some(Operation::Token(token)) => operator::token::run(&service, token).await,
        Some(Operation::Verify(verify)) => operator::verify::run(&service, verify).await,
        Some(Operation::Backup(backup)) => operator::backup::run(&service, backup).await,
        Some(Operation::Demo(demo)) => operator::demo::run(&service, demo).await,
        Some(Operation::Commands) => {
            operator::commands::run();
            Ok(())
        }
    }
}

/// The ways in which it is told to end. Listened to before it says that it serves: whoever waits for
/// that may tell it at once.
struct Told {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Told {
    fn listen() -> Result<Self, Exit> {
        let listen = |kind| signal(kind).map_err(Exit::failed);
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }
}

async fn until_told(mut running: Running, mut told: Told) -> Result<(), Exit> {
    let failed = tokio::select! {
        exit = running.failed() => Some(exit),
        _ = told.interrupt.recv() => None,
        _ = told.terminate.recv() => None,
        _ = told.hangup.recv() => None,
    };
    running.shutdown().await;
    failed.map_or(Ok(()), Err)
}

#[cfg(not(feature = "planted"))]
const fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

#[cfg(feature = "planted")]
fn version() -> String {
    let mistake = events_log::planted::planted().map_or("none", events_log::planted::Mistake::name);
    format!("{} WITH THE MISTAKE {mistake}", env!("CARGO_PKG_VERSION"))
}

/// Says of a role where it is and, where it knows that, how to read the first token.
fn welcome_role(running: &Running, role: &str, variable: &str) {
    let (version, url) = (version(), running.url());
    let mut text = format!("annals {version} {role} serves {url}\n  log     {}\n", running.log);
    text.push_str(&format!("  export {variable}={url}"));
    if let Some(file) = running.token_file() {
        text.push_str(&format!(" TOKEN=$(cat {})", file.display()));
    }
    text.push('\n');
    say(&text);
}

/// Says where it is, how to read the token, and what to try. Never the token itself.
fn welcome(running: &Running, service: &Service) {
    let url = running.url();
    let file = running.token_file().unwrap_or_else(|| std::path::Path::new(""));
    let token = file.display();
    let lost = if file.exists() { "" } else { " is not there: annals token recover makes one" };
    let mut text = format!(
        "annals {version} serves {url}\n  data    {data} (log {log})\n  token   {token}{lost}\n",
        version = version(),
        data = service.data_folder.display(),
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
         export COMMANDS={url} QUERIES={url} TOKEN=$(cat {token})\n  \
         curl -s -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' \\\n    \
         -d '{{\"name\":\"Contoso\"}}' $COMMANDS/commands/CreateAccount\n  \
         curl -s -H \"Authorization: Bearer $TOKEN\" $QUERIES/accounts\n\
         A sample company with a year of history: annals demo. Every route: {url}/openapi.json\n"
    ));
    say(&text);
}

/// Writes to standard output. A closed one ends nothing.
fn say(text: &str) {
    std::io::stdout().write_all(text.as_bytes()).ok();
    std::io::stdout().flush().ok();
}
