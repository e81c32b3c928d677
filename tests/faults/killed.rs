//! The process is killed at a random moment; what it had acknowledged is there.

use serde_json::json;
use tests::Process;

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let process = Process::start(&data);
    let account = process.http().accept("CreateAccount", json!({ "name": "Contoso" })).await;
    process.kill();

    let process = Process::start(&data);
    let path = format!("/accounts/{}", account.id);
    let seen = process.http().see(&path, &account.position).await;

    assert_eq!(seen["record"]["name"], "Contoso", "{seen}");
}
