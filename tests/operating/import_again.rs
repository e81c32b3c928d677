//! Imports that were cut off, lists that were edited, refused rows that were corrected.

use std::{fs, path::Path, process::Stdio};

use tests::{Http, Process, product, reference_data, until};

use crate::{
    figures::{all, all_agree, head},
    import::{done, import, mapping},
};

/// Starts an import and waits until the log has grown to `events`.
async fn begun(data: &Path, lists: &Path, http: &Http, events: u64) -> std::process::Child {
    let child = product()
        .arg("--data-folder")
        .arg(data)
        .args(["import", &mapping(), "--folder"])
        .arg(lists)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until("the import is under way", async || head(http).await.parse::<u64>().unwrap() >= events)
        .await;
    child
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_is_killed_completes_when_it_is_run_again() {
    let name = "an_import_that_is_killed_completes_when_it_is_run_again";
    let Some(lists) = reference_data(name, "maven_crm_sales") else { return };
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let process = Process::start(&data);
    let mut importing = begun(&data, &lists, &process.http(), 2_000).await;
    importing.kill().unwrap();
    importing.wait().unwrap();
    assert!(head(&process.http()).await.parse::<u64>().unwrap() < 15_740, "it was done already");

    // The second time the service dies under it.
    let mut importing = begun(&data, &lists, &process.http(), 11_000).await;
    process.kill();
    let ended = importing.wait().unwrap();
    assert_eq!(ended.code(), Some(1), "an import whose service died did not say so");

    let process = Process::start(&data);
    let said = done(&import(&data, &lists, &[]));
    assert!(said.contains(" 0 changed since, 0 refused"), "{said}");
    assert!(!said.contains("complete: 15737 accepted"), "nothing was there: {said}");
    all_agree(&process.http(), &lists).await;
}

fn copy_of(lists: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for name in ["accounts.csv", "sales_pipeline.csv", "sales_teams.csv"] {
        fs::copy(lists.join(name), to.join(name)).unwrap();
    }
}

fn edit(path: &Path, change: impl FnOnce(String) -> String) {
    let text = fs::read_to_string(path).unwrap();
    fs::write(path, change(text)).unwrap();
}

/// The first rows of the pipeline: enough to see, quick to import.
fn shortened(to: &Path) {
    edit(&to.join("sales_pipeline.csv"), |text| {
        text.lines().take(301).map(|line| format!("{line}\n")).collect()
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_list_changes_only_what_is_new() {
    let name = "an_edited_list_changes_only_what_is_new";
    let Some(reference) = reference_data(name, "maven_crm_sales") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (data, lists) = (folder.path().join("data"), folder.path().join("lists"));
    copy_of(&reference, &lists);
    shortened(&lists);
    let process = Process::start(&data);
    let http = process.http();
    done(&import(&data, &lists, &[]));
    let before: u64 = head(&http).await.parse().unwrap();

    edit(&lists.join("sales_pipeline.csv"), |text| {
        // The first row was 1,054 dollars; one row is new.
        let text = text.replacen("2017-03-01,1054", "2017-03-01,1055", 1);
        text + "NEW00001,Moses Frase,GTX Basic,Cancity,Engaging,2017-12-01,,\n"
    });
    let output = import(&data, &lists, &[]);

    assert_eq!(output.status.code(), Some(5));
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(told.matches("import.row_changed").count(), 1, "{told}");
    assert!(told.contains("sales_pipeline.csv:2"), "{told}");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("301 rows, 1 accepted, 300 already there, 0 changed"), "{said}");
    let after = http.settled().await;
    assert_eq!(after.parse::<u64>().unwrap(), before + 1, "{said}");
    let won = all(&http, "/opportunities?state=Won", &after).await;
    assert!(won.iter().all(|one| one["actual_value"]["amount"] != "1055.00"));
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_rows_are_corrected_in_their_own_file_and_imported() {
    let name = "refused_rows_are_corrected_in_their_own_file_and_imported";
    let Some(reference) = reference_data(name, "maven_crm_sales") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (data, lists) = (folder.path().join("data"), folder.path().join("lists"));
    copy_of(&reference, &lists);
    shortened(&lists);
    edit(&lists.join("sales_pipeline.csv"), |text| {
        text.replacen("2017-03-01,1054", "2017-03-01,1054 dollars", 1)
    });
    let rejects = folder.path().join("rejects");
    let process = Process::start(&data);
    let http = process.http();

    let output = import(&data, &lists, &["--rejects", rejects.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(5));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("sales_pipeline.csv:2"), "{told}");
    let refused = rejects.join("sales_pipeline.csv");
    assert_eq!(fs::read_to_string(&refused).unwrap().lines().count(), 2);
    let before: u64 = head(&http).await.parse().unwrap();

    edit(&refused, |text| text.replacen("1054 dollars", "1054", 1));
    for name in ["accounts.csv", "sales_teams.csv"] {
        fs::copy(lists.join(name), rejects.join(name)).unwrap();
    }
    let said = done(&import(&data, &rejects, &[]));
    assert!(said.contains("win_opportunity from sales_pipeline.csv: 1 rows, 1 accepted"), "{said}");
    let after = http.settled().await;
    assert_eq!(after.parse::<u64>().unwrap(), before + 1);
    let won = all(&http, "/opportunities?state=Won", &after).await;
    assert!(won.iter().any(|one| one["actual_value"]["amount"] == "1054.00"));
}

/// The names of all users, in order.
async fn users(http: &Http) -> Vec<String> {
    let position = http.settled().await;
    let users = all(http, "/users", &position).await;
    let mut names: Vec<_> =
        users.iter().map(|user| user["name"].as_str().unwrap().to_owned()).collect();
    names.sort_unstable();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn corrected_rows_make_nobody_a_second_time() {
    let name = "corrected_rows_make_nobody_a_second_time";
    let Some(reference) = reference_data(name, "maven_crm_sales") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (data, lists) = (folder.path().join("data"), folder.path().join("lists"));
    copy_of(&reference, &lists);
    shortened(&lists);
    // Three agents have no name; their managers stand in other rows, too.
    edit(&lists.join("sales_teams.csv"), |text| {
        ["Cecily Lampkin", "Reed Clapper", "Kami Bicknell"]
            .into_iter()
            .fold(text, |text, agent| text.replacen(agent, "", 1))
    });
    let rejects = folder.path().join("rejects");
    let process = Process::start(&data);
    let http = process.http();
    let output = import(&data, &lists, &["--rejects", rejects.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(5));
    let before = users(&http).await;

    // As it is proposed: the refused rows are corrected where they are, and imported.
    let refused = rejects.join("sales_teams.csv");
    let correct = |text: String| {
        let mut agents = ["Cecily Lampkin", "Reed Clapper", "Kami Bicknell"].into_iter();
        let line = |line: &str| match line.strip_prefix(',') {
            Some(rest) => format!("{},{rest}\n", agents.next().unwrap()),
            None => format!("{line}\n"),
        };
        text.lines().map(line).collect()
    };
    edit(&refused, correct);
    fs::copy(lists.join("accounts.csv"), rejects.join("accounts.csv")).unwrap();
    let said = done(&import(&data, &rejects, &[]));
    assert!(said.contains("add_agent from sales_teams.csv: 3 rows, 3 accepted"), "{said}");
    let mut expected = before;
    expected.extend(["Cecily Lampkin", "Reed Clapper", "Kami Bicknell"].map(str::to_owned));
    expected.sort_unstable();
    assert_eq!(users(&http).await, expected);
}
