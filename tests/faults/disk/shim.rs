//! A data folder on a disk that can lose power and fail: `shim.c`, preloaded by the product.

use std::{
    fmt::Write as _,
    fs,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use events_log::bus::nemesis::Dice;
use tempfile::TempDir;
use tests::{Launch, Process};

/// A power cut tears what is being written at these borders.
const SECTOR: usize = 512;
/// The length that marks a record as a new size of the file.
const TRUNCATE: u32 = u32::MAX;
/// The errno that ends the process in place of an error.
pub(crate) const KILL: i32 = 999;
/// "Input/output error".
pub(crate) const EIO: i32 = 5;

/// What goes wrong, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rule {
    /// What is to fail: `s` a sync, `w` a write, `t` a new size, `c` a new name; any of them.
    pub(crate) kinds: &'static str,
    /// What the path ends with; `*` for every path.
    pub(crate) path: &'static str,
    /// The first that fails, from 1 on.
    pub(crate) first: u64,
    /// How many fail; all from there on without it.
    pub(crate) count: Option<u64>,
    /// With what.
    pub(crate) errno: i32,
}

/// A data folder, and what its disk holds of it.
pub(crate) struct Disk {
    folder: TempDir,
}

impl Disk {
    /// An empty one.
    pub(crate) fn new() -> Self {
        let disk = Self { folder: tempfile::tempdir().unwrap() };
        private_folder(&disk.data());
        disk.begin();
        disk
    }

    /// One that holds a copy of what another holds.
    pub(crate) fn copy_of(other: &Self) -> Self {
        let disk = Self { folder: tempfile::tempdir().unwrap() };
        copy(&other.data(), &disk.data());
        disk.begin();
        disk
    }

    /// The data folder.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// Everything in the folder is on the disk.
    fn begin(&self) {
        fs::remove_dir_all(self.state()).ok();
        private_folder(&self.state().join("pending"));
        copy(&self.data(), &self.state().join("disk"));
    }

    /// How the product is started on it.
    pub(crate) fn launch(&self) -> Launch {
        self.under(Launch::on(&self.data()))
    }

    /// The same for a launch of another build.
    pub(crate) fn under(&self, launch: Launch) -> Launch {
        launch
            .env("LD_PRELOAD", library())
            .env("SHIM_WATCHED", self.data())
            .env("SHIM_STATE", self.state())
    }

    /// Starts the product on it.
    pub(crate) fn start(&self) -> Process {
        self.launch().start()
    }

    /// From now on these go wrong.
    pub(crate) fn fail(&self, rules: &[Rule]) {
        let mut text = String::new();
        for Rule { kinds, path, first, count, errno } in rules {
            let count = count.map_or(-1, |count| i64::try_from(count).unwrap());
            writeln!(text, "{kinds} {path} {first} {count} {errno}").unwrap();
        }
        fs::remove_file(self.state().join("counts")).ok();
        let new = self.state().join("faults.new");
        fs::write(&new, text).unwrap();
        fs::rename(new, self.state().join("faults")).unwrap();
    }

    /// How often the rule at that place has matched, whether it failed or not.
    pub(crate) fn matched(&self, rule: usize) -> u64 {
        let counts = fs::read(self.state().join("counts")).unwrap_or_default();
        counts
            .get(rule * 8..rule * 8 + 8)
            .map_or(0, |bytes| u64::from_ne_bytes(bytes.try_into().unwrap()))
    }

    /// Takes the power away: the folder holds what the disk held, and of what was on its way as much
    /// as the dice say, torn anywhere. The process has to be gone.
    pub(crate) fn cut_power(&self, dice: &mut Dice) {
        let (state, image) = (self.state(), self.state().join("disk"));
        fs::remove_file(state.join("faults")).ok();
        let names = fs::read_to_string(state.join("names")).unwrap_or_default();
        let names: Vec<&str> = names.lines().collect();
        let done = usize::try_from(dice.roll(names.len() as u64 + 1)).unwrap();
        for line in &names[..done] {
            apply_name(&image, line);
        }
        // A file whose name is not on the disk yet has no bytes there either.
        let unborn: String = names[done..].join("\n");
        for entry in fs::read_dir(state.join("pending")).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().replace('%', "/");
            if !unborn.contains(&name) {
                tear(&fs::read(&path).unwrap(), &image.join(name), dice);
            }
        }
        fs::remove_dir_all(self.data()).unwrap();
        fs::rename(image, self.data()).unwrap();
        self.begin();
    }
}

/// Writes some of the sectors of some of the records.
fn tear(records: &[u8], to: &Path, dice: &mut Dice) {
    let Ok(mut bytes) = fs::read(to) else { return };
    let most = dice.roll(101);
    let mut rest = records;
    while let Some((head, tail)) = rest.split_at_checked(12) {
        let at = usize::try_from(u64::from_ne_bytes(head[..8].try_into().unwrap())).unwrap();
        let length = u32::from_ne_bytes(head[8..].try_into().unwrap());
        if length == TRUNCATE {
            rest = tail;
            if dice.happens(most) {
                bytes.resize(at, 0);
            }
            continue;
        }
        let Some((written, tail)) = tail.split_at_checked(length as usize) else { break };
        rest = tail;
        for (index, sector) in written.chunks(SECTOR).enumerate() {
            if dice.happens(most) {
                let at = at + index * SECTOR;
                bytes.resize(bytes.len().max(at + sector.len()), 0);
                bytes[at..at + sector.len()].copy_from_slice(sector);
            }
        }
    }
    fs::write(to, bytes).unwrap();
}

fn apply_name(image: &Path, line: &str) {
    let (kind, rest) = line.split_at(2);
    // What is not there any more can be neither removed, renamed nor linked.
    match kind {
        "C " => drop(fs::File::create(image.join(rest))),
        "U " => drop(fs::remove_file(image.join(rest))),
        "D " => drop(fs::create_dir(image.join(rest))),
        "R " => {
            let (from, to) = rest.split_once('\t').unwrap();
            drop(fs::rename(image.join(from), image.join(to)));
        }
        "L " => {
            let (from, to) = rest.split_once('\t').unwrap();
            drop(fs::hard_link(image.join(from), image.join(to)));
        }
        _ => panic!("a change of a name that nobody knows: {line}"),
    }
}

/// The library, built once.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = LIBRARY.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("shim.so");
        let source = tests::project_root().join("tests/faults/disk/shim.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o"]);
        let built = compiler.arg(&library).arg(source).status().expect("a C compiler");
        assert!(built.success(), "the shim does not build");
        (folder, library)
    });
    path
}

fn private_folder(path: &Path) {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).unwrap();
}

fn copy(from: &Path, to: &Path) {
    private_folder(to);
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else if !entry.file_name().to_str().unwrap().ends_with("-shm") {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
