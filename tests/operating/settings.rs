//! Settings that are none, calls that are wrong, lists of commands, and logs that go to a file.

use std::{fs, io::Write, os::unix::fs::PermissionsExt};

use tests::{Process, product};

use crate::refusals::{USAGE, one_line};

#[test]
fn a_misspelt_setting_is_refused_before_anything_is_made() {
    let folder = tempfile::tempdir().unwrap();
    for (variable, near) in
        [("ANNALS_FOLDER", "ANNALS_DATA_FOLDER"), ("ANNALS_DATA", "ANNALS_DATA_FOLDER")]
    {
        let mut command = product();
        let output =
            command.current_dir(folder.path()).env(variable, "elsewhere").output().unwrap();
        let line = one_line(&output, USAGE);
        assert!(line.contains(variable) && line.contains(near), "{line}");
        assert!(!line.contains("elsewhere"), "{line}");
    }
    let file = folder.path().join("annals.toml");
    fs::File::create(&file).unwrap().write_all(b"folder = \"zz\"\n").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let mut command = product();
    let output = command.current_dir(folder.path()).arg("--config").arg(&file).output().unwrap();
    let line = one_line(&output, USAGE);
    assert!(line.contains("`folder` is no setting (did you mean `data_folder`?)"), "{line}");
    let left = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 1, "only the file of settings is there");
}

#[test]
fn the_folder_is_named_alike_by_flag_environment_and_file() {
    let folder = tempfile::tempdir().unwrap();
    let named = folder.path().join("named");
    let file = folder.path().join("annals.toml");
    let setting = format!("data_folder = {:?}\n", named.display().to_string());
    fs::write(&file, setting).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let mut ways = [product(), product(), product()];
    ways[0].arg("--data-folder").arg(&named);
    ways[1].env("ANNALS_DATA_FOLDER", &named);
    ways[2].arg("--config").arg(&file);
    for mut command in ways {
        let output = command.arg("verify").output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(told.contains(&named.display().to_string()), "{told}");
    }
}

#[test]
fn the_flag_of_the_folder_has_no_other_name() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let output = product().arg("--data").arg(&data).arg("verify").output().unwrap();
    let line = one_line(&output, USAGE);
    assert!(line.contains("--data-folder"), "{line}");
    assert!(!data.exists());
}

#[test]
fn a_wrong_call_is_told_in_one_line() {
    for arguments in
        [&["--colour", "red"][..], &["verifi"], &["token"], &["verify", "--zone", "UTC"]]
    {
        one_line(&product().args(arguments).output().unwrap(), USAGE);
    }
}

#[test]
fn every_command_is_listed_with_one_line() {
    let output = product().arg("commands").output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    for known in ["CreateAccount ", "AcceptQuote ", "RelateRecords ", "IssueToken "] {
        let line = text.lines().find(|line| line.starts_with(known)).unwrap();
        assert!(line.trim_end().ends_with('.') && line.len() > known.len() + 10, "{line}");
    }
    let (list, _) = text.split_once("\n\n").unwrap();
    for line in list.lines() {
        assert!(line.split_once("  ").is_some_and(|(_, said)| said.trim().len() > 10), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_that_go_to_a_file_hold_no_codes_of_colours() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let process = Process::start_logging(&folder.path().join("data"), &log);
    process.http().account("Contoso").await;
    assert!(process.terminate().success());
    let text = fs::read_to_string(&log).unwrap();
    assert!(text.lines().count() > 3, "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
}
