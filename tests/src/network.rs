//! Networks of a test's own, to be broken: processes in namespaces, joined by a bridge.

use std::{
    io::Write as _,
    net::Ipv4Addr,
    path::Path,
    process::{Command, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use events_log::testing::skipped;

/// How a way is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Whoever sends on it is told at once that nobody is there.
    Cut,
    /// Nothing arrives on it, either way, and nobody is told.
    HalfOpen,
}

/// A bridge on this machine, and places on it. Everything goes with this.
pub struct Network {
    name: String,
    subnet: [u8; 3],
    places: Vec<Place>,
}

/// A namespace of a network, with an address of its own.
#[derive(Clone, Debug)]
pub struct Place {
    name: &'static str,
    namespace: String,
    address: Ipv4Addr,
}

impl Network {
    /// Makes one. None, and the test counts as skipped, where that is not permitted.
    pub fn with_places(test: &str, places: &[&'static str]) -> Option<Self> {
        static NETWORKS: AtomicU32 = AtomicU32::new(0);
        // No two tests that run at once have the same process and number.
        let number = NETWORKS.fetch_add(1, Ordering::SeqCst) % 8;
        let process = std::process::id();
        let [_, _, high, low] = process.to_be_bytes();
        let [.., number_byte] = number.to_be_bytes();
        let subnet = [10, 64 + 16 * number_byte + high % 16, low];
        let name = format!("an{process:x}n{number}");
        let mut network = Self { name, subnet, places: Vec::new() };
        match network.make(places) {
            Ok(()) => Some(network),
            Err(why) => {
                skipped(test, &format!("no networks can be made here: {why}"));
                None
            }
        }
    }

    fn make(&mut self, places: &[&'static str]) -> Result<(), String> {
        let bridge = self.name.clone();
        ip(&format!("link add {bridge} type bridge"))?;
        ip(&format!("address add {}/24 dev {bridge}", self.host()))?;
        ip(&format!("link set {bridge} up"))?;
        for (number, name) in (2..).zip(places) {
            let namespace = format!("{bridge}p{number}");
            let address = self.address(number);
            ip(&format!("netns add {namespace}"))?;
            self.places.push(Place { name, namespace: namespace.clone(), address });
            ip(&format!("link add {namespace} type veth peer name way netns {namespace}"))?;
            ip(&format!("link set {namespace} master {bridge} up"))?;
            ip(&format!("-n {namespace} address add {address}/24 dev way"))?;
            ip(&format!("-n {namespace} link set way up"))?;
            ip(&format!("-n {namespace} link set lo up"))?;
            // Whether what breaks it later is permitted shows now.
            let place = self.places.last().ok_or("no place")?;
            place.rules(Fault::Cut, self.host(), 1)?;
            place.rules(Fault::HalfOpen, self.host(), 1)?;
            place.no_rules()?;
        }
        Ok(())
    }

    const fn address(&self, last: u8) -> Ipv4Addr {
        let [a, b, c] = self.subnet;
        Ipv4Addr::new(a, b, c, last)
    }

    /// The address of this machine there.
    pub const fn host(&self) -> Ipv4Addr {
        self.address(1)
    }

    /// All addresses there.
    pub fn subnet(&self) -> String {
        format!("{}/24", self.address(0))
    }

    /// A place.
    ///
    /// # Panics
    /// When none has that name.
    pub fn place(&self, name: &str) -> Place {
        let place = self.places.iter().find(|place| place.name == name);
        place.expect("a place of that name").clone()
    }

    /// Breaks the way from a place to a port of this machine, connections that are open included.
    ///
    /// # Panics
    /// When that is not permitted.
    pub fn break_way(&self, place: &str, port: u16, fault: Fault) {
        self.place(place).rules(fault, self.host(), port).expect("a way can be broken");
    }

    /// Mends all ways from a place.
    ///
    /// # Panics
    /// When that is not permitted.
    pub fn heal(&self, place: &str) {
        self.place(place).no_rules().expect("a way can be mended");
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // What was not made cannot be removed.
        for place in &self.places {
            // Its end of the way goes with the namespace once the last connection has ended.
            ip(&format!("link delete {}", place.namespace)).ok();
            ip(&format!("netns delete {}", place.namespace)).ok();
        }
        ip(&format!("link delete {}", self.name)).ok();
    }
}

impl Place {
    /// Its address.
    pub const fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// Runs a program there; the process is the program's own.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace]).arg(program);
        command
    }

    fn rules(&self, fault: Fault, host: Ipv4Addr, port: u16) -> Result<(), String> {
        let verdict = match fault {
            Fault::Cut => "reject with tcp reset",
            Fault::HalfOpen => "drop",
        };
        self.nft(&format!(
            "add table inet fault\ndelete table inet fault\ntable inet fault {{\n\
             chain out {{ type filter hook output priority 0;\n\
             ip daddr {host} tcp dport {port} {verdict}\n}}\n\
             chain in {{ type filter hook input priority 0;\n\
             ip saddr {host} tcp sport {port} {verdict}\n}}\n}}\n"
        ))
    }

    fn no_rules(&self) -> Result<(), String> {
        self.nft("add table inet fault\ndelete table inet fault\n")
    }

    fn nft(&self, script: &str) -> Result<(), String> {
        let mut command = self.command(Path::new("nft"));
        let child = command.args(["-f", "-"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = child.map_err(|error| format!("the program `ip`: {error}"))?;
        let mut stdin = child.stdin.take().ok_or("it has no input")?;
        let written = stdin.write_all(script.as_bytes());
        drop(stdin);
        let output = child.wait_with_output().map_err(|error| error.to_string())?;
        done(&output)?;
        written.map_err(|error| error.to_string())
    }
}

/// Runs `ip` with these words.
fn ip(words: &str) -> Result<(), String> {
    let output = Command::new("ip").args(words.split(' ')).stdin(Stdio::null()).output();
    done(&output.map_err(|error| format!("the program `ip`: {error}"))?)
}

fn done(output: &Output) -> Result<(), String> {
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(said.trim().to_owned()) }
}
