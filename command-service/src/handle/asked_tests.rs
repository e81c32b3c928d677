//! How often the log is asked, and what is not read from it.

use std::sync::atomic::Ordering::SeqCst;

use events::ids::UserId;
use serde_json::json;

use super::{
    tests::{Two, much_happens},
    *,
};
use crate::handle::testing::{ANA, Watched, World, code};

#[tokio::test]
async fn who_was_away_for_long_reads_no_backlog_and_is_right() {
    let two = Two::new().await;
    let account = two.account().await;
    let store = Watched::new(two.world.store.clone(), None);
    let idle = two.world.handler_on(store.clone());
    idle.freshen().await.unwrap();
    let change = json!({ "account_id": account, "industry": "Paper" });
    two.world.send_to(&two.b, "ChangeAccountDetails", change).await.unwrap();
    assert_eq!(idle.load(account.stream()).await.unwrap().version, Version(2));
    let version = much_happens(&two, account).await;
    idle.freshen().await.unwrap();
    assert_eq!(store.pages.load(SeqCst), 0);
    assert_eq!(idle.load(account.stream()).await.unwrap().version, version);
}

#[tokio::test]
async fn who_comes_together_asks_for_the_head_together() {
    let two = Two::new().await;
    let store = Watched::new(two.world.store.clone(), None);
    let handler = two.world.handler_on(store.clone());
    let all = (0..1_000).map(|_| handler.freshen());
    futures_util::future::join_all(all).await.into_iter().for_each(|one| assert!(one.is_ok()));
    let heads = store.heads.load(SeqCst);
    assert!((1..=2).contains(&heads), "{heads} questions");
    handler.freshen().await.unwrap();
    assert_eq!(store.heads.load(SeqCst), heads + 1, "the next asks again");
}

#[tokio::test]
async fn a_command_whose_token_was_checked_asks_for_no_other_head() {
    let two = Two::new().await;
    let store = Watched::new(two.world.store.clone(), None);
    let handler = two.world.handler_on(store.clone());
    let (_, token) = two.token(UserId(ANA)).await;
    for (employees, is_checked, questions) in [(1, false, 2), (2, true, 1)] {
        let body = json!({ "account_id": two.account().await, "employees": employees });
        let heads = store.heads.load(SeqCst);
        let caller = handler.authenticate(&token).await.unwrap().unwrap();
        let name = "ChangeAccountDetails";
        let mut request = two.world.request(name, two.world.parse(name, &body));
        request.freshened = is_checked.then_some(caller.freshened);
        handler.handle(request).await.unwrap();
        assert_eq!(store.heads.load(SeqCst) - heads, questions);
    }
}

#[tokio::test]
async fn what_it_appended_itself_is_not_read_back() {
    let two = Two::new().await;
    let store = Watched::new(two.world.store.clone(), None);
    let handler = two.world.handler_on(store.clone());
    let account = two.world.id();
    let body = json!({ "account_id": account, "name": "Contoso" });
    two.world.send_to(&handler, "CreateAccount", body).await.unwrap();
    for employees in 1..20 {
        let body = json!({ "account_id": account, "employees": employees });
        two.world.send_to(&handler, "ChangeAccountDetails", body).await.unwrap();
    }
    assert_eq!(store.pages.load(SeqCst), 0);
    // And what others did in between is.
    let body = json!({ "account_id": account, "employees": 77 });
    two.world.send_to(&two.b, "ChangeAccountDetails", body.clone()).await.unwrap();
    let quiet = two.world.send_to(&handler, "ChangeAccountDetails", body).await.unwrap();
    assert_eq!(quiet.version, Version(21));
    assert_eq!(store.pages.load(SeqCst), 1);
}

#[tokio::test]
async fn who_has_the_log_for_itself_asks_for_no_head() {
    let world = World::new().await;
    let store = Watched::new(world.store.clone(), None);
    let handler = world.handler_on(store.clone());
    let account = world.id();
    let body = json!({ "account_id": account, "name": "Contoso" });
    world.send_to(&handler, "CreateAccount", body.clone()).await.unwrap();
    assert_eq!(code(world.send_to(&handler, "CreateAccount", body).await), "record.exists");
    assert_eq!((store.heads.load(SeqCst), store.pages.load(SeqCst)), (0, 0));
}
