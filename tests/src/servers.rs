//! PostgreSQL servers of a test's own, to be broken.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use crate::{process::signal, reference::project_root};

/// Starts a server as `deploy/run-cluster.sh` does and stays until it has ended.
const START: &str = "set -eu; . \"$1/deploy/servers.sh\"; need_postgres >&2; \
                     start_postgres \"${@:2}\"; echo \"$POSTGRES_ID $POSTGRES_URL\"; wait \"$POSTGRES_ID\"";

/// A PostgreSQL server. It is ended with this; its folder is the caller's.
pub struct PostgresServer {
    shell: Option<Child>,
    server: u32,
    port: u16,
    folder: PathBuf,
    options: Vec<String>,
    url: String,
}

impl PostgresServer {
    /// Starts one whose data lie in `folder`.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(folder: &Path) -> Self {
        Self::start_with(folder, &[])
    }

    /// Starts one with these settings (`name=value`) besides its own.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_with(folder: &Path, settings: &[&str]) -> Self {
        let (folder, url) = (folder.join("postgres"), String::new());
        let options = settings.iter().flat_map(|setting| ["-c".to_owned(), setting.to_string()]);
        let options = options.collect();
        let mut server = Self { shell: None, server: 0, port: free_port(), folder, options, url };
        server.restart();
        server
    }

    /// Its port.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Starts it again on the same port and folder.
    ///
    /// # Panics
    /// When it does not start.
    pub fn restart(&mut self) {
        self.end("INT");
        let mut shell = Command::new("bash")
            .args(["-c", START, "bash"])
            .args([&project_root(), &self.folder])
            .args(&self.options)
            .env("POSTGRES_PORT", self.port.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("bash runs");
        let stdout = shell.stdout.take().expect("its output");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let (id, url) = line.trim().split_once(' ').expect("PostgreSQL starts");
        self.server = id.parse().expect("a process id");
        url.clone_into(&mut self.url);
        self.shell = Some(shell);
    }

    /// Kills the server's first process (SIGKILL), and waits until the others have noticed.
    pub fn kill(&mut self) {
        let others = children(self.server);
        self.end("KILL");
        while others.iter().any(|id| is_there(*id)) {
            std::thread::yield_now();
        }
    }

    /// Whether it runs.
    pub fn is_running(&mut self) -> bool {
        self.shell.as_mut().is_some_and(|shell| matches!(shell.try_wait(), Ok(None)))
    }

    /// Sends a signal to the server's first process.
    pub fn signal(&self, name: &str) {
        signal(self.server, name);
    }

    /// Sends a signal to every process of the server.
    pub fn signal_all(&self, name: &str) {
        self.signal(name);
        for id in children(self.server) {
            // A session may have ended.
            Command::new("kill").args([&format!("-{name}"), &id.to_string()]).output().ok();
        }
    }

    /// An address of its administrator.
    pub fn admin_url(&self) -> String {
        self.url.replacen("//annals:", "//postgres:", 1)
    }

    /// An address whose login may create databases.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The address of a database there.
    pub fn database(&self, name: &str) -> String {
        let (server, _) = self.url.rsplit_once('/').expect("an address names a database");
        format!("{server}/{name}")
    }

    fn end(&mut self, name: &str) {
        if let Some(mut shell) = self.shell.take() {
            if matches!(shell.try_wait(), Ok(None)) {
                signal(self.server, name);
            }
            // It waits for the server.
            shell.wait().expect("bash ends");
        }
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        if self.is_running() {
            // A stopped one would never end.
            self.signal_all("CONT");
            self.end("INT");
        }
    }
}

/// Whether that process is there, and not only waits to be noticed.
fn is_there(id: u32) -> bool {
    stat(id).is_some_and(|(state, _)| state != "Z")
}

/// The processes that it started.
fn children(parent: u32) -> Vec<u32> {
    let all = fs::read_dir("/proc").expect("the list of processes");
    let ids = all.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    ids.filter(|id| stat(*id).is_some_and(|(_, of)| of == parent)).collect()
}

/// The state of a process, and who started it.
fn stat(id: u32) -> Option<(String, u32)> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // Its name, in brackets, may be anything.
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}

/// A port of loopback that nobody listens on.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}
