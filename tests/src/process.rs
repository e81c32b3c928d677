//! The product as a process of its own, so that it can be killed.

use std::{
    ffi::OsStr,
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::OnceLock,
    time::Duration,
};

use crate::http::Http;

/// The `annals` binary of this build, made where it is missing or old.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| built("annals", &[]))
}

/// The same with mistakes compiled in, which are chosen by `--planted`.
pub fn planted_binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| built("annals-planted", &["--features", "planted"]))
}

fn built(name: &str, features: &[&str]) -> PathBuf {
    let cargo = option_env!("CARGO").unwrap_or("cargo");
    let mut build = Command::new(cargo);
    build.args(["build", "--locked", "--package", "deploy", "--bin", name]).args(features);
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    build.current_dir(crate::reference::project_root());
    let built = build.status().expect("cargo runs");
    assert!(built.success(), "the binary does not build");
    // This test binary lies in `<target>/<profile>/deps`.
    let here = std::env::current_exe().expect("the path of this test");
    let profile = here.parent().and_then(Path::parent).expect("a folder of the build");
    profile.join(name)
}

/// The command without the settings of this shell: the tests' own variables (`ANNALS_DATA`) are no
/// settings of the product, which refuses names that it does not know.
pub fn without_settings(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("ANNALS_") {
            command.env_remove(name);
        }
    }
    command
}

/// The product, to be run with arguments and settings of a test's own.
pub fn product() -> Command {
    without_settings(Command::new(binary()))
}

/// The product as a process, on a folder that outlives it.
pub struct Process {
    child: Child,
    url: String,
    data: PathBuf,
}

/// How the product is started: on which folder, with what around it.
#[derive(Debug)]
pub struct Launch {
    data: PathBuf,
    command: Command,
}

impl Launch {
    /// On that folder, and on a free port.
    pub fn on(data: &Path) -> Self {
        Self::of(product(), data)
    }

    /// A build that makes that mistake, on that folder.
    pub fn planted(mistake: &str, data: &Path) -> Self {
        Self::of(without_settings(Command::new(planted_binary())), data)
            .flags(&[&format!("--planted={mistake}")])
    }

    /// On that folder, with so many file handles at most.
    pub fn with_files(limit: u32, data: &Path) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("ulimit -n {limit} && exec \"$0\" \"$@\"")]).arg(binary());
        Self::of(without_settings(shell), data)
    }

    fn of(mut command: Command, data: &Path) -> Self {
        command.args(["--listen", "127.0.0.1:0", "--data-folder"]).arg(data).stdin(Stdio::null());
        Self { data: data.to_owned(), command }
    }

    /// With that variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// With these flags.
    #[must_use]
    pub fn flags(mut self, flags: &[&str]) -> Self {
        self.command.args(flags);
        self
    }

    /// With its errors in that place.
    #[must_use]
    pub fn errors_to(mut self, errors: impl Into<Stdio>) -> Self {
        self.command.stderr(errors);
        self
    }

    /// Starts it and waits until it says where it serves.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(self) -> Process {
        self.try_start().unwrap_or_else(|ended| panic!("it did not start: {ended}"))
    }

    /// Starts it and waits until it says where it serves, or ends.
    ///
    /// # Errors
    /// How it ended, when it did not come to serve.
    pub fn try_start(mut self) -> Result<Process, ExitStatus> {
        let mut child = self.command.stdout(Stdio::piped()).spawn().expect("the binary starts");
        let stdout = child.stdout.take().expect("its output");
        let mut first = String::new();
        BufReader::new(stdout).read_line(&mut first).expect("a first line");
        let url = first.trim().rsplit(' ').next().unwrap_or_default().to_owned();
        if url.starts_with("http://") {
            Ok(Process { child, url, data: self.data })
        } else {
            Err(child.wait().expect("it ends"))
        }
    }
}

impl Process {
    /// Starts it and waits until it says where it serves.
    pub fn start(data: &Path) -> Self {
        Launch::on(data).start()
    }

    /// Starts it with further flags.
    pub fn start_with(data: &Path, flags: &[&str]) -> Self {
        Launch::on(data).flags(flags).start()
    }

    /// Starts it so that it says no more than what goes wrong, to nobody.
    pub fn start_quietly(data: &Path) -> Self {
        Launch::on(data).flags(&["--log-level", "warn"]).errors_to(Stdio::null()).start()
    }

    /// Starts it so that it writes as much as it can about what it does to a file.
    pub fn start_logging(data: &Path, log: &Path) -> Self {
        let file = File::create(log).expect("the file can be written");
        Launch::on(data).flags(&["--log-level", "debug"]).errors_to(file).start()
    }

    /// A client with the first token.
    pub fn http(&self) -> Http {
        let token = std::fs::read_to_string(self.data.join("token")).expect("the first token");
        Http::new(&self.url, token.trim())
    }

    /// Ends it at once, as `kill -9` does, and waits until it is gone.
    pub fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it ends");
    }

    /// Asks it to end, as a service manager does (SIGTERM), and waits until it has.
    pub fn terminate(mut self) -> ExitStatus {
        signal(self.child.id(), "TERM");
        self.child.wait().expect("it ends")
    }

    /// Waits until it ends by itself.
    pub async fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        until("the process ends", async || {
            status = self.child.try_wait().expect("its state");
            status.is_some()
        })
        .await;
        status.expect("it has ended")
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may be gone already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Sends a signal to one process.
pub fn signal(process: u32, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &process.to_string()]).status();
    assert!(sent.expect("the program `kill`").success(), "{process} is gone");
}

/// Asks again and again until something is so.
///
/// # Panics
/// When it is not so within two minutes.
pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let patience = async {
        while !is_so().await {
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(120), patience).await;
    assert!(waited.is_ok(), "in vain: {what}");
}

/// Runs one operator's command to its end.
pub fn annals(arguments: &[&str]) -> Output {
    product().args(arguments).stdin(Stdio::null()).output().expect("the binary runs")
}
