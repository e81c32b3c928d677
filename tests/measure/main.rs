//! What a capability costs in the code, counted: `cargo run -p tests --example measure`.
//!
//! The figures are for people who compare two states of the project. Nothing fails by them; what may not
//! get worse is a rule of `tests/tidy`.

#![expect(clippy::print_stdout, reason = "what it counts is its output")]

use std::{
    fs,
    path::{Path, PathBuf},
};

// What of the code is looked at.
mod code;
// Modules that need each other.
mod circles;

use code::{Source, sources};

/// The crates that ship.
const CRATES: [&str; 8] = [
    "events",
    "events/log",
    "command-service",
    "projection-service",
    "query-api",
    "deploy",
    "deploy/console",
    "deploy/import",
];
/// The areas of the domain, as folders of the crates.
const AREAS: [&str; 5] = ["access", "customers", "sales", "support", "marketing"];
/// A plain field of a record, as an example of all.
const FIELD: &str = "industry";
/// Records, and the words that name them in the code; a file of their own has their name.
const RECORDS: [(&str, [&str; 2]); 3] = [
    ("connection_role", ["ConnectionRole", "connection_role"]),
    ("quote", ["Quote", "quote"]),
    ("opportunity", ["Opportunity", "opportunity"]),
];

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let sources = sources(&root, &CRATES);
    let production: Vec<_> = sources.iter().filter(|source| !source.is_test).collect();
    line("production places in which a plain field is written", places(&production));
    for (record, words) in RECORDS {
        line(&format!("foreign files that name {record}"), foreign(&production, record, words));
    }
    for area in AREAS {
        per_command(&root, &sources, area);
    }
    let in_areas: Vec<_> =
        production.iter().filter(|source| source.is_below(&AREAS)).copied().collect();
    line("arms `_ =>` in the areas", arms(&in_areas));
    line("arms `_ =>` in all crates", arms(&production));
    line("as-of predicates typed by hand", predicates(&production));
    line("share of `use`, attributes and names in command-service's areas, in %", share(&in_areas));
    let circles: Vec<_> = CRATES.iter().flat_map(|name| circles::of(&sources, name)).collect();
    line("circles of modules inside crates", circles.len());
    for circle in circles {
        println!("    {}", circle.join(", "));
    }
    let mut sizes: Vec<_> = production.iter().map(|source| source.lines().count()).collect();
    sizes.sort_unstable();
    line("production files", sizes.len());
    line("median of their lines", sizes[sizes.len() / 2]);
    line("of ten files the longest has more lines than", sizes[sizes.len() * 9 / 10]);
}

fn line(what: &str, count: usize) {
    println!("{count:>6}  {what}");
}

/// In how many lines of production code the example of a field stands.
fn places(production: &[&Source]) -> usize {
    let lines = production.iter().flat_map(|source| source.code());
    lines.filter(|line| code::has_word(line, FIELD)).count()
}

/// How many files name a record that are not its own.
fn foreign(production: &[&Source], record: &str, words: [&str; 2]) -> usize {
    let names = |source: &&&Source| {
        let own = source
            .path
            .components()
            .any(|part| part.as_os_str().to_string_lossy().starts_with(record));
        !own && source.code().any(|line| words.iter().any(|word| line.contains(word)))
    };
    production.iter().filter(names).count()
}

/// How many lines an area of command-service has for each of its commands, without and with tests.
fn per_command(root: &Path, sources: &[Source], area: &str) {
    let folder = root.join("command-service/src").join(area);
    let of_area: Vec<_> =
        sources.iter().filter(|source| source.path.starts_with(&folder)).collect();
    let text: String = of_area
        .iter()
        .filter(|source| source.path == folder.join("mod.rs"))
        .map(|source| source.text.as_str())
        .collect();
    let commands = text.matches("Entry::").count();
    if commands == 0 {
        return;
    }
    let count = |is_test| {
        let of = of_area.iter().filter(|source| source.is_test == is_test);
        of.map(|source| source.lines().count()).sum::<usize>()
    };
    println!(
        "{:>6}  production lines for each of the {commands} commands of {area}, and {} of tests",
        count(false) / commands,
        count(true) / commands
    );
}

/// How many arms take whatever there is.
fn arms(sources: &[&Source]) -> usize {
    let is_arm = |line: &&str| {
        let line = line.trim_start();
        line.starts_with("_ =>") || line.starts_with("_ if ")
    };
    sources.iter().flat_map(|source| source.code()).filter(is_arm).count()
}

fn predicates(production: &[&Source]) -> usize {
    let lines = production.iter().flat_map(|source| source.code());
    lines.filter(|line| line.contains("from_position <=")).count()
}

/// What only repeats names, in per cent of the lines of code of an area of command-service.
fn share(in_areas: &[&Source]) -> usize {
    let (mut all, mut repeated) = (0, 0);
    for source in in_areas.iter().filter(|source| source.of == "command-service") {
        let mut is_use = false;
        for line in source.code().map(str::trim).filter(|line| !line.is_empty()) {
            is_use |= line.starts_with("use ") || line.starts_with("pub use ");
            let is_copy = line.ends_with(".clone(),") && line.contains(": ");
            all += 1;
            repeated += usize::from(is_use || is_copy || line.starts_with("#["));
            is_use &= !line.ends_with(';');
        }
    }
    100 * repeated / all.max(1)
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
    {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            found.extend(below(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}
