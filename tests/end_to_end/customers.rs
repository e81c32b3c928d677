//! Accounts, contacts, connections and notes.

use serde_json::json;
use tests::Annals;

#[tokio::test]
async fn a_new_account_is_there_for_whoever_asks_with_its_position() {
    let annals = Annals::start().await;
    let account = annals.accept("CreateAccount", json!({ "name": "Contoso" })).await;

    let seen = annals.see(&format!("/accounts/{}", account.id), &account.position).await;

    assert_eq!(seen["record"]["name"], "Contoso", "{seen}");
}
