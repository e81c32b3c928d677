//! A NATS server of a test's own.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::skipped;

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// A `nats-server` with JetStream on a free loopback port. It is killed with this; its folder is the
/// caller's.
pub struct NatsServer {
    child: Option<Child>,
    host: Ipv4Addr,
    port: u16,
    folder: PathBuf,
    config: String,
}

impl NatsServer {
    /// Starts one whose data lie in `folder`. None, and the test counts as skipped, where no server
    /// is installed.
    ///
    /// # Panics
    /// When the server does not start.
    #[must_use]
    pub fn start(test: &str, folder: &Path) -> Option<Self> {
        Self::start_with(test, folder, "")
    }

    /// Starts one with further lines of configuration.
    ///
    /// # Panics
    /// When the server does not start.
    #[must_use]
    pub fn start_with(test: &str, folder: &Path, config: &str) -> Option<Self> {
        Self::start_at(test, folder, Ipv4Addr::LOCALHOST, config)
    }

    /// Starts one that listens on another address of this machine.
    ///
    /// # Panics
    /// When the server does not start.
    #[must_use]
    pub fn start_at(test: &str, folder: &Path, host: Ipv4Addr, config: &str) -> Option<Self> {
        if Command::new("nats-server").arg("--version").stdout(Stdio::null()).status().is_err() {
            skipped(test, "no nats-server is installed");
            return None;
        }
        let mut server = Self {
            child: None,
            host,
            port: free_port(),
            folder: folder.to_owned(),
            config: config.to_owned(),
        };
        server.restart();
        Some(server)
    }

    /// Its port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://{}:{}", self.host, self.port)
    }

    /// The folder of its streams.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.folder.join("jetstream")
    }

    /// The process, while it runs.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Kills it (SIGKILL).
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            child.kill().ok();
            child.wait().ok();
        }
    }

    /// Starts it again, on the same port and folder.
    ///
    /// # Panics
    /// When it does not start.
    #[expect(clippy::disallowed_methods, reason = "a server that starts tells nobody")]
    pub fn restart(&mut self) {
        self.kill();
        let (file, log) = (self.folder.join("nats.conf"), self.folder.join("nats.log"));
        let text = format!(
            "host: {}\nport: {}\nlog_file: {log:?}\njetstream {{ store_dir: {:?} }}\n{}\n",
            self.host, self.port, self.folder, self.config,
        );
        fs::create_dir_all(&self.folder).expect("the folder can be made");
        fs::write(&file, text).expect("the configuration can be written");
        let started = Command::new("nats-server")
            .arg("--config")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.child = Some(started.expect("nats-server starts"));
        let since = Instant::now();
        while TcpStream::connect((self.host, self.port)).is_err() {
            assert!(since.elapsed() < PATIENCE, "nats-server does not answer: see {log:?}");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.kill();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}
