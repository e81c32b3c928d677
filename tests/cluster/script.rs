//! `deploy/run-cluster.sh`: what it starts is closed to whoever has no login.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use tests::{binary, project_root, signal, without_settings};

/// The script, which ends with the test.
struct Script(Child);

impl Drop for Script {
    fn drop(&mut self) {
        signal(self.0.id(), "TERM");
        self.0.wait().ok();
    }
}

/// Starts the whole cluster in a folder; none where what it needs is missing.
fn start(folder: &Path) -> Option<Script> {
    let script = Command::new(project_root().join("deploy/run-cluster.sh"));
    let mut command = without_settings(script);
    command.arg(folder).env("ANNALS_BINARY", binary()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("bash runs");
    let stdout = child.stdout.take().expect("its output");
    let script = Script(child);
    let mut lines = BufReader::new(stdout).lines();
    lines.find(|line| line.as_ref().is_ok_and(|line| line.contains("runs as a cluster")))?.ok()?;
    // Nobody reads on, and it says no more than fits a pipe.
    Some(script)
}

fn variable(folder: &Path, name: &str) -> String {
    let text = fs::read_to_string(folder.join("cluster.env")).expect("the addresses");
    let after = text.split(&format!("{name}=")).nth(1).expect("a variable");
    after.split_whitespace().next().expect("a value").to_owned()
}

#[test]
fn nats_takes_nobody_without_a_login_and_no_password_is_open_to_others() {
    if events_log::testing::NatsServer::start(
        "run_cluster",
        &tempfile::tempdir().unwrap().path().join("n"),
    )
    .is_none()
    {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let Some(_script) = start(folder.path()) else { panic!("the cluster does not start") };
    let address = variable(folder.path(), "ANNALS_NATS");
    let address = address.trim_start_matches("nats://");
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut lines = BufReader::new(stream.try_clone().unwrap());
    let mut info = String::new();
    lines.read_line(&mut info).unwrap();
    assert!(info.contains("\"auth_required\":true"), "{info}");
    stream.write_all(b"CONNECT {\"verbose\":false}\r\nPING\r\n").unwrap();
    let mut answer = String::new();
    lines.read_line(&mut answer).unwrap();
    assert!(answer.contains("Authorization Violation"), "{answer}");

    for name in ["nats.login", "nats.conf", "postgres.password", "cluster.env"] {
        let mode = fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name}");
    }
}
