//! The house rules a compiler cannot check.

mod files;
mod pure;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    process::Command,
};

use files::{LEFT_BEHIND, files, is_tests_file, name_of, read, root, rust_files, shown, text_of};
use serde_json::Value;

/// Who may depend on whom, by folder; the crate of `events/log` is named `events-log`. Everything else
/// is a design change: edit this table on purpose.
const MAY_DEPEND_ON: [(&str, &[&str]); 9] = [
    ("events", &[]),
    ("events/log", &["events"]),
    ("command-service", &["events", "events/log"]),
    ("projection-service", &["events", "events/log"]),
    ("query-api", &["events", "events/log", "projection-service"]),
    ("deploy/console", &[]),
    ("deploy/import", &["events", "command-service", "deploy/console"]),
    (
        "deploy",
        &[
            "events",
            "events/log",
            "command-service",
            "projection-service",
            "query-api",
            "deploy/console",
            "deploy/import",
        ],
    ),
    (
        "tests",
        &[
            "events",
            "events/log",
            "command-service",
            "projection-service",
            "query-api",
            "deploy",
            "deploy/import",
        ],
    ),
];

/// What waits, or knows a database or a server: the language does not.
const BEYOND_LANGUAGE: [&str; 5] = ["tokio", "sqlx", "rusqlite", "async-nats", "futures-util"];

/// The top level shows these and nothing else, besides dotfiles.
const TOP_LEVEL: [&str; 10] = [
    "Cargo.toml",
    "Cargo.lock",
    "LICENSE",
    "README.md",
    "events",
    "command-service",
    "projection-service",
    "query-api",
    "deploy",
    "tests",
];

/// The areas of the domain, and what processes in them make of events.
const AREAS: [&str; 4] = ["access", "customers", "sales", "processes"];

const MAX_FILE_LINES: usize = 400;
const MAX_README_LINES: usize = 250;

#[test]
fn dependencies_point_one_way() {
    let ours: BTreeMap<_, _> =
        MAY_DEPEND_ON.iter().map(|(folder, _)| (package(folder), *folder)).collect();
    let mut unused = BTreeSet::new();
    for (folder, allowed) in MAY_DEPEND_ON {
        unused.extend(allowed.iter().map(|other| (folder, *other)));
        for other in dependencies_of(&manifest(&format!("{folder}/Cargo.toml"))) {
            let Some(other) = ours.get(&other) else { continue };
            assert!(allowed.contains(other), "{folder} must not depend on {other}");
            unused.remove(&(folder, *other));
        }
    }
    assert!(unused.is_empty(), "nobody needs these permissions: {unused:?}");
}

#[test]
fn the_language_knows_no_runtime_and_no_database() {
    let used = dependencies_of(&manifest("events/Cargo.toml"));
    for beyond in BEYOND_LANGUAGE {
        assert!(!used.iter().any(|name| name == beyond), "events depends on {beyond}");
        let is_known = dependencies_of(&manifest("events/log/Cargo.toml"));
        assert!(is_known.iter().any(|name| name == beyond), "{beyond} is nobody's: mend this list");
    }
}

#[test]
fn every_crate_is_in_the_table_and_inherits_the_lints_and_versions() {
    let workspace = manifest("Cargo.toml");
    let members = workspace["workspace"]["members"].as_array().expect("a list of members");
    assert_eq!(members.len(), MAY_DEPEND_ON.len(), "a member is missing in the table");
    for (name, _) in MAY_DEPEND_ON {
        let manifest = manifest(&format!("{name}/Cargo.toml"));
        let inherits = manifest.get("lints").and_then(|lints| lints.get("workspace"));
        assert_eq!(
            inherits.and_then(toml::Value::as_bool),
            Some(true),
            "{name} does not inherit the lints"
        );
        let expected = package(name);
        let found = manifest["package"]["name"].as_str();
        assert_eq!(found, Some(expected.as_str()), "a package is named as its folder is");
        for table in dependency_tables(&manifest) {
            for (other, spec) in table {
                let inherits = spec.get("workspace").and_then(toml::Value::as_bool);
                assert_eq!(inherits, Some(true), "{name} has its own version of {other}");
            }
        }
    }
}

#[test]
fn every_outside_dependency_says_why() {
    let text = read("Cargo.toml");
    let lines = text
        .lines()
        .skip_while(|line| line.trim() != "[workspace.dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with('['));
    let mut seen = 0;
    for line in lines {
        if line.trim().is_empty() || line.starts_with('#') || line.contains("path = ") {
            continue;
        }
        seen += 1;
        let reason = line.rsplit_once(" # ").map_or("", |(_, reason)| reason.trim());
        assert!(!reason.is_empty(), "say in a comment why the product needs: {line}");
    }
    assert!(seen > 0, "the list of dependencies was not found");
}

#[test]
fn no_file_outgrows_a_sitting() {
    let mut long = Vec::new();
    for path in rust_files(&root()).into_iter().filter(|path| !is_tests_file(path)) {
        let lines = text_of(&path).lines().count();
        if lines > MAX_FILE_LINES {
            long.push(format!("{} has {lines} lines", shown(&path)));
        }
    }
    assert!(long.is_empty(), "at most {MAX_FILE_LINES}: {long:#?}");
    let readme = root().join("README.md");
    if readme.exists() {
        let lines = text_of(&readme).lines().count();
        assert!(lines <= MAX_README_LINES, "README.md has {lines} lines");
    }
}

#[test]
fn every_file_opens_by_saying_what_it_is() {
    let mut silent = rust_files(&root());
    silent.retain(|path| !text_of(path).starts_with("//! "));
    let silent: Vec<_> = silent.iter().map(|path| shown(path)).collect();
    assert!(silent.is_empty(), "these need a `//!` sentence: {silent:#?}");
}

#[test]
fn every_wire_name_has_a_golden_example_of_every_version_and_no_example_is_orphaned() {
    let golden = root().join("events/golden");
    if !golden.is_dir() {
        return;
    }
    let mut names = BTreeMap::new();
    for path in rust_files(&root().join("events/src")) {
        if !is_tests_file(&path) {
            names.extend(wire_names(&text_of(&path)));
        }
    }
    assert!(!names.is_empty(), "no wire name was found in events/src");
    for (name, versions) in &names {
        for version in 1..=*versions {
            let file = golden.join(format!("{name}.v{version}.json"));
            assert!(file.exists(), "add an example of `{name}`: {}", file.display());
        }
    }
    for path in files(&golden) {
        let file = name_of(&path);
        // Other files of the wire format (the leaf hash, for instance) carry no version suffix.
        let Some((name, version)) =
            file.strip_suffix(".json").and_then(|stem| stem.rsplit_once(".v"))
        else {
            continue;
        };
        let known = names.get(name).is_some_and(|versions| {
            version.parse::<u32>().is_ok_and(|version| (1..=*versions).contains(&version))
        });
        assert!(known || !name.contains('.'), "`{file}` is the example of no event");
    }
}

/// What a metric means stands beside its name in `/metrics`.
#[test]
fn every_metric_is_described() {
    let table = read("deploy/src/serve/metrics.rs");
    let mut found = 0;
    for (name, _) in MAY_DEPEND_ON.iter().filter(|(name, _)| *name != "tests") {
        for path in rust_files(&root().join(name).join("src")) {
            let text = text_of(&path);
            for call in ["metrics::counter!(", "metrics::gauge!(", "metrics::histogram!("] {
                for rest in text.split(call).skip(1) {
                    let metric = rest.trim_start().split('"').nth(1).unwrap_or_default();
                    found += 1;
                    let is_described = table.contains(&format!("(\"{metric}\""))
                        || table.contains(&format!("(\n        \"{metric}\""));
                    assert!(is_described, "{}: describe `{metric}`", shown(&path));
                }
            }
        }
    }
    assert!(found > 10, "the metrics were not found");
}

#[test]
fn nothing_names_the_machine_it_was_written_on() {
    // Each is put together here, so that this file does not contain what it forbids.
    let forbidden = [
        concat!("/wo", "rk/"),
        concat!("/ho", "me/"),
        concat!("/ro", "ot/"),
        concat!("/Us", "ers/"),
        concat!("index.cra", "tes.io"),
        concat!("static.cra", "tes.io"),
        concat!("registry.np", "mjs"),
        concat!("proxy.gol", "ang"),
        concat!("pypi.", "org"),
        concat!("CARGO_REG", "ISTRIES"),
    ];
    for path in files(&root()) {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        // Another tool writes the lock file.
        if path.ends_with("Cargo.lock") {
            continue;
        }
        for word in forbidden {
            assert!(!text.contains(word), "{} contains `{word}`", shown(&path));
        }
    }
}

#[test]
fn every_test_runs_and_says_what_it_expects() {
    let forbidden = [concat!("#[ign", "ore"), concat!("#[should_", "panic")];
    for path in rust_files(&root()) {
        let text = text_of(&path);
        for attribute in forbidden {
            assert!(!text.contains(attribute), "{} contains `{attribute}`", shown(&path));
        }
    }
}

#[test]
fn the_top_level_shows_the_six_crates_and_nothing_else() {
    for entry in fs::read_dir(root()).expect("a readable folder") {
        let name = name_of(&entry.expect("a readable entry").path());
        let allowed = name.starts_with('.')
            || TOP_LEVEL.contains(&name.as_str())
            || LEFT_BEHIND.contains(&name.as_str());
        assert!(allowed, "`{name}` does not belong at the top level");
    }
}

/// The first command of the README names no binary.
#[test]
fn cargo_run_starts_the_product() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let run: Vec<_> = packages.iter().filter_map(|it| it["default_run"].as_str()).collect();
    assert_eq!(run, ["annals"]);
}

#[test]
fn only_the_configuration_reads_the_environment() {
    let forbidden = [concat!("env::", "var"), concat!("env::", "set_var")];
    for (name, _) in MAY_DEPEND_ON.iter().filter(|(name, _)| *name != "tests") {
        for path in rust_files(&root().join(name).join("src")) {
            // Compiled for tests only, which are configured by the environment alone.
            if path.starts_with(root().join("events/log/src/testing")) {
                continue;
            }
            let text = text_of(&path);
            let reads = forbidden.iter().any(|call| text.contains(call));
            assert!(
                !reads || path.ends_with("deploy/src/config/mod.rs"),
                "{} reads the environment",
                shown(&path)
            );
        }
    }
}

/// A kind of event or record that is new is seen wherever kinds are told apart, or does not compile.
#[test]
fn no_area_takes_whatever_kinds_there_are() {
    let lint = "#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]";
    let mut areas = 0;
    for name in ["events", "command-service", "projection-service", "query-api"] {
        for area in AREAS {
            let path = root().join(name).join("src").join(area).join("mod.rs");
            if path.is_file() {
                areas += 1;
                assert!(text_of(&path).contains(lint), "{}: add {lint}", shown(&path));
            }
        }
    }
    assert!(areas >= AREAS.len(), "{areas} areas were found");
}

/// The name of the crate in a folder.
fn package(folder: &str) -> String {
    folder.replace('/', "-")
}

/// The wire names in a file of `category_events!` blocks (`= "x.y" v 2`), each with its version.
fn wire_names(text: &str) -> Vec<(String, u32)> {
    text.split("= \"")
        .skip(1)
        .filter_map(|rest| {
            let (name, rest) = rest.split_once('"')?;
            let rest = rest.trim_start().strip_prefix("v ")?.trim_start();
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            Some((name.to_owned(), rest[..end].parse().ok()?))
        })
        .collect()
}

fn dependency_tables(manifest: &toml::Table) -> Vec<&toml::Table> {
    ["dependencies", "dev-dependencies", "build-dependencies"]
        .into_iter()
        .filter_map(|name| manifest.get(name)?.as_table())
        .collect()
}

fn dependencies_of(manifest: &toml::Table) -> Vec<String> {
    dependency_tables(manifest).into_iter().flat_map(|table| table.keys().cloned()).collect()
}

fn manifest(path: &str) -> toml::Table {
    read(path).parse().unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn the_sample_environment_names_every_variable_and_no_other() {
    let config = ["mod", "operation"].map(|name| read(&format!("deploy/src/config/{name}.rs")));
    let config = config.concat();
    let named = |text: &str, before: &str| -> BTreeSet<String> {
        text.split(before)
            .skip(1)
            .filter_map(|rest| rest.split(|c: char| !c.is_ascii_uppercase() && c != '_').next())
            .map(|name| name.to_owned())
            .collect()
    };
    let read_by_it = named(&config, "env = \"");
    let sample = format!("\n{}", read(".env.sample"));
    let in_sample: BTreeSet<String> =
        named(&sample, "\n").into_iter().filter(|name| name.starts_with("ANNALS_")).collect();
    assert!(!read_by_it.is_empty());
    assert_eq!(read_by_it, in_sample);
}
