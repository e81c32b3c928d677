//! `annals token`: a token opens what its scopes say, until it is revoked.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use serde_json::json;
use tests::{Annals, Http, Process, annals, product, until};

use crate::{
    import::done,
    refusals::{FOLDER, USAGE, contents, installation, refused},
};

/// Issues a token with these scopes, and gives a client that holds it, and the token's id.
fn issued(process: &Process, data: &Path, scopes: &str) -> (Http, String) {
    let file = data.with_file_name(format!("token for {scopes}"));
    let (data, out) = (data.to_str().unwrap(), file.to_str().unwrap());
    let arguments = ["--data-folder", data, "token", "issue", "--scopes", scopes, "--out", out];
    let said = done(&annals(&arguments));
    let token = fs::read_to_string(&file).unwrap();
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let (id, secret) = token.trim().strip_prefix("annals_").unwrap().split_once('_').unwrap();
    assert!(!said.contains(secret), "the secret was told");
    refused(&arguments, USAGE);
    (Http::new(process.url(), token.trim()), id.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_opens_what_its_scopes_say_until_it_is_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let process = Process::start(&data);
    let account = json!({ "name": "Contoso" });
    let (reader, id) = issued(&process, &data, "read");
    reader.get("/accounts").await.ok();
    let refusal = reader.command("CreateAccount", account.clone()).await;
    assert_eq!(refusal.status.as_u16(), 403, "{}", refusal.text());
    assert_eq!(reader.get("/events").await.status.as_u16(), 403);
    let verify = reader.post("/admin/verify", &[], &json!({})).await;
    assert_eq!(verify.status.as_u16(), 403);

    let (writer, _) = issued(&process, &data, "write");
    writer.accept("CreateAccount", account.clone()).await;
    assert_eq!(writer.get("/accounts").await.status.as_u16(), 403);
    let (auditor, _) = issued(&process, &data, "read,audit");
    assert!(auditor.get("/events").await.status.is_success());
    let issue = auditor.command("RevokeToken", json!({ "token_id": id })).await;
    assert_eq!(issue.status.as_u16(), 403);

    done(&annals(&["--data-folder", data.to_str().unwrap(), "token", "revoke", &id]));
    assert_eq!(reader.command("CreateAccount", account).await.status.as_u16(), 401);
    until("questions know it too", async || reader.get("/accounts").await.status == 401).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_cannot_be_issued_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let process = Process::start(&data);
    process.http().settled().await;
    let out = folder.path().join("token");
    let issue = |scopes: &str, user: &str| {
        let (data, out) = (data.to_str().unwrap(), out.to_str().unwrap());
        let user = format!("--user={user}");
        annals(&["--data-folder", data, "token", "issue", "--scopes", scopes, &user, "--out", out])
    };
    let nobody = "00000000-0000-7000-8000-000000000001";
    assert_eq!(issue("everything", nobody).status.code(), Some(USAGE));
    assert_eq!(issue("read", "nobody").status.code(), Some(USAGE));
    let log = |name: &str| contents(&data).remove(name);
    let before = log("token");
    let unknown = issue("read", nobody);
    assert_eq!(unknown.status.code(), Some(1), "{}", String::from_utf8_lossy(&unknown.stderr));
    assert!(!out.exists());
    assert_eq!(log("token"), before);
    let revoked = annals(&["--data-folder", data.to_str().unwrap(), "token", "revoke", nobody]);
    assert_eq!(revoked.status.code(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_listed_and_accepted_from_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let process = Process::start(&data);
    let user = process.http().accept("AddUser", json!({ "name": "Ana" })).await.id.to_string();
    let data = data.to_str().unwrap();
    let issue = |name: &str| {
        let out = folder.path().join(name);
        let arguments =
            ["--data-folder", data, "token", "issue", "--user", &user, "--label", name, "--out"];
        let said = done(&annals(&[&arguments[..], &[out.to_str().unwrap()]].concat()));
        let text = fs::read_to_string(&out).unwrap();
        (said, Http::new(process.url(), text.trim()), text.split('_').nth(1).unwrap().to_owned())
    };
    let (said, first, _) = issue("first");
    assert!(!said.contains("accept"), "{said}");
    first.get("/accounts").await.ok();
    let (said, second, id) = issue("second");
    assert!(said.contains(&format!("annals token accept {id}")), "{said}");
    assert_eq!(second.get("/me").await.status.as_u16(), 401);
    let file = folder.path().join("first");
    let arguments =
        ["--data-folder", data, "token", "accept", &id, "--token-file", file.to_str().unwrap()];
    done(&annals(&arguments));
    second.get("/me").await.ok();
    process.http().settled().await;

    let listed = done(&annals(&["--data-folder", data, "token", "list"]));
    assert_eq!(listed.lines().count(), 4, "{listed}");
    for label in ["first", "second"] {
        let row = listed.lines().find(|line| line.contains(label)).unwrap();
        assert!(row.contains("Active") && row.contains(&user), "{row}");
    }
    assert!(listed.contains("system"), "{listed}");
    let arguments =
        ["--data-folder", data, "token", "list", "--token-file", file.to_str().unwrap()];
    let own = done(&annals(&arguments));
    assert_eq!(own.lines().count(), 3, "{own}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_of_a_stopped_folder_recovers_a_token_and_the_log_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    installation(&data).await;
    let at = data.to_str().unwrap();
    let recover = ["--data-folder", at, "token", "recover"];
    // A file that is there may be somebody's only token.
    let line = refused(&recover, USAGE);
    assert!(line.contains("--out"), "{line}");
    let lost = fs::read_to_string(data.join("token")).unwrap();
    fs::remove_file(data.join("token")).unwrap();
    let line = refused(&["--data-folder", at, "verify"], USAGE);
    assert!(line.contains("annals token recover"), "{line}");
    let said = done(&annals(&recover));
    let token = fs::read_to_string(data.join("token")).unwrap();
    assert_ne!(token, lost);
    assert!(!said.contains(token.trim().rsplit('_').next().unwrap()), "the secret was told");
    let mode = fs::metadata(data.join("token")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let process = Process::start(&data);
    let http = process.http();
    http.settled().await;
    let me = http.get("/me").await.ok();
    assert_eq!(me["scopes"], json!(["read", "write", "audit", "admin"]));
    let events = http.feed("category=token").await;
    let recovered = events.last().unwrap();
    assert_eq!(recovered["type"], "token.recovered");
    assert_eq!(
        (&recovered["actorkind"], &recovered["data"]["data"]["user"]),
        (&json!("system"), &me["user"])
    );
    // While something runs on the folder it is refused.
    let out = folder.path().join("another");
    let arguments = [&recover[..], &["--out", out.to_str().unwrap()]].concat();
    let line = refused(&arguments, FOLDER);
    assert!(line.contains("in use"), "{line}");
    assert!(!out.exists());

    // For any other user, too: who lost their only one could accept none.
    let ana = http.accept("AddUser", json!({ "name": "Ana" })).await.id.to_string();
    assert!(process.terminate().success());
    let arguments = [&arguments[..], &["--user", &ana, "--scopes", "read"]].concat();
    done(&annals(&arguments));
    let process = Process::start(&data);
    let hers = Http::new(process.url(), fs::read_to_string(&out).unwrap().trim());
    let me = hers.get("/me").await.ok();
    assert_eq!((&me["user"], &me["scopes"]), (&json!(ana), &json!(["read"])));
    assert!(process.terminate().success());
    let nobody = "00000000-0000-7000-8000-000000000001";
    let out = folder.path().join("nobody");
    let arguments = [&recover[..], &["--user", nobody, "--out", out.to_str().unwrap()]].concat();
    assert_eq!(annals(&arguments).status.code(), Some(1));
    assert!(!out.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovered_token_is_dated_as_a_doubted_clock_should_show() {
    let mut annals = Annals::start_at("2019-03-10T12:00:00Z").await;
    annals.account("Contoso").await;
    annals.stop().await;
    // The clock of the machine lies years beyond the last event.
    let (data, out) = (annals.data(), annals.scratch().join("recovered"));
    let recover = ["--data-folder", data.to_str().unwrap(), "token", "recover", "--out"];
    let output = product().args(recover).arg(&out).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    done(&output);
    assert!(told.contains("lies more than 366 days beyond the last event"), "{told}");
    assert!(told.contains("recorded as of 2019-03-10T12:00:00Z"), "{told}");
    annals.restart().await;
    let recovered = annals.feed("category=token").await.pop().unwrap();
    assert_eq!(recovered["type"], "token.recovered");
    assert_eq!(recovered["recordedtime"], "2019-03-10T12:00:00Z");
    annals.account("Fabrikam").await;
}
