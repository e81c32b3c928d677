//! `annals token`: a token opens what its scopes say, until it is revoked.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use serde_json::json;
use tests::{Http, Process, annals, until};

use crate::{
    import::done,
    refusals::{USAGE, contents, refused},
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
