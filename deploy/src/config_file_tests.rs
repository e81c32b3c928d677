//! Settings come from flags, the environment and a file, in that order; secrets stay out of sight.

use std::{ffi::OsString, fs, os::unix::fs::PermissionsExt, path::Path};

use tempfile::TempDir;

use super::*;
use crate::config::Operation;

fn line(arguments: &[&str]) -> Vec<OsString> {
    ["annals"].iter().chain(arguments).map(OsString::from).collect()
}

fn file(folder: &TempDir, text: &str, mode: u32) -> String {
    let path = folder.path().join("annals.toml");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path.display().to_string()
}

fn refused(arguments: &[&str]) -> String {
    parse(line(arguments), []).unwrap_err().to_string()
}

#[test]
fn a_file_stands_in_for_flags_and_flags_come_first() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(
        &folder,
        "postgres = \"postgres://me:s3cret@127.0.0.1/crm\"\nlisten = \"127.0.0.1:9\"\n\
         nats-replicas = 3\nbehind_proxy = true\nlog-format = \"json\"\n",
        0o600,
    );
    let cli =
        parse(line(&["query-api", "--config", &path, "--listen", "127.0.0.1:8"]), []).unwrap();
    assert_eq!(cli.service.address(1).port(), 8);
    assert!(cli.service.behind_proxy);
    let Some(Operation::QueryApi(cluster)) = cli.command else { panic!("another command") };
    assert_eq!(cluster.postgres, "postgres://me:s3cret@127.0.0.1/crm");
    assert_eq!(cluster.nats_replicas, 3);
    let cli = parse(line(&["--config", &path]), []).unwrap();
    assert_eq!(cli.service.address(1).port(), 9);
}

#[test]
fn a_file_that_makes_no_sense_is_refused_without_repeating_it() {
    let folder = tempfile::tempdir().unwrap();
    for (text, mode, why) in [
        ("colour = 1", 0o600, "`colour` is no setting"),
        ("config = \"x\"", 0o600, "`config` is no setting"),
        ("folder = \"zz\"", 0o600, "`folder` is no setting (did you mean `data_folder`?)"),
        ("from = \"zz\"", 0o600, "`from` is no setting"),
        ("zone = \"UTC\"\nzone = \"UTC\"", 0o600, "a key stands twice: again in line 2"),
        ("postgres = [1]", 0o600, "`postgres` is no text"),
        ("\npostgres = s3cret", 0o600, "line 2 is no TOML"),
        ("listen = \"127.0.0.1:9\"", 0o644, "chmod 600"),
        ("listen = \"127.0.0.1:9\"", 0o640, "chmod 600"),
    ] {
        let error = refused(&["query-api", "--config", &file(&folder, text, mode)]);
        assert!(error.contains(why), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
    let missing = refused(&["--config", &folder.path().join("none").display().to_string()]);
    assert!(missing.contains("none"), "{missing}");
}

#[test]
fn a_password_on_the_command_line_is_refused() {
    for address in ["postgres://me:s3cret@h/crm", "postgres://me@h/crm?password=s3cret"] {
        let error = refused(&["command-service", "--postgres", address]);
        assert!(error.contains("--postgres holds a password"), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
    let plain = ["command-service", "--postgres", "postgres://me@127.0.0.1:5432/crm"];
    assert!(parse(line(&plain), []).is_ok());
}

#[test]
fn a_password_file_is_for_its_owner() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, "s3cret\n", 0o600);
    assert_eq!(password(Path::new(&path)).unwrap(), "s3cret");
    let path = file(&folder, "s3cret\n", 0o644);
    let error = password(Path::new(&path)).unwrap_err().to_string();
    assert!(error.contains("its mode must be") && !error.contains("s3cret"), "{error}");
    let path = file(&folder, "\n", 0o600);
    assert!(password(Path::new(&path)).unwrap_err().to_string().contains("no password"));
}
