//! A cluster of real processes: any number of each role, on servers of its own.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use events_log::testing::NatsServer;
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    http::Http,
    network::{Network, Place},
    process::{binary, planted_binary, signal, without_settings},
    servers::{PostgresServer, free_port},
};

/// One role of the product as a process. It keeps its port through restarts.
pub struct Role {
    name: &'static str,
    port: u16,
    environment: Vec<(&'static str, String)>,
    log: PathBuf,
    child: Option<Child>,
    /// The mistake that is compiled into it, if one is.
    planted: Option<&'static str>,
    /// Where it runs, if not beside the test.
    place: Option<Place>,
}

impl Role {
    /// A role with these settings, not started yet. It logs into a file beside its secrets.
    pub fn of(name: &'static str, environment: &[(&'static str, String)]) -> Self {
        let secrets = environment.iter().find(|(name, _)| *name == "ANNALS_SECRETS");
        let (_, secrets) = secrets.expect("the folder of secrets");
        let log = PathBuf::from(format!("{secrets}-{name}.log"));
        Self {
            name,
            port: free_port(),
            environment: environment.to_vec(),
            log,
            child: None,
            planted: None,
            place: None,
        }
    }

    /// A command service with these settings, not started yet.
    pub fn command_service(environment: &[(&'static str, String)]) -> Self {
        Self::of("command-service", environment)
    }

    /// A client with the first token, which lies in that folder.
    ///
    /// # Panics
    /// When it cannot be read.
    pub fn http(&self, secrets: &Path) -> Http {
        let token = fs::read_to_string(secrets.join("token")).expect("the first token");
        Http::new(&self.url(), token.trim())
    }

    /// What it says of itself.
    pub async fn ready(&self) -> Value {
        Http::new(&self.url(), "").get("/readyz").await.json()
    }

    /// The value of a metric without labels.
    pub async fn metric(&self, name: &str) -> Option<f64> {
        let text = Http::new(&self.url(), "").get("/metrics").await.text();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
        line.trim().parse().ok()
    }

    /// Asks it to end, as a service manager does, and waits until it has.
    ///
    /// # Panics
    /// When it does not end in order.
    pub fn terminate(&mut self) {
        self.signal("TERM");
        let mut child = self.child.take().expect("it runs");
        let ended = child.wait().expect("it ends");
        assert!(ended.success(), "{} ended with {ended}: {}", self.name, self.log_text());
    }

    /// Starts it, or starts it again, and waits until it says where it serves.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(&mut self) {
        self.kill();
        let log = File::options().create(true).append(true).open(&self.log).expect("a log file");
        let program = match self.planted {
            None => binary(),
            Some(_) => planted_binary(),
        };
        let mut command = match &self.place {
            Some(place) => place.command(program),
            None => Command::new(program),
        };
        command = without_settings(command);
        command.args(self.planted.map(|mistake| format!("--planted={mistake}")));
        let mut child = command
            .args([self.name, "--listen"])
            .arg(self.address())
            .env("ANNALS_LOG_LEVEL", "info")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the binary starts");
        let stdout = child.stdout.take().expect("its output");
        let mut first = String::new();
        BufReader::new(stdout).read_line(&mut first).expect("a first line");
        self.child = Some(child);
        assert!(first.contains(" serves "), "{} did not start: {}", self.name, self.log_text());
    }

    fn address(&self) -> String {
        let host = self.place.as_ref().map_or(Ipv4Addr::LOCALHOST, Place::address);
        format!("{host}:{}", self.port)
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// What it is called.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Its process, while it runs.
    pub fn id(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// When it does not run.
    pub fn signal(&self, name: &str) {
        signal(self.child.as_ref().expect("it runs").id(), name);
    }

    /// Ends it at once, as `kill -9` does.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            child.kill().ok();
            child.wait().ok();
        }
    }

    /// How it ended, if it did so by itself.
    pub fn ended(&mut self) -> Option<String> {
        let ended = self.child.as_mut()?.try_wait().expect("its state");
        let log = self.log_text();
        let last: Vec<_> = log.lines().rev().take(8).collect();
        ended.map(|status| format!("{} ended by itself with {status}: {last:#?}", self.name))
    }

    /// Whether its process is there.
    pub fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// What it wrote to its log.
    pub fn log_text(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        self.kill();
    }
}

/// How many processes of each role.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Command services.
    pub commands: usize,
    /// Projection services.
    pub projections: usize,
    /// Query APIs.
    pub queries: usize,
}

/// What a cluster is started with besides what it needs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings<'a> {
    /// Settings of PostgreSQL: `name=value`.
    pub postgres: &'a [&'a str],
    /// The folder of PostgreSQL, where it is not the cluster's own.
    pub postgres_folder: Option<&'a Path>,
    /// Environment of every service.
    pub services: &'a [(&'static str, String)],
    /// A mistake that is compiled in.
    pub planted: Option<&'static str>,
}

/// A cluster. Everything in it ends with this.
pub struct Cluster {
    /// The command services.
    pub commands: Vec<Role>,
    /// The projection services.
    pub projections: Vec<Role>,
    /// The query APIs.
    pub queries: Vec<Role>,
    /// What carries the log.
    pub nats: NatsServer,
    /// What keeps it.
    pub postgres: PostgresServer,
    folder: TempDir,
    environment: Vec<(&'static str, String)>,
    planted: Option<&'static str>,
}

impl Cluster {
    /// Starts servers and services.
    ///
    /// # Panics
    /// When one of them does not start.
    pub fn start(shape: Shape) -> Self {
        Self::start_with(shape, &Settings::default())
    }

    /// Starts servers and services with a mistake compiled in.
    ///
    /// # Panics
    /// When one of them does not start.
    pub fn start_planted(shape: Shape, planted: Option<&'static str>) -> Self {
        Self::start_with(shape, &Settings { planted, ..Settings::default() })
    }

    /// Starts servers and services with settings of their own.
    ///
    /// # Panics
    /// When one of them does not start.
    pub fn start_with(shape: Shape, settings: &Settings<'_>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let place = settings.postgres_folder.unwrap_or(folder.path());
        let postgres = PostgresServer::start_with(place, settings.postgres);
        let nats = NatsServer::start("cluster", &folder.path().join("nats"));
        let nats = nats.expect("tests/run.sh installs nats-server");
        let mut environment = environment(folder.path(), postgres.url());
        environment.push(("ANNALS_NATS", nats.url()));
        environment.extend_from_slice(settings.services);
        let roles = |name: &'static str, count: usize| -> Vec<Role> {
            (0..count)
                .map(|number| started(folder.path(), name, number, &environment, settings.planted))
                .collect()
        };
        let commands = roles("command-service", shape.commands);
        let projections = roles("projection-service", shape.projections);
        let queries = roles("query-api", shape.queries);
        let planted = settings.planted;
        Self { commands, projections, queries, nats, postgres, folder, environment, planted }
    }

    /// Starts one more command service.
    ///
    /// # Panics
    /// When it does not start.
    pub fn add_command_service(&mut self) {
        let number = self.commands.len();
        let (folder, name) = (self.folder.path(), "command-service");
        self.commands.push(started(folder, name, number, &self.environment, self.planted));
    }

    /// Starts servers, and one of each service in the place of the network that bears its name.
    ///
    /// # Panics
    /// When one of them does not start.
    pub fn start_apart(network: &Network) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let access = folder.path().join("access.conf");
        let allowed = ["127.0.0.1/32".to_owned(), network.subnet()]
            .map(|from| format!("host all all {from} scram-sha-256\n"));
        fs::write(&access, allowed.concat()).expect("the file can be written");
        let host = network.host();
        let listen = format!("listen_addresses=127.0.0.1,{host}");
        let access = format!("hba_file={}", access.display());
        let postgres = PostgresServer::start_with(folder.path(), &[&listen, &access]);
        let nats = NatsServer::start_at("cluster", &folder.path().join("nats"), host, "");
        let nats = nats.expect("tests/run.sh installs nats-server");
        let url = postgres.url().replace("@127.0.0.1:", &format!("@{host}:"));
        let mut environment = environment(folder.path(), &url);
        environment.push(("ANNALS_NATS", nats.url()));
        environment.push(("ANNALS_TRUST_NETWORK", "true".to_owned()));
        environment.push(("ANNALS_BEHIND_PROXY", "true".to_owned()));
        let role = |name: &'static str| {
            let (environment, place) = (environment.clone(), Some(network.place(name)));
            let log = folder.path().join(format!("{name}.log"));
            let (port, child, planted) = (free_port(), None, None);
            let mut role = Role { name, port, environment, log, child, planted, place };
            role.start();
            vec![role]
        };
        let commands = role("command-service");
        let projections = role("projection-service");
        let queries = role("query-api");
        let planted = None;
        Self { commands, projections, queries, nats, postgres, folder, environment, planted }
    }

    /// A client that sends commands to one command service and questions to one query API.
    pub fn http(&self, command: usize, query: usize) -> Http {
        Http::of_roles(
            &self.commands[command].url(),
            &self.queries[query].url(),
            &self.projections[0].url(),
            &self.token(),
        )
    }

    /// The first token.
    ///
    /// # Panics
    /// When it cannot be read.
    pub fn token(&self) -> String {
        let file = self.secrets().join("token");
        fs::read_to_string(file).expect("the first token").trim().to_owned()
    }

    /// The folder of what all processes share.
    pub fn secrets(&self) -> PathBuf {
        self.folder.path().join("secrets")
    }

    /// A folder for files of the test; the servers' and the logs are in it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Every role.
    pub fn roles(&mut self) -> impl Iterator<Item = &mut Role> {
        self.commands.iter_mut().chain(&mut self.projections).chain(&mut self.queries)
    }
}

/// A role that runs and logs into a file of its own.
fn started(
    folder: &Path,
    name: &'static str,
    number: usize,
    environment: &[(&'static str, String)],
    planted: Option<&'static str>,
) -> Role {
    let log = folder.join(format!("{name}-{number}.log"));
    let environment = environment.to_vec();
    let (port, child, place) = (free_port(), None, None);
    let mut role = Role { name, port, environment, log, child, planted, place };
    role.start();
    role
}

/// The settings of every process of a cluster on that database server.
fn environment(folder: &Path, postgres: &str) -> Vec<(&'static str, String)> {
    vec![
        ("ANNALS_POSTGRES", postgres.to_owned()),
        ("ANNALS_SECRETS", folder.join("secrets").display().to_string()),
        ("ANNALS_ZONE", "America/Sao_Paulo".to_owned()),
        ("ANNALS_CURRENCY", "BRL".to_owned()),
    ]
}
