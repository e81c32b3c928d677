//! Questions over HTTP, answered from a log that was projected as it is in real life.

use axum::{
    body::Body,
    http::{Request, header},
};
use events::{
    CrmEvent, Position,
    access::Scope,
    customers::{AccountDetailsChanged, AccountEvent, ParentAccountSet},
    ids::CustomerRef,
    sales::{OpportunityEvent, OpportunityWon},
};
use events_log::store::StreamReader;
use projection_service::table::Value as Stored;
use serde_json::{Value, json};

use crate::{
    cursor::{Place, Question},
    testing::{
        START, World, account, brl, contact, day, instant, line, on_both, opportunity, token, user,
    },
};

on_both! { World:
    nobody_learns_anything_without_a_token_in_force,
    a_token_that_was_just_issued_is_known,
    the_log_and_histories_need_the_scope_audit,
    an_answer_is_never_from_before_the_position_it_was_asked_for,
    a_position_that_the_log_has_not_is_refused_at_once,
    read_models_that_have_ended_answer_that_they_are_behind,
    a_record_is_shown_as_it_was_known_and_as_it_was,
    a_list_is_paged_as_of_its_first_page,
    a_cursor_is_of_no_use_to_another_caller,
    a_cursor_with_a_key_that_was_made_up_is_refused,
    contacts_whose_names_were_erased_are_listed_last,
    a_timeline_is_told_newest_first_in_either_time,
    expected_revenue_is_summed_as_of_any_moment_in_either_sense,
    what_is_won_leaves_the_pipeline_and_is_counted_beside_it,
    a_history_opens_what_is_personal_until_it_is_erased,
    a_record_whose_key_is_lost_is_refused_and_listed,
    the_feed_gives_every_event_from_any_position_sealed,
    waiting_at_the_end_of_the_feed_gives_what_comes_next,
}

fn texts<'a>(items: &'a Value, field: &str) -> Vec<&'a str> {
    items.as_array().unwrap().iter().map(|item| item[field].as_str().unwrap()).collect()
}

fn amount(value: &str) -> Value {
    json!({ "amount": value, "currency": "BRL" })
}

async fn nobody_learns_anything_without_a_token_in_force(world: World) {
    world.add_user("bia").await;
    world.issue("bia", "bia", vec![Scope::Read]).await;
    assert_eq!(world.ask(&token("bia"), "/accounts").await.status, 200);
    world.disable_user("bia").await;
    world.get("/accounts").await;
    let wrong_secret = token("ana").replace(&token("ana")[39..43], "0000");
    for presented in [&token("bia"), &token("nobody"), "", "annals_x_y", &wrong_secret] {
        let answer = world.ask(presented, "/accounts?as_of=nonsense").await;
        assert_eq!(answer.code(), (401, "auth.required".to_owned()), "{presented}");
        assert_eq!(answer.headers[header::WWW_AUTHENTICATE], "Bearer");
    }
    let basic = Request::get("/accounts").header(header::AUTHORIZATION, "Basic YTpi");
    assert_eq!(world.send(basic.body(Body::empty()).unwrap()).await.code().0, 401);
}

async fn a_token_that_was_just_issued_is_known(world: World) {
    world.issue("new", "ana", vec![Scope::Read]).await;
    assert_eq!(world.ask(&token("new"), "/accounts").await.status, 200);
}

async fn the_log_and_histories_need_the_scope_audit(world: World) {
    world.issue("reader", "ana", vec![Scope::Read]).await;
    world.issue("auditor", "ana", vec![Scope::Audit]).await;
    world.add_account("Contoso").await;
    let history = format!("/accounts/{}/history", account("Contoso"));
    for path in ["/events", &history] {
        let refused = world.ask(&token("reader"), path).await;
        assert_eq!(refused.code(), (403, "access.denied".to_owned()));
    }
    let refused = world.ask(&token("auditor"), "/accounts").await;
    assert_eq!(refused.code(), (403, "access.denied".to_owned()));
}

async fn an_answer_is_never_from_before_the_position_it_was_asked_for(world: World) {
    for number in 0..20 {
        let position = world.add_account(&format!("Account {number}")).await;
        let id = account(&format!("Account {number}"));
        let answer = world.ask(&token("ana"), &format!("/accounts/{id}?at_least={position}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let held = answer.json()["position"].as_str().unwrap().parse::<u64>().unwrap();
        assert!(held >= position.0);
        assert_eq!(answer.headers["annals-position"], held.to_string().as_str());
        assert_eq!(answer.headers["annals-log"], world.store.log_id().to_string().as_str());
    }
}

async fn a_position_that_the_log_has_not_is_refused_at_once(world: World) {
    let beyond = world.ask(&token("ana"), "/accounts?at_least=1000").await;
    assert_eq!(beyond.code(), (400, "at_least.unknown".to_owned()));
    for text in ["x", "-1", "1.0", ""] {
        let malformed = world.ask(&token("ana"), &format!("/accounts?at_least={text}")).await;
        assert_eq!(malformed.code(), (400, "at_least.invalid".to_owned()));
    }
}

async fn read_models_that_have_ended_answer_that_they_are_behind(world: World) {
    world.get("/accounts").await;
    world.read_side.close().await;
    let position = world.add_account("Contoso").await;
    let answer = world.ask(&token("ana"), &format!("/accounts?at_least={position}")).await;
    assert_eq!(answer.status, 503, "{}", answer.text);
    assert_eq!(answer.headers[header::RETRY_AFTER], "1");
}

async fn a_record_is_shown_as_it_was_known_and_as_it_was(world: World) {
    let created = world.add_account("Contoso").await;
    world.set_clock("2026-03-12T12:00:00Z");
    let renamed = AccountDetailsChanged { name: Some(line("Contoso Ltda")), ..Default::default() };
    let event = CrmEvent::from(AccountEvent::DetailsChanged(renamed));
    let backdated = Some(instant("2026-03-11T08:00:00Z"));
    world.record_sealed(account("Contoso").stream(), event, backdated, None).await;
    let path = format!("/accounts/{}", account("Contoso"));

    let now = world.get(&path).await;
    assert_eq!(now.json()["name"], "Contoso Ltda");
    assert_eq!(now.headers[header::ETAG], "\"2\"");
    let then = world.get(&format!("{path}?as_of={created}")).await;
    assert_eq!((&then.json()["name"], &then.json()["version"]), (&json!("Contoso"), &json!(1)));
    assert!(!then.headers.contains_key(header::ETAG));
    // What was known on the 11th, and what was true on the 11th.
    let known = world.get(&format!("{path}?as_of=2026-03-11")).await;
    assert_eq!(known.json()["name"], "Contoso");
    let true_then = world.get(&format!("{path}?as_of=2026-03-11&sense=effective")).await;
    assert_eq!(true_then.json()["name"], "Contoso Ltda");
    let true_before = world.get(&format!("{path}?as_of=2026-03-10&sense=effective")).await;
    assert_eq!(true_before.json()["name"], "Contoso");
    let never = world.get(&format!("{path}?as_of=2026-03-09&sense=effective")).await;
    assert_eq!(never.code(), (404, "record.not_found".to_owned()));
    for id in ["00000000-0000-0000-0000-000000000000", "x"] {
        assert_eq!(world.get(&format!("/accounts/{id}")).await.code().0, 404);
    }
}

async fn a_list_is_paged_as_of_its_first_page(world: World) {
    for name in ["Alpha", "beta", "Gamma", "delta", "100% pure", "100 pure"] {
        world.add_account(name).await;
    }
    let first = world.get("/accounts?limit=4").await.json();
    assert_eq!(texts(&first["items"], "name"), ["100 pure", "100% pure", "Alpha", "beta"]);
    world.add_account("Zeta").await;
    let cursor = first["next"].as_str().unwrap();
    let second = world.get(&format!("/accounts?limit=4&cursor={cursor}")).await.json();
    assert_eq!(texts(&second["items"], "name"), ["delta", "Gamma"]);
    assert_eq!(second["next"], Value::Null);
    assert_eq!(second["position"], first["position"]);

    let down = world.get("/accounts?sort=-name&limit=2").await.json();
    assert_eq!(texts(&down["items"], "name"), ["Zeta", "Gamma"]);
    let literal = world.get("/accounts?name=0%25%20PU").await.json();
    assert_eq!(texts(&literal["items"], "name"), ["100% pure"]);
    let other = world.get(&format!("/accounts?state=Active&cursor={cursor}")).await;
    assert_eq!(other.code(), (400, "cursor.invalid".to_owned()));
    let effective = world.get("/accounts?sense=effective").await;
    assert_eq!(effective.code(), (400, "sense.unsupported".to_owned()));
}

async fn a_cursor_is_of_no_use_to_another_caller(world: World) {
    world.add_user("bia").await;
    world.issue("bia", "bia", vec![Scope::Read]).await;
    world.add_account("Alpha").await;
    world.add_account("Beta").await;
    let page = world.get("/accounts?limit=1").await.json();
    let path = format!("/accounts?limit=1&cursor={}", page["next"].as_str().unwrap());
    assert_eq!(world.ask(&token("ana"), &path).await.status, 200);
    let refused = world.ask(&token("bia"), &path).await;
    assert_eq!(refused.code(), (400, "cursor.invalid".to_owned()));
}

/// How a cursor is made is no secret.
async fn a_cursor_with_a_key_that_was_made_up_is_refused(world: World) {
    world.add_account("Alpha").await;
    world.add_account("Beta").await;
    let question =
        Question { path: "/accounts".to_owned(), parameters: String::new(), caller: user("ana").0 };
    let position = world.get("/accounts").await.json()["position"].as_str().unwrap().parse();
    let position = Position(position.unwrap());
    let ask = async |path: &str, key: &[Stored]| {
        let question = Question { path: path.to_owned(), ..question.clone() };
        let place = Place { position, instant: instant(START), key: key.into() };
        let cursor = question.cursor(&place).unwrap();
        world.get(&format!("{path}?cursor={cursor}")).await
    };
    let id = Stored::Id(account("Alpha").0);
    let text = || Stored::from("alpha");
    let wrong: [&[Stored]; 8] = [
        &[],
        &[text()],
        &[Stored::Int(1), text()],
        &[Stored::Null, id.clone()],
        &[id.clone(), id.clone()],
        &[text(), "no id".into()],
        &["a\0".into(), id.clone()],
        &[text(), id.clone(), id.clone()],
    ];
    let record = format!("/accounts/{}", account("Alpha").0);
    let mut paths = vec!["/accounts".to_owned()];
    paths
        .extend(["timeline", "sales", "connections", "history"].map(|of| format!("{record}/{of}")));
    for path in &paths {
        for key in wrong {
            let answer = ask(path, key).await;
            assert_eq!(answer.code(), (400, "cursor.invalid".to_owned()), "{path} {key:?}");
        }
    }
    let after_alpha = ask("/accounts", &[text(), id]).await.json();
    assert_eq!(texts(&after_alpha["items"], "name"), ["Beta"]);
}

async fn contacts_whose_names_were_erased_are_listed_last(world: World) {
    let (_, key) = world.add_contact("Bia", None).await;
    world.forget(key).await;
    world.add_contact("Ana", None).await;
    world.add_contact("Caio", None).await;
    let all = world.get("/contacts").await.json();
    assert_eq!(all["items"].as_array().unwrap().len(), 3, "{all}");
    let mut cursor = String::new();
    let mut seen = Vec::new();
    for _ in 0..3 {
        let page = world.get(&format!("/contacts?limit=1{cursor}")).await.json();
        seen.push(page["items"][0]["id"].as_str().unwrap().to_owned());
        cursor = format!("&cursor={}", page["next"].as_str().unwrap_or_default());
    }
    let all: Vec<_> = texts(&all["items"], "id").into_iter().map(ToOwned::to_owned).collect();
    assert_eq!(seen, all);
}

async fn a_timeline_is_told_newest_first_in_either_time(world: World) {
    let created = world.add_account("Contoso").await;
    world.add_contact("Bia", Some(CustomerRef::Account(account("Contoso")))).await;
    world.set_clock("2026-03-12T12:00:00Z");
    world.add_deal("Deal", "Contoso", brl("1000.00"), Some("2026-03-10T11:00:00Z")).await;
    let path = format!("/accounts/{}/timeline", account("Contoso"));

    let page = world.get(&format!("{path}?limit=2")).await.json();
    assert_eq!(texts(&page["items"], "kind"), ["opportunity.created", "contact.created"]);
    assert_eq!(page["items"][0]["amount"], amount("1000.00"));
    assert_eq!(page["items"][0]["actor"]["name"], "ana");
    let cursor = page["next"].as_str().unwrap();
    let rest = world.get(&format!("{path}?limit=2&cursor={cursor}")).await.json();
    assert_eq!(texts(&rest["items"], "kind"), ["account.created"]);
    assert_eq!(rest["next"], Value::Null);

    let effective = world.get(&format!("{path}?sense=effective")).await.json();
    let kinds = ["contact.created", "account.created", "opportunity.created"];
    assert_eq!(texts(&effective["items"], "kind"), kinds);
    let page = world.get(&format!("{path}?sense=effective&limit=1")).await.json();
    let cursor = page["next"].as_str().unwrap();
    let rest = world.get(&format!("{path}?sense=effective&limit=5&cursor={cursor}")).await.json();
    assert_eq!(texts(&rest["items"], "kind"), kinds[1..]);

    let then = world.get(&format!("{path}?as_of={created}")).await.json();
    assert_eq!(texts(&then["items"], "kind"), ["account.created"]);
    let deals = world.get(&format!("{path}?kind=opportunity.created&from=2026-03-12")).await.json();
    assert_eq!(deals["items"].as_array().unwrap().len(), 1);
    let unknown = world.get(&format!("/accounts/{}/timeline", account("Nobody"))).await;
    assert_eq!(unknown.code().0, 404);
}

async fn expected_revenue_is_summed_as_of_any_moment_in_either_sense(world: World) {
    world.add_account("Contoso").await;
    world.add_account("Child").await;
    let parent = ParentAccountSet { parent: account("Contoso"), ancestors_seen: vec![] };
    world.record(account("Child").stream(), AccountEvent::ParentSet(parent)).await;
    let first = world.add_deal("One", "Contoso", brl("1000.00"), None).await;
    world.set_clock("2026-03-12T12:00:00Z");
    world.add_deal("Two", "Child", brl("500.00"), Some("2026-03-11T12:00:00Z")).await;

    let total = world.get("/expected-revenue").await.json();
    assert_eq!(total["items"][0]["open_count"], 2);
    assert_eq!(total["items"][0]["open_amount"], amount("1500.00"));
    assert_eq!(total["items"][0]["expected"], amount("600.00"));
    let then = world.get(&format!("/expected-revenue?as_of={first}")).await.json();
    assert_eq!(then["totals"][0]["weighted"], amount("400.00"));
    let known = world.get("/expected-revenue?as_of=2026-03-11").await.json();
    assert_eq!(known["totals"][0]["weighted"], amount("400.00"));
    let true_then = world.get("/expected-revenue?as_of=2026-03-11&sense=effective").await.json();
    assert_eq!(true_then["totals"][0]["weighted"], amount("600.00"));

    let own = format!("/accounts/{}/expected-revenue", account("Contoso"));
    assert_eq!(world.get(&own).await.json()["totals"][0]["expected"], amount("400.00"));
    let all = world.get(&format!("{own}?subtree=true")).await.json();
    assert_eq!(all["totals"][0]["expected"], amount("600.00"));
    let by_account = world.get("/expected-revenue?by=account&limit=1").await.json();
    assert_eq!(by_account["items"][0]["group"]["name"], "Contoso");
    let cursor = by_account["next"].as_str().unwrap();
    let path = format!("/expected-revenue?by=account&limit=1&cursor={cursor}");
    let rest = world.get(&path).await.json();
    assert_eq!(rest["items"][0]["group"]["name"], "Child");
    assert_eq!(rest["next"], Value::Null);
    let quarters = world.get("/expected-revenue?by=quarter").await.json();
    assert_eq!(quarters["items"][0]["group"], json!({ "from": "2026-04-01" }));
    let refused = world.get("/expected-revenue?by=colour").await;
    assert_eq!(refused.code(), (422, "by.unknown".to_owned()));
}

async fn what_is_won_leaves_the_pipeline_and_is_counted_beside_it(world: World) {
    world.add_account("Contoso").await;
    world.add_deal("One", "Contoso", brl("1000.00"), None).await;
    let won = OpportunityWon {
        actual_value: brl("900.00"),
        close_date: day("2026-03-10"),
        via_quote: None,
    };
    world.record(opportunity("One").stream(), OpportunityEvent::Won(won)).await;
    let pipeline = world.get("/pipeline?by=owner").await.json();
    let line = &pipeline["items"][0];
    assert_eq!(line["group"]["name"], "ana");
    assert_eq!((&line["open_count"], &line["won_count"]), (&json!(0), &json!(1)));
    assert_eq!(line["won_amount"], amount("900.00"));
    assert_eq!(line["expected"], amount("0.00"));
    let sales = world.get(&format!("/accounts/{}/sales", account("Contoso"))).await.json();
    assert_eq!(sales["items"][0]["furthest"], "opportunity");
    assert_eq!(sales["items"][0]["documents"][0]["state"], "Won");
}

async fn a_history_opens_what_is_personal_until_it_is_erased(world: World) {
    let (_, key) = world.add_contact("Bia", None).await;
    let path = format!("/contacts/{}/history", contact("Bia"));
    let history = world.get(&path).await.json();
    let event = &history["items"][0];
    assert_eq!(event["data"]["first_name"], "Bia");
    assert_eq!((&event["version"], &event["type"]), (&json!(1), &json!("contact.created")));
    assert_eq!(event["recorded_at"], START);
    world.forget(key).await;
    let history = world.get(&path).await.json();
    assert_eq!(history["items"][0]["data"]["first_name"], json!({ "erased": true }));
    assert_eq!(history["items"][0]["data"]["last_name"], json!({ "erased": true }));
    let unknown = world.get(&format!("/contacts/{}/history", contact("Nobody"))).await;
    assert_eq!(unknown.code().0, 404);
}

async fn a_record_whose_key_is_lost_is_refused_and_listed(world: World) {
    let (_, key) = world.add_contact("Bia", None).await;
    world.add_contact("Caio", None).await;
    world.get("/contacts").await.json();
    world.keys.lose(key);
    world.keyring.unsealer().forget(key);
    let path = format!("/contacts/{}", contact("Bia"));
    let history = world.get(&format!("{path}/history")).await.json();
    assert_eq!(history["items"][0]["data"]["first_name"], json!({ "unreadable": true }));
    let effective = world.get(&format!("{path}?sense=effective")).await;
    assert_eq!(effective.code(), (503, "key.unreadable".to_owned()));
    let other = world.get(&format!("/contacts/{}?sense=effective", contact("Caio"))).await.json();
    assert_eq!(other["first_name"], "Caio");
}

async fn the_feed_gives_every_event_from_any_position_sealed(world: World) {
    let (position, _) = world.add_contact("Bia", None).await;
    let all = world.get("/events").await;
    assert_eq!(all.headers[header::CONTENT_TYPE], "application/x-ndjson");
    let lines: Vec<Value> =
        all.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(texts(&lines.clone().into(), "position"), ["1", "2", "3", "4"]);
    let last = lines.last().unwrap();
    assert_eq!((&last["type"], &last["specversion"]), (&json!("contact.created"), &json!("1.0")));
    assert_eq!(last["subject"], contact("Bia").stream().to_string());
    assert!(!all.text.contains("Bia") && last["data"]["data"]["first_name"]["c"].is_string());

    let after = world.get("/events?after=1&limit=2").await;
    assert_eq!(after.text.lines().count(), 2);
    let users = world.get("/events?category=user").await;
    assert_eq!(users.text.lines().count(), 1);
    let beyond = world.get(&format!("/events?after={}", position.0 + 1)).await;
    assert_eq!(beyond.code(), (400, "after.unknown".to_owned()));
}

async fn waiting_at_the_end_of_the_feed_gives_what_comes_next(world: World) {
    let head = world.store.head().await.unwrap().position;
    let path = format!("/events?after={head}&wait=true");
    let ana = token("ana");
    let (answer, _) = tokio::join!(world.ask(&ana, &path), world.add_account("Contoso"));
    assert_eq!(answer.text.lines().count(), 1, "{}", answer.text);
}
