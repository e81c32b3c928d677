//! Both databases give the same answers, and nobody who hangs up leaves anything behind.

use std::{future::Future, time::Duration};

use axum::{body::Body, http::Request};
use events::{
    customers::{AccountEvent, ParentAccountSet},
    ids::CustomerRef,
};
use events_log::postgres::Database;
use projection_service::{read_side::Pool, table::Value};
use tower::ServiceExt;

use super::Snapshot;
use crate::{
    places::{TestPlace, on_both, on_postgres, on_sqlite},
    testing::{World, account, brl, contact, opportunity, token},
};

on_both! { World:
    nothing_is_bound_as_whatever_the_statement_takes,
}

async fn story(world: &World) {
    for name in ["Álgebra", "algebra", "ALGEBRA_2", "Zeta 100%", "zeta 100", "a\\b", "Ünder_Score"]
    {
        world.add_account(name).await;
    }
    let parent = ParentAccountSet { parent: account("algebra"), ancestors_seen: vec![] };
    world.record(account("zeta 100").stream(), AccountEvent::ParentSet(parent)).await;
    for name in ["bia", "Bia", "Élodie", "élan"] {
        world.add_contact(name, Some(CustomerRef::Account(account("algebra")))).await;
    }
    for (number, name) in ["One", "Two", "Three"].into_iter().enumerate() {
        world.set_clock(&format!("2026-03-1{}T12:00:00Z", number + 1));
        world.add_deal(name, "zeta 100", brl("1000.01"), Some("2026-03-10T11:00:00Z")).await;
    }
}

/// What is asked of both. Letters of other alphabets, wildcards, orders up and down, sums.
fn questions() -> Vec<String> {
    let mut questions: Vec<_> = [
        "/accounts?limit=3",
        "/accounts?sort=-name",
        "/accounts?sort=id",
        "/accounts?sort=account_number",
        "/accounts?name=ALGEBRA",
        "/accounts?name=%C3%81LGEBRA",
        "/accounts?name=100%25",
        "/accounts?name=_",
        "/accounts?name=%5C",
        "/accounts?name=%C3%9CNDER",
        "/contacts?sort=last_name",
        "/contacts?sort=-name&limit=2",
        "/contacts?name=%C3%89L",
        "/opportunities?state=Open&sort=-estimated_close_date",
        "/expected-revenue?by=account",
        "/expected-revenue?by=contact",
        "/expected-revenue?by=office",
        "/expected-revenue?by=manager",
        "/expected-revenue?by=quarter&sense=effective&as_of=2026-03-11",
        "/pipeline",
        "/organization",
        "/users",
    ]
    .map(ToOwned::to_owned)
    .into();
    for path in ["timeline", "sales", "connections", "expected-revenue?subtree=true", "history"] {
        questions.push(format!("/accounts/{}/{path}", account("algebra")));
        questions.push(format!("/accounts/{}/{path}", account("zeta 100")));
    }
    questions.push(format!("/contacts/{}", contact("bia")));
    questions.push(format!("/opportunities/{}/timeline?sense=effective", opportunity("One")));
    questions
}

#[test]
fn both_databases_answer_the_same() {
    on_postgres("both_databases_answer_the_same", async |database| {
        let folder = TestPlace::folder();
        let (sqlite, postgres) = (World::on(&folder).await, World::on(database).await);
        answer_the_same(&sqlite, &postgres).await;
    });
}

async fn answer_the_same(sqlite: &World, postgres: &World) {
    story(sqlite).await;
    story(postgres).await;
    let mut empty = Vec::new();
    for question in questions() {
        let (one, other) = (sqlite.get(&question).await, postgres.get(&question).await);
        assert_eq!(one.status, 200, "{question}: {}", one.text);
        let (one, other) = (keyless(&one.text), keyless(&other.text));
        assert_eq!(one, other, "{question}");
        if one["items"].as_array().is_some_and(Vec::is_empty) {
            empty.push(question);
        }
    }
    // The first account has no sales of its own, and nobody is connected.
    assert_eq!(empty.len(), 3, "{empty:?}");
}

/// Every world draws keys of its own.
fn keyless(text: &str) -> serde_json::Value {
    fn strip(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Object(fields) => {
                fields.remove("key");
                fields.values_mut().for_each(strip);
            }
            serde_json::Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let mut value = serde_json::from_str(text).unwrap();
    strip(&mut value);
    value
}

async fn nothing_is_bound_as_whatever_the_statement_takes(world: World) {
    world.get("/users").await;
    let pool = world.read_side.live().pool;
    let mut snapshot = Snapshot::begin(&pool).await.unwrap();
    let sql = "select coalesce(name, 'none') as name from users where (id = $1 or name = $2 \
               or from_position = $3) or state = $4";
    let binds = [Value::Null, Value::Null, Value::Null, "Active".into()];
    let row = snapshot.row(sql, &binds).await.unwrap().unwrap();
    assert_eq!(row.value("name").unwrap(), "ana".into());
}

/// Polls a question so many times, then hangs up.
async fn hang_up_after(polls: u32, question: impl Future) {
    let mut question = std::pin::pin!(question);
    let mut rhythm = tokio::time::interval(Duration::from_micros(300));
    for _ in 0..polls {
        let once = std::future::poll_fn(|context| {
            std::task::Poll::Ready(question.as_mut().poll(context).is_ready())
        });
        if once.await {
            return;
        }
        // The question itself runs elsewhere: it gets some way in between.
        rhythm.tick().await;
    }
}

#[test]
fn a_question_that_reads_for_too_long_is_cut_off() {
    on_sqlite(async |place| {
        let world = World::on(place).await;
        let pool = world.read_side.live().pool;
        let without_end = "with recursive c(n) as (select 1 union all select n + 1 from c) \
                           select max(n) from c";
        let mut long = Snapshot::begin_for(&pool, Duration::from_millis(50)).await.unwrap();
        assert!(long.rows(without_end, &[]).await.is_err());
        drop(long);
        // The connection is as good as any.
        assert_eq!(world.get("/accounts").await.status, 200);
    });
}

#[test]
fn a_caller_who_hangs_up_leaves_no_transaction_behind() {
    on_postgres("a_caller_who_hangs_up", async |place| {
        let world = World::on(place).await;
        story(&world).await;
        hang_up(&world).await;
    });
}

async fn hang_up(world: &World) {
    let head = world.record_head().await;
    let Pool::Postgres(rows) = world.read_side.live().pool else { unreachable!() };
    for polls in 0..30 {
        let path = format!("/accounts?at_least={head}");
        let request =
            Request::get(path).header("authorization", format!("Bearer {}", token("ana")));
        let question = world.asker().0.oneshot(request.body(Body::empty()).unwrap());
        hang_up_after(polls, question).await;
    }
    assert_eq!(world.get("/accounts").await.status, 200);
    let watcher = Database::new(rows.server(), "public", 1);
    let idle = async {
        let mut rhythm = tokio::time::interval(Duration::from_millis(5));
        let sql = "select count(*) from pg_stat_activity where datname = current_database() \
                   and state like 'idle in transaction%'";
        loop {
            let count = watcher.run(move |connection| {
                Box::pin(sqlx::query_scalar::<_, i64>(sql).fetch_one(connection))
            });
            if count.await.unwrap() == 0 {
                return;
            }
            rhythm.tick().await;
        }
    };
    // What is under way goes to its end; nothing stays.
    tokio::time::timeout(Duration::from_secs(10), idle).await.unwrap();
}
