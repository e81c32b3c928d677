//! `annals import` of a real sales pipeline into a running service, figure by figure.

use std::{
    path::Path,
    process::{Command, Output},
};

use tests::{Process, annals, binary, project_root, reference_data, without_settings};

use crate::{
    figures::{all_agree, head},
    refusals::{FOLDER, USAGE},
};

/// The mapping of the sales lists.
pub(crate) fn mapping() -> String {
    project_root()
        .join("deploy/mappings/maven_crm_sales/maven_crm_sales.toml")
        .display()
        .to_string()
}

/// Imports the lists of `folder` into the installation at `data`.
pub(crate) fn import(data: &Path, folder: &Path, further: &[&str]) -> Output {
    let (data, folder) = (data.display().to_string(), folder.display().to_string());
    let mapping = mapping();
    let mut arguments = vec!["--data-folder", &data, "import", &mapping, "--folder", &folder];
    arguments.extend_from_slice(further);
    annals(&arguments)
}

/// What a command that has to succeed printed.
#[track_caller]
pub(crate) fn done(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{}: {said}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_gives_every_figure_and_a_second_one_changes_nothing() {
    let name = "an_import_gives_every_figure_and_a_second_one_changes_nothing";
    let Some(lists) = reference_data(name, "maven_crm_sales") else { return };
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let process = Process::start(&data);
    let http = process.http();

    let said = done(&import(&data, &lists, &[]));
    for line in [
        "create_opportunity from sales_pipeline.csv: 8800 rows, 8800 accepted",
        "account: blank in 1425 rows, left out",
        "product: `GTXPro` became `GTX Pro` in 1480 rows",
        "sector: `technolgy` became `technology` in 12 rows",
        "office_location: `Philipines` became `Philippines` in 1 rows",
        "complete: 15737 accepted, 0 already there, 0 changed since, 0 refused",
    ] {
        assert!(said.contains(line), "it does not say `{line}`:\n{said}");
    }
    // It has waited until every question shows it, and says where that is.
    let before = head(&http).await;
    assert!(said.contains(&format!("every question shows it: position {before}\n")), "{said}");
    let shown = http.get("/opportunities?limit=1&fresh=false").await;
    assert_eq!(shown.header("annals-position"), Some(before.as_str()));
    all_agree(&http, &lists).await;

    let again = done(&import(&data, &lists, &[]));
    assert!(
        again.contains("complete: 0 accepted, 15737 already there, 0 changed since, 0 refused"),
        "{again}"
    );
    assert_eq!(head(&http).await, before, "a second import wrote something");

    let replayed = done(&annals(&["--data-folder", &data.display().to_string(), "replay"]));
    assert!(replayed.contains("equal"), "{replayed}");
    all_agree(&http, &lists).await;
}

/// Calls the product; whoever waits for a pipe for ever is ended, which is code 124.
fn bounded(arguments: &[&std::ffi::OsStr]) -> Output {
    let mut command = without_settings(Command::new("timeout"));
    command.arg("60").arg(binary()).args(arguments).output().unwrap()
}

#[test]
fn a_pipe_or_a_device_is_refused_wherever_a_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (data, pipe) = (folder.path().join("data"), folder.path().join("pipe"));
    // Nobody ever writes to it.
    let made = Command::new("mkfifo").args(["-m", "600"]).arg(&pipe).status().unwrap();
    assert!(made.success());
    let mapping = mapping();
    for odd in [pipe.as_path(), Path::new("/dev/zero"), folder.path()] {
        let mut list = std::ffi::OsString::from("sales_teams.csv=");
        list.push(odd);
        let list = ["import".as_ref(), mapping.as_ref(), "--file".as_ref(), list.as_os_str()];
        let map = ["import".as_ref(), odd.as_os_str()];
        let token = [
            "verify".as_ref(),
            "--token-file".as_ref(),
            odd.as_os_str(),
            "--url".as_ref(),
            "http://127.0.0.1:1".as_ref(),
        ];
        let settings = ["--config".as_ref(), odd.as_os_str()];
        for call in [&list[..], &map, &token, &settings] {
            let of = ["--data-folder".as_ref(), data.as_os_str()];
            let output = bounded(&[&of[..], call].concat());
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            let code = output.status.code().unwrap();
            assert!([USAGE, FOLDER].contains(&code), "{call:?}: {code}: {told}");
            assert_eq!(told.lines().count(), 1, "{call:?}: {told}");
            // A device that everybody may read is refused for that where it is to hold a secret.
            assert!(told.contains("it is no regular file") || told.contains("chmod"), "{told}");
        }
        assert!(!data.exists(), "{odd:?}: something was made");
    }
}
