//! Keys that are damaged, or lost because an older key store was put back: they stop what needs them,
//! everything else answers, and nobody looks erased.

use std::{fs, path::Path};

use rusqlite::Connection;
use serde_json::{Value, json};
use tests::{Http, Process, annals};

use crate::{
    lost::copy_without,
    refusals::{TAMPERED, installation, one_line},
};

/// A contact: its id, and its key.
#[derive(Clone)]
struct Person {
    id: String,
    key: String,
}

/// Everybody, by the feed.
async fn people(http: &Http) -> Vec<Person> {
    let feed = http.get("/events?category=contact&limit=1000").await.text();
    let events = feed.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let created = events.filter(|event| event["type"] == "contact.created");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    created
        .map(|event| Person {
            id: text(&event["subject"])["contact-".len()..].to_owned(),
            key: text(&event["data"]["data"]["key"]),
        })
        .collect()
}

fn meddle(data: &Path, sql: &str, key: &str) {
    let keys = Connection::open(data.join("keys.db")).unwrap();
    let id = uuid::Uuid::try_parse(key).unwrap();
    assert_eq!(keys.execute(sql, [id.as_bytes()]).unwrap(), 1, "no such key");
    keys.close().unwrap();
}

/// Starts on the folder, with read models that are made anew.
async fn anew(data: &Path) -> (Process, Http) {
    fs::remove_dir_all(data.join("read")).ok();
    let process = Process::start(data);
    let http = process.http();
    http.settled().await;
    (process, http)
}

async fn keys_told(http: &Http) -> Value {
    let ready = http.get("/readyz").await;
    assert_eq!(ready.status, 200, "everything else is ready: {}", ready.text());
    ready.json()["keys"].clone()
}

/// What answers of a person whose key cannot be had, and what of all others.
async fn stops_what_needs_it(http: &Http, lost: &Person, others: usize) {
    let path = format!("/contacts/{}", lost.id);
    let problem = http.get(&path).await.problem(503, "key.unreadable");
    assert!(problem["detail"].as_str().unwrap().contains(&lost.id), "{problem}");
    http.get(&format!("{path}?sense=effective")).await.problem(503, "key.unreadable");
    let history = http.get(&format!("{path}/history")).await.ok();
    assert_eq!(history["items"][0]["data"]["last_name"], json!({ "unreadable": true }));

    let list = http.get("/contacts").await.ok();
    let items = list["items"].as_array().unwrap();
    let marked: Vec<_> = items.iter().filter(|item| item.get("unreadable").is_some()).collect();
    assert_eq!((items.len(), marked.len()), (others + 1, 1), "{list}");
    assert_eq!(marked[0]["id"], lost.id.as_str());
    assert_eq!(marked[0]["unreadable"], json!(["first_name", "last_name"]));
    assert_eq!(marked[0].get("erased"), None, "nobody erased it");
    assert_eq!(http.get("/accounts").await.ok()["items"].as_array().unwrap().len(), 5);

    let rename = json!({ "contact_id": lost.id, "last_name": "Lima" });
    http.command("ChangeContactDetails", rename).await.problem(503, "key.unreadable");
    http.accept("CreateContact", json!({ "last_name": "Lima" })).await;
    http.settled().await;
    let told = keys_told(http).await;
    assert_eq!((&told["unreadable"], &told["first"]), (&json!(1), &json!([lost.key])), "{told}");
    let metrics = http.get("/metrics").await.text();
    assert!(metrics.lines().any(|line| line == "annals_keys_unreadable 1"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_or_lost_key_stops_what_needs_it_until_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    installation(&data).await;
    let (process, http) = anew(&data).await;
    let lost = people(&http).await.remove(2);
    assert!(process.terminate().success());
    let whole = folder.path().join("keys.db");

    for (round, sql) in [
        "update keys set wrapped = zeroblob(40) where key_id = $1",
        "delete from keys where key_id = $1",
    ]
    .into_iter()
    .enumerate()
    {
        fs::copy(data.join("keys.db"), &whole).unwrap();
        meddle(&data, sql, &lost.key);
        let (process, http) = anew(&data).await;
        stops_what_needs_it(&http, &lost, 4 + round).await;
        let url = ["--data-folder", data.to_str().unwrap()];
        let replayed = annals(&[&url[..], &["replay"]].concat());
        assert!(replayed.status.success(), "{}", String::from_utf8_lossy(&replayed.stderr));
        let line = one_line(&annals(&[&url[..], &["verify"]].concat()), TAMPERED);
        assert!(line.contains(&lost.key) && line.contains("a key cannot be had"), "{line}");
        assert!(process.terminate().success());

        // Back again: the rows that lack something are made anew by themselves.
        let now = Connection::open(data.join("keys.db")).unwrap();
        let was = Connection::open(&whole).unwrap();
        let id = uuid::Uuid::try_parse(&lost.key).unwrap();
        let select = "select wrapped from keys where key_id = $1";
        let wrapped: Vec<u8> = was.query_row(select, [id.as_bytes()], |row| row.get(0)).unwrap();
        let put = "insert into keys values ($1, 1, $2) \
                   on conflict (key_id) do update set wrapped = excluded.wrapped";
        now.execute(put, rusqlite::params![id.as_bytes(), wrapped]).unwrap();
        now.close().unwrap();
        let process = Process::start(&data);
        let http = process.http();
        http.settled().await;
        let contact = http.get(&format!("/contacts/{}", lost.id)).await.ok();
        assert_eq!((&contact["last_name"], contact.get("unreadable")), (&json!("Souza"), None));
        assert_eq!(keys_told(&http).await["unreadable"], 0);
        let verified = annals(&[&url[..], &["verify"]].concat());
        assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
        assert!(process.terminate().success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_key_store_is_told_at_the_start_and_erases_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let (older, data) = (folder.path().join("older"), folder.path().join("data"));
    installation(&data).await;
    copy_without(&data, &older, &[]);
    let process = Process::start(&data);
    let http = process.http();
    for _ in 0..20 {
        http.accept("CreateContact", json!({ "last_name": "Lima" })).await;
    }
    http.settled().await;
    assert!(process.terminate().success());
    let newer = folder.path().join("newer.db");
    fs::copy(data.join("keys.db"), &newer).unwrap();
    fs::copy(older.join("keys.db"), data.join("keys.db")).unwrap();

    let log = folder.path().join("log");
    // Said at every start, until the newer one is put back.
    for _ in 0..2 {
        fs::remove_dir_all(data.join("read")).ok();
        let process = Process::start_logging(&data, &log);
        let http = process.http();
        http.settled().await;
        let told = keys_told(&http).await;
        assert_eq!(told["unreadable"], 20, "{told}");
        assert_eq!(told["store_is_older"], true, "{told}");
        let said = fs::read_to_string(&log).unwrap();
        assert!(said.contains("the key store is older than the log"), "{said}");
        let list = http.get("/contacts?limit=100").await.ok();
        let items = list["items"].as_array().unwrap();
        assert!(items.iter().all(|item| item.get("erased").is_none()), "{list}");
        let marked = items.iter().filter(|item| item.get("unreadable").is_some());
        assert_eq!((items.len(), marked.count()), (25, 20), "{list}");
        assert!(process.terminate().success());
    }
    fs::copy(&newer, data.join("keys.db")).unwrap();
    let process = Process::start(&data);
    let http = process.http();
    http.settled().await;
    let told = keys_told(&http).await;
    assert_eq!(
        (&told["unreadable"], &told["store_is_older"]),
        (&json!(0), &json!(false)),
        "{told}"
    );
    let list = http.get("/contacts?limit=100").await.ok();
    let marked = |item: &&Value| item.get("unreadable").is_some();
    assert_eq!(list["items"].as_array().unwrap().iter().filter(marked).count(), 0, "{list}");
}
